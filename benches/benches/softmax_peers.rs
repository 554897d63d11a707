//! softmax beside rten-vecmath and candle-nn, one thread each: `RAYON_NUM_THREADS=1 cargo bench --bench softmax_peers`.

use std::mem::MaybeUninit;

use candle_core::{Device, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use reinmax::{Host, Numerics};
use reinmax_benches::Operands;
use rten_simd::SimdOp;

fn softmax(criterion: &mut Criterion) {
    for (rows, k) in [(8192, 2), (2048, 8), (1638, 10), (512, 32), (128, 128), (16, 1000), (4, 4096), (16_384, 1000)] {
        let mut operands = Operands::new(rows, k).expect("a shape");
        let logits = operands.logits().to_vec();
        let mut group = criterion.benchmark_group(format!("softmax/{rows}x{k}"));
        group.throughput(Throughput::Elements((rows * k) as u64));
        for numerics in [Numerics::Portable, Numerics::Fast] {
            let host = Host::detect().with_numerics(numerics);
            group.bench_function(format!("reinmax {}", numerics.name()), |b| {
                b.iter(|| operands.call("softmax", &host));
            });
        }
        let mut out = vec![MaybeUninit::new(0.0_f32); rows * k];
        group.bench_function("rten-vecmath", |b| {
            b.iter(|| {
                for (row, out) in logits.chunks(k).zip(out.chunks_mut(k)) {
                    rten_vecmath::Softmax::new(row, out).dispatch();
                }
            });
        });
        let tensor = Tensor::from_slice(&logits, (rows, k), &Device::Cpu).expect("a tensor");
        group.bench_function("candle-nn", |b| {
            b.iter(|| candle_nn::ops::softmax_last_dim(&tensor).expect("a tensor"));
        });
    }
}

criterion_group!(benches, softmax);
criterion_main!(benches);
