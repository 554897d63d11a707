//! `compare`: the laboratory. Bias and variance of estimators against exact gradients, and their training curves over
//! temperatures.

pub(crate) mod args;
mod gradients;
mod measure;
mod moments;
mod picture;
mod problem;
mod report;

pub(crate) use gradients::gradients;
