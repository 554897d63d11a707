//! The sample node at k = 2 beside a Bernoulli written by hand for k = 2: `cargo bench --bench bernoulli`.
//!
//! Both draw 64 values for each of 128 binary variables from the same generator and keep what a backward pass needs
//! (the drawn category). The node takes logits of any k and is replayed on a tape; the hand-written kernel knows two
//! categories.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use reinmax::kernel::lanes::Lanes;
use reinmax::{Backend, Draws, Host, Kernel, Memory, ReinMax, Result, Shape, Stream, Tape, measure};

const VARIABLES: usize = 128;
const DRAWS: usize = 64;

/// `out = 1 where u < sigmoid(l0 - l1), else 0`, and the category.
struct Bernoulli<'a> {
    logits: &'a [f32],
    uniforms: &'a [f32],
    out: &'a mut [f32],
    category: &'a mut [u32],
}

impl Kernel for Bernoulli<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        // Loops that the compiler vectorises for the level that calls this.
        let rows = self.uniforms.chunks_exact(DRAWS).zip(self.out.chunks_exact_mut(DRAWS));
        let rows = rows.zip(self.category.chunks_exact_mut(DRAWS)).zip(self.logits.chunks_exact(2));
        for (((u, out), category), logits) in rows {
            let p = 1.0 / (1.0 + (logits[1] - logits[0]).exp());
            for ((u, out), category) in u.iter().zip(out).zip(category) {
                *out = if *u < p { 1.0 } else { 0.0 };
                *category = u32::from(*u >= p);
            }
        }
    }
}

fn bernoulli(criterion: &mut Criterion) {
    let host = Host::detect();
    let mut logits = vec![0.0; VARIABLES * 2];
    Stream::new(1, 0).fill_uniforms(0, &mut logits);
    let mut group = criterion.benchmark_group("bernoulli/128x64");
    group.throughput(Throughput::Elements((VARIABLES * DRAWS) as u64));

    let (mut uniforms, mut out) = (vec![0.0; VARIABLES * DRAWS], vec![0.0; VARIABLES * DRAWS]);
    let mut category = vec![0; VARIABLES * DRAWS];
    group.bench_function("by hand", |b| {
        b.iter(|| {
            Stream::new(1, 1).fill_uniforms_on(&host, 0, &mut uniforms);
            let (out, category) = (&mut out, &mut category);
            host.run(Bernoulli { logits: &logits, uniforms: &uniforms, out, category });
        });
    });

    let record = |tape: &mut Tape<'_, Host>| -> Result<reinmax::Mark> {
        let logits = tape.param(Shape::new(VARIABLES as u32, 2), &logits)?;
        let mark = tape.mark();
        let probs = tape.softmax(logits)?;
        tape.sample_column(ReinMax { tau: 1.0 }, logits, probs, DRAWS as u32, 0, Draws::Stream)?;
        Ok(mark)
    };
    let mut memory = Memory::new(&measure(host, |tape| record(tape).map(drop)).expect("it records"));
    let mut tape = Tape::with_backend(memory.slabs(), host);
    let mark = record(&mut tape).expect("it records");
    group.bench_function("softmax and sample nodes", |b| {
        b.iter(|| tape.replay(mark, Draws::Stream).expect("it replays"));
    });
}

criterion_group!(benches, bernoulli);
criterion_main!(benches);
