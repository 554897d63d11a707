//! The backward pass of Rao-Blackwellised ReinMax, with any number of relaxed samples.
#![no_std]
#![no_main]

size::backward!(|tau: f32, relaxed_samples: u32| reinmax_core::ReinMaxRao { tau, relaxed_samples });
