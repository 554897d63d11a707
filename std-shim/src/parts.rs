//! One kernel over several threads.
//!
//! A thread that sleeps takes tens of microseconds to wake. So a kernel is cut into more parts than there are threads,
//! each of which takes another part when it is done with one: those that are awake do not wait for the others. Each
//! begins in a stretch of its own, where it finds in its cache what it left there the last time.

use std::sync::Mutex;

use reinmax_core::kernel::LANES;
use reinmax_core::{Outcome, Split};

/// A part of a kernel, until a thread takes it, and what came of it.
struct Part<K, O> {
    waiting: Mutex<Option<K>>,
    outcome: Mutex<Option<O>>,
}

impl<K, O> Part<K, O> {
    fn new(kernel: K) -> Self {
        Part { waiting: Mutex::new(Some(kernel)), outcome: Mutex::new(None) }
    }
}

/// Runs `kernel` by `run`, in up to `parts` parts of whole rows (a multiple of sixteen each), on the calling thread and
/// `threads` - 1 of rayon's current pool.
pub(crate) fn run_parts<K: Split, O: Outcome>(
    kernel: K,
    parts: usize,
    threads: usize,
    run: impl Fn(K) -> O + Sync,
) -> O {
    let rows = kernel.rows().div_ceil(parts).next_multiple_of(LANES);
    let parts = cut(kernel, rows);
    rayon::in_place_scope(|scope| {
        for thread in 1..threads {
            let (parts, run) = (&parts, &run);
            scope.spawn(move |_| run_from(parts, parts.len() * thread / threads, run));
        }
        run_from(&parts, 0, &run);
    });
    let outcomes = parts.into_iter().filter_map(|part| part.outcome.into_inner().ok().flatten()).zip(0..);
    let joined = outcomes.reduce(|(joined, _), (next, part)| (joined.join(next, part * rows), part));
    joined.map_or_else(|| unreachable!("the scope has waited for every part"), |(joined, _)| joined)
}

/// Parts of `rows` rows each; the last may have fewer.
fn cut<K: Split, O>(kernel: K, rows: usize) -> Vec<Part<K, O>> {
    let mut parts = Vec::with_capacity(kernel.rows().div_ceil(rows));
    let mut rest = kernel;
    while rest.rows() > rows {
        let (part, others) = rest.split(rows);
        parts.push(Part::new(part));
        rest = others;
    }
    parts.push(Part::new(rest));
    parts
}

/// Runs every part that no other thread has taken, from number `start` on and round to it.
fn run_from<K, O>(parts: &[Part<K, O>], start: usize, run: &impl Fn(K) -> O) {
    for part in parts.iter().cycle().skip(start).take(parts.len()) {
        let kernel = part.waiting.lock().ok().and_then(|mut waiting| waiting.take());
        if let Some(kernel) = kernel {
            let outcome = run(kernel);
            if let Ok(mut slot) = part.outcome.lock() {
                *slot = Some(outcome);
            }
        }
    }
}
