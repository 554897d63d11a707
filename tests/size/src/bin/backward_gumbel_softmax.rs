//! The backward pass of Gumbel-Softmax, with any number of draws.
#![no_std]
#![no_main]

size::backward!(|tau: f32| reinmax_core::GumbelSoftmax { tau });
