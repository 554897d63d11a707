//! The backward pass of ReinMax, at any temperature, with any number of draws.
#![no_std]
#![no_main]

size::backward!(|tau: f32| reinmax_core::ReinMax { tau });
