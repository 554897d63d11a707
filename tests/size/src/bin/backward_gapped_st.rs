//! The backward pass of Gapped Straight-Through with a constant gap, with any number of draws.
#![no_std]
#![no_main]

size::backward!(|tau: f32, gap: f32| reinmax_core::GappedSt { tau, gap: reinmax_core::Gap::Constant(gap) });
