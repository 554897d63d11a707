//! The backward pass of Straight-Through, at any temperature, with any number of draws.
#![no_std]
#![no_main]

size::backward!(|tau: f32| reinmax_core::StraightThrough { tau });
