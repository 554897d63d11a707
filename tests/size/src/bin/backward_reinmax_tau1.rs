//! The backward pass of ReinMax at temperature 1, with any number of draws.
#![no_std]
#![no_main]

size::backward!(|| reinmax_core::ReinMaxTau1);
