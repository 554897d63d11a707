//! softmax beside rten-vecmath and candle-nn, one thread each.
//!
//! `RAYON_NUM_THREADS=1 cargo bench --features peers --bench softmax_peers` runs them under criterion, one after the
//! other, to find regressions. `... -- in-turn` runs them millisecond by millisecond in turn, and prints the median of
//! each as JSON: what libraries are compared by, as a machine's clock may move by half between two seconds.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::time::Instant;

use candle_core::{Device, Tensor};
use criterion::{Criterion, Throughput};
use reinmax::{Floats, Host, Numerics, categorical};
use reinmax_benches::Operands;
use rten_simd::SimdOp;

const SHAPES: [(usize, usize); 8] =
    [(8192, 2), (2048, 8), (1638, 10), (512, 32), (128, 128), (16, 1000), (4, 4096), (16_384, 1000)];

const LIBRARIES: [&str; 4] = ["reinmax portable", "reinmax fast", "rten-vecmath", "candle-nn"];

/// Rounds of each library in turn; a call or more that take a millisecond are one.
const ROUNDS: usize = 31;

/// One matrix for all libraries, and one output, both from the beginning of a cache line: where an array lies can make
/// a fifth of the time.
struct Softmax {
    k: usize,
    logits: Floats,
    tensor: Tensor,
    out: Floats,
}

impl Softmax {
    fn new(rows: usize, k: usize) -> Self {
        let logits = Floats::from(Operands::new(rows, k).expect("a shape").logits());
        let tensor = Tensor::from_slice(&logits[..], (rows, k), &Device::Cpu).expect("a tensor");
        Softmax { k, tensor, out: Floats::zeros(logits.len()), logits }
    }

    fn call(&mut self, library: &str) {
        let Softmax { k, logits, tensor, out } = self;
        let (logits, out) = (black_box(&logits[..]), black_box(&mut out[..]));
        let ours = |numerics, out| {
            categorical::softmax(&Host::detect().with_numerics(numerics), logits, *k, 1.0, out).expect("logits");
        };
        match library {
            "reinmax portable" => ours(Numerics::Portable, out),
            "reinmax fast" => ours(Numerics::Fast, out),
            "rten-vecmath" => {
                for (row, out) in logits.chunks(*k).zip(out.chunks_mut(*k)) {
                    rten_vecmath::Softmax::new(row, uninitialised(out)).dispatch();
                }
            }
            _ => drop(black_box(candle_nn::ops::softmax_last_dim(tensor).expect("a tensor"))),
        }
    }
}

/// The same memory, for a function that only writes numbers to it.
fn uninitialised(out: &mut [f32]) -> &mut [MaybeUninit<f32>] {
    let out: *mut [f32] = out;
    // SAFETY: the layouts are the same, and softmax writes every element and nothing but floats.
    unsafe { &mut *(out as *mut [MaybeUninit<f32>]) }
}

fn under_criterion() {
    let mut criterion = Criterion::default().configure_from_args();
    for (rows, k) in SHAPES {
        let mut softmax = Softmax::new(rows, k);
        let mut group = criterion.benchmark_group(format!("softmax/{rows}x{k}"));
        group.throughput(Throughput::Elements((rows * k) as u64));
        for library in LIBRARIES {
            group.bench_function(library, |b| b.iter(|| softmax.call(library)));
        }
    }
    criterion.final_summary();
}

/// Prints `[[library, rows, k, nanoseconds an element], ...]`.
fn in_turn() {
    let mut lines = Vec::new();
    for (rows, k) in SHAPES {
        let mut softmax = Softmax::new(rows, k);
        let mut seconds = |library: &str, calls: u32| {
            let start = Instant::now();
            (0..calls).for_each(|_| softmax.call(library));
            start.elapsed().as_secs_f64() / f64::from(calls)
        };
        let calls = LIBRARIES.map(|library| (1e-3 / seconds(library, 2)).ceil() as u32);
        let mut times = LIBRARIES.map(|_| Vec::new());
        for _ in 0..ROUNDS {
            for ((library, calls), times) in LIBRARIES.into_iter().zip(calls).zip(&mut times) {
                times.push(seconds(library, calls));
            }
        }
        for (library, mut times) in LIBRARIES.into_iter().zip(times) {
            times.sort_by(f64::total_cmp);
            lines.push(format!("[\"{library}\", {rows}, {k}, {}]", times[ROUNDS / 2] * 1e9 / (rows * k) as f64));
        }
    }
    println!("[{}]", lines.join(",\n"));
}

fn main() {
    if std::env::args().any(|argument| argument == "in-turn") { in_turn() } else { under_criterion() }
}
