//! The backward pass of Gumbel-Rao, with any number of relaxed samples.
#![no_std]
#![no_main]

size::backward!(|tau: f32, relaxed_samples: u32| reinmax_core::GumbelRao { tau, relaxed_samples });
