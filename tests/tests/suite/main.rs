//! All tests that cross crates, in one program: kernels are compiled once for every level instead of once a file.

mod exhaustive;
mod fuzz_corpus;
mod golden;
mod gradients;
mod identities;
mod kernels;
mod optim;
mod parallel;
mod random;
mod sampling;
mod tape;
