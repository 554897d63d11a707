//! `compare`: the laboratory. Bias and variance of estimators against exact gradients, and their training curves over
//! temperatures.

pub(crate) mod args;
mod gradients;
mod measure;
mod moments;
mod picture;
mod problem;
mod report;
mod subject;
mod sweep;
mod table;
mod tally;

pub(crate) use gradients::gradients;
pub(crate) use sweep::polynomial;
