//! The backward pass of minimum-variance estimation, with any number of draws.
#![no_std]
#![no_main]

size::backward!(|| reinmax_core::Mve);
