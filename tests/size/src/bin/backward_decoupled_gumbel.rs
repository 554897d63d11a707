//! The backward pass of decoupled Gumbel-Softmax, with any number of draws.
#![no_std]
#![no_main]

size::backward!(|tau_forward: f32, tau_backward: f32| reinmax_core::DecoupledGumbel { tau_forward, tau_backward });
