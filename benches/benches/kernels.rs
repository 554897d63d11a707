//! Each kernel on each level, for regressions: `cargo bench --bench kernels`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use reinmax::{Host, Level};
use reinmax_benches::{KERNELS, Operands};

fn kernels(criterion: &mut Criterion) {
    for (rows, k) in [(8192, 2), (1638, 10), (128, 128), (16, 1000)] {
        let mut operands = Operands::new(rows, k).expect("a shape");
        for kernel in KERNELS {
            let mut group = criterion.benchmark_group(format!("{kernel}/{rows}x{k}"));
            group.throughput(Throughput::Elements((rows * k) as u64));
            for level in Level::available() {
                let host = Host::new(level).expect("an available level");
                group.bench_function(level.name(), |b| b.iter(|| operands.call(kernel, &host)));
            }
        }
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
