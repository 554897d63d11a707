//! Interleaved timing.

use std::time::{Duration, Instant};

use crate::statistics::median;

/// How long one sample should take: long against the clock's resolution, short against a time slice.
const SAMPLE: Duration = Duration::from_micros(500);

/// Nanoseconds of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    pub(super) median: f64,
    pub(super) min: f64,
}

impl Timing {
    /// Of samples in nanoseconds.
    pub(super) fn of(samples: &[f64]) -> Self {
        Timing { median: median(samples), min: samples.iter().copied().fold(f64::NAN, f64::min) }
    }
}

/// Times `count` things against each other: `rounds` rounds, each of which times every thing once. `call(i)` runs
/// thing i.
pub(super) fn interleaved(count: usize, rounds: usize, mut call: impl FnMut(usize)) -> Vec<Timing> {
    let repeats: Vec<u32> = (0..count).map(|thing| calibrated(|| call(thing))).collect();
    let mut samples = vec![Vec::with_capacity(rounds); count];
    for _ in 0..rounds {
        for (thing, (samples, repeats)) in samples.iter_mut().zip(&repeats).enumerate() {
            let start = Instant::now();
            for _ in 0..*repeats {
                call(thing);
            }
            samples.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(*repeats));
        }
    }
    samples.iter().map(|samples| Timing::of(samples)).collect()
}

/// How many calls make up a sample. The first call, which may fault pages in, is not looked at.
fn calibrated(mut call: impl FnMut()) -> u32 {
    call();
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        call();
        best = best.min(start.elapsed());
    }
    let repeats = SAMPLE.as_nanos() / best.as_nanos().max(10);
    u32::try_from(repeats).unwrap_or(u32::MAX).clamp(1, 100_000)
}
