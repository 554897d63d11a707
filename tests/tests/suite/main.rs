//! All tests that cross crates, in one program: kernels are compiled once for every level instead of once a file.

mod allocations;
mod corners;
mod exhaustive;
mod expectations;
mod family;
mod family_twins;
mod fuzz_corpus;
mod golden;
mod golden_tasks;
mod gradients;
mod gumbel;
mod handles;
mod identities;
mod kernels;
mod numerics;
mod optim;
mod optim_twins;
mod order;
mod parallel;
mod random;
mod rollback;
mod sampling;
mod sampling_blocks;
mod scores;
mod tape;
