//! The backward pass of DARN, with any number of draws.
#![no_std]
#![no_main]

size::backward!(|| reinmax_core::Darn);
