//! The backward pass of Gumbel-Rao, with any number of draws.
#![no_std]
#![no_main]

size::backward!(|tau: f32, draws: u32| reinmax_core::GumbelRao { tau, draws });
