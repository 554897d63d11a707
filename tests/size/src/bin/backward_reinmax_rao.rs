//! The backward pass of Rao-Blackwellised ReinMax, with any number of draws.
#![no_std]
#![no_main]

size::backward!(|tau: f32, draws: u32| reinmax_core::ReinMaxRao { tau, draws });
