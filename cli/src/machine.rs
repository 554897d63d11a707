//! What a command computes on: the instruction set that the environment names, and a pool of threads.

use std::num::NonZero;

use rayon::{ThreadPool, ThreadPoolBuilder};
use reinmax::Host;

use crate::Failure;

/// The level of `REINMAX_LEVEL`, or the widest that there is.
pub(crate) fn host() -> Result<Host, Failure> {
    Host::from_env().map_err(|error| Failure::usage(format!("REINMAX_LEVEL: {error}")))
}

/// How many threads run at once here.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// As many threads as `--threads` says, or one for each core; more than `tasks` would only wait.
pub(crate) fn pool(threads: Option<u32>, tasks: usize) -> Result<ThreadPool, Failure> {
    // 0 is one for each core.
    let threads = threads.map_or(0, |threads| tasks.clamp(1, threads as usize));
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| Failure::error(format!("cannot start threads: {error}")))
}
