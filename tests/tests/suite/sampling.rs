//! Draws: the definition of the index, written naively; cursors; forced and given noise; distributions.

use reinmax::categorical::{draw, one_hot, softmax};
use reinmax::{
    Argument, Draws, Error, Estimator, GumbelSoftmax, Host, Memory, Noise, Portable, ReinMax, ReinMaxTau1, Shape,
    Stream, Tape,
};
use reinmax_tests::hosts;
use reinmax_tests::tolerance::SIGMAS;

/// The smallest index whose prefix sum exceeds u * total. prefix(j): whole blocks of 16 before j, each folded by halves
/// and added in order, plus the running sum inside j's block.
fn index_by_definition(p: &[f32], u: f32) -> u32 {
    let folded = |block: &[f32]| {
        let mut x = block.to_vec();
        while x.len() > 1 {
            let half = x.len() / 2;
            x = (0..half).map(|i| x[i] + x[i + half]).collect();
        }
        x[0]
    };
    let mut prefixes = Vec::with_capacity(p.len());
    let mut before = 0.0;
    for block in p.chunks(16) {
        let mut sum = 0.0;
        for p in block {
            sum += p;
            prefixes.push(before + sum);
        }
        before += if block.len() == 16 { folded(block) } else { 0.0 };
    }
    let threshold = u * prefixes[p.len() - 1];
    let hit = (0..p.len()).find(|j| p[*j] > 0.0 && prefixes[*j] > threshold);
    hit.unwrap_or_else(|| p.iter().rposition(|p| *p > 0.0).expect("a possible category")) as u32
}

/// Logits with masks and a wide range.
fn logits(n: usize, salt: usize) -> Vec<f32> {
    let number = |i: usize| ((i * 7919 + salt * 31) % 997) as f32 / 100.0 - 5.0;
    (0..n).map(|i| if (i + salt) % 11 == 5 { f32::NEG_INFINITY } else { number(i) }).collect()
}

#[test]
fn the_index_is_the_one_of_the_definition() {
    for k in (1..=130).chain([255, 256, 1000, 4097]) {
        let rows = if k > 130 { 2 } else { 19 };
        let mut x = logits(rows * k, k);
        // A row of masks alone has no softmax.
        x.chunks_mut(k).for_each(|row| row[0] = 0.5);
        for draws in [1, 2, 16, 37] {
            let uniforms: Vec<f32> = (0..rows * draws)
                .map(|i| match i % 13 {
                    0 => 0.0,
                    1 => 1.0 - f32::EPSILON / 2.0,
                    _ => ((i * 2654435761_usize) % 16_777_216) as f32 / 16_777_216.0,
                })
                .collect();
            let mut first: Option<Vec<u32>> = None;
            for host in hosts() {
                let mut probs = vec![0.0; x.len()];
                softmax(&host, &x, k, 1.0, &mut probs).expect("a softmax");
                let mut index = vec![0; rows * draws];
                draw(&host, &probs, k, draws, Noise::Uniforms(&uniforms), &mut index).expect("valid uniforms");
                let expected = first.get_or_insert_with(|| {
                    let one = |(at, u): (usize, &f32)| index_by_definition(&probs[at / draws * k..][..k], *u);
                    uniforms.iter().enumerate().map(one).collect()
                });
                assert_eq!(&index, expected, "k = {k}, {draws} draws, {}", host.level());
            }
        }
    }
}

/// Long rows keep prefix sums of groups of blocks. Every length up to groups of two and three blocks, and some beyond;
/// draws that fall in the last block, in the one before, and anywhere.
#[test]
fn rows_of_every_length_draw_by_the_definition() {
    for k in (17..=2200).chain([3_000, 4_096, 5_000, 16_400, 100_000]) {
        let number = |i: usize| 1.0 + ((i * 7919) % 997) as f32 / 500.0;
        let flat: Vec<f32> = (0..k).map(number).collect();
        let mut late = flat.clone();
        late[k - 1 - k % 16 / 2] += 1000.0 * k as f32;
        let probs = [flat, late].concat();
        for draws in [1, 5] {
            let end = 1.0 - 8.0 / k as f32;
            let uniforms: Vec<f32> = [0.5, end, 1.0 - 24.0 / k as f32, 1.0 - f32::EPSILON / 2.0, 0.123, 0.77, end]
                .into_iter()
                .cycle()
                .skip(k)
                .take(2 * draws)
                .map(|u| f32::max(u, 0.0))
                .collect();
            let one = |(at, u): (usize, &f32)| index_by_definition(&probs[at / draws * k..][..k], *u);
            let expected: Vec<u32> = uniforms.iter().enumerate().map(one).collect();
            for host in hosts() {
                let mut index = vec![0; 2 * draws];
                draw(&host, &probs, k, draws, Noise::Uniforms(&uniforms), &mut index).expect("valid uniforms");
                assert_eq!(index, expected, "k = {k}, {draws} draws, {}", host.level());
            }
        }
    }
}

#[test]
fn masked_categories_are_never_drawn() {
    for k in [2, 5, 16, 17, 40] {
        let mut x = logits(k, 3);
        (x[0], x[k - 1]) = (f32::NEG_INFINITY, 0.0);
        let host = Host::detect();
        let (mut probs, mut index) = (vec![0.0; k], vec![0; 100_000]);
        softmax(&host, &x, k, 1.0, &mut probs).expect("a softmax");
        draw(&host, &probs, k, index.len(), Noise::stream(&Stream::new(4, 2), 0), &mut index).expect("a stream");
        assert!(index.iter().all(|j| probs[*j as usize] > 0.0));
    }
}

/// Chi-squared against the probabilities: the statistic has k - 1 degrees of freedom, mean k - 1, variance 2 (k - 1).
#[test]
fn draws_follow_the_probabilities() {
    const N: usize = 200_000;
    for k in [2, 8, 17, 100] {
        let host = Host::detect();
        let x: Vec<f32> = (0..k).map(|j| (j % 5) as f32 * 0.4).collect();
        let (mut probs, mut index) = (vec![0.0; k], vec![0; N]);
        softmax(&host, &x, k, 1.0, &mut probs).expect("a softmax");
        draw(&host, &probs, k, N, Noise::stream(&Stream::new(1, k as u64), 0), &mut index).expect("a stream");
        assert_plausible(&index, &probs, "inversion");
        let mut memory = Memory::new(&reinmax::Footprint {
            nodes: 4,
            values: N * k + 2 * k,
            grads: N * k + 2 * k,
            saved: N * (k + 1),
        });
        let mut tape = Tape::with_backend(memory.slabs(), host);
        let logits = tape.input(Shape::new(1, k as u32), &x).expect("room");
        let probs_var = tape.softmax(logits).expect("room");
        let sample = GumbelSoftmax { tau: 1.0 };
        let z = tape.sample_many(sample, logits, probs_var, N as u32, Draws::Stream).expect("room");
        let of = |row: &[f32]| row.iter().position(|x| *x == 1.0).expect("one-hot") as u32;
        let index: Vec<u32> = tape.value(z).expect("live").chunks(k).map(of).collect();
        assert_plausible(&index, &probs, "argmax of Gumbel noise");
    }
}

fn assert_plausible(index: &[u32], probs: &[f32], what: &str) {
    let n = index.len() as f64;
    let mut counts = vec![0.0; probs.len()];
    index.iter().for_each(|j| counts[*j as usize] += 1.0);
    let term = |(count, p): (&f64, &f32)| (count - n * f64::from(*p)).powi(2) / (n * f64::from(*p));
    let chi_squared: f64 = counts.iter().zip(probs).map(term).sum();
    let freedom = probs.len() as f64 - 1.0;
    let sigmas = (chi_squared - freedom) / (2.0 * freedom).sqrt();
    assert!(sigmas < SIGMAS, "{what}, k = {}: {sigmas} standard deviations", probs.len());
}

#[test]
fn draws_are_a_function_of_seed_stream_and_index() {
    for host in hosts() {
        let probs = [0.2, 0.3, 0.5].repeat(40);
        let mut whole = vec![0; 40];
        let stream = Stream::new(8, 1);
        draw(&host, &probs, 3, 1, Noise::stream(&stream, 100), &mut whole).expect("a stream");
        let (mut head, mut tail) = (vec![0; 13], vec![0; 27]);
        draw(&host, &probs[..39], 3, 1, Noise::stream(&stream, 100), &mut head).expect("a stream");
        draw(&host, &probs[39..], 3, 1, Noise::stream(&stream, 113), &mut tail).expect("a stream");
        assert_eq!([head, tail].concat(), whole, "{}", host.level());
        // Row-major in (row, draw): rows that are alike draw as one longer row would.
        let mut many = vec![0; 40];
        draw(&host, &probs[..6], 3, 20, Noise::stream(&stream, 100), &mut many).expect("a stream");
        assert_eq!(many, whole, "{}", host.level());
    }
}

#[test]
fn the_cursor_moves_by_rows_times_draws_times_width() {
    let mut memory = reinmax::TapeMem::<8, 256, 256, 128>::new();
    let mut tape = Tape::new(memory.slabs());
    tape.seed(1, 2);
    let logits = tape.param(Shape::new(3, 4), &[0.0; 12]).expect("room");
    let probs = tape.softmax(logits).expect("room");
    let start = tape.mark();
    tape.sample_many(ReinMax { tau: 1.0 }, logits, probs, 5, Draws::Stream).expect("room");
    assert_eq!(tape.cursor(), 15);
    tape.sample(GumbelSoftmax { tau: 1.0 }, logits, probs, Draws::Stream).expect("room");
    assert_eq!(tape.cursor(), 15 + 12);
    tape.replay(start, Draws::Stream).expect("it ran before");
    assert_eq!(tape.cursor(), 2 * 27);
    tape.replay(start, Draws::Uniforms(&[0.5; 27])).expect("27 uniforms");
    tape.replay(start, Draws::Forced(&[3; 18])).expect("18 indices");
    assert_eq!(tape.cursor(), 2 * 27);
    let short = Error::Length { argument: Argument::Uniforms, expected: 27, got: 26 };
    assert_eq!(tape.replay(start, Draws::Uniforms(&[0.5; 26])), Err(short));
    let surplus = Error::Length { argument: Argument::Index, expected: 18, got: 19 };
    assert_eq!(tape.replay(start, Draws::Forced(&[3; 19])), Err(surplus));
}

#[test]
fn a_category_of_probability_zero_can_be_forced() {
    for host in hosts() {
        for k in [2, 16, 40] {
            let mut x = vec![0.0; k];
            x[1] = f32::NEG_INFINITY;
            let mut memory = Memory::new(&reinmax::Footprint { nodes: 8, values: 400, grads: 400, saved: 100 });
            let mut tape = Tape::with_backend(memory.slabs(), host);
            let logits = tape.param(Shape::new(1, k as u32), &x).expect("room");
            let probs = tape.softmax(logits).expect("room");
            let a = tape.sample(ReinMax { tau: 1.0 }, logits, probs, Draws::Forced(&[1])).expect("forced");
            let b = tape.sample(GumbelSoftmax { tau: 0.5 }, logits, probs, Draws::Forced(&[1])).expect("forced");
            assert_eq!(tape.value(a).expect("live")[1], 1.0);
            assert_eq!(tape.value(b).expect("live")[1], 1.0);
            let both = tape.add(a, b).expect("room");
            let upstream: Vec<f32> = (0..k).map(|j| j as f32 * 0.1).collect();
            tape.backward_with(both, &upstream).expect("a gradient");
            assert!(tape.param_grads().iter().all(|g| g.is_finite()), "k = {k}, {}", host.level());
        }
    }
}

/// Noise given the index: its argmax is the index, and its distribution that of free draws which gave this index.
#[test]
fn a_forced_gumbel_index_has_noise_of_its_own() {
    use reinmax::{DrawInputs, Estimator};
    const N: usize = 40_000;
    let (host, estimator, logits) = (Host::detect(), GumbelSoftmax { tau: 1.0 }, [0.7, -0.4, 0.1]);
    let mut probs = [0.0; 3];
    softmax(&host, &logits, 3, 1.0, &mut probs).expect("a softmax");
    let run = |noise: Noise<'_>| {
        let (mut index, mut saved) = (vec![0; N], vec![0.0; 3 * N]);
        let inputs = DrawInputs { logits: &logits, probs: &probs, k: 3, draws: N, noise };
        estimator.draw(&host, inputs, &mut index, &mut saved).expect("valid noise");
        (index, saved)
    };
    let stream = Stream::new(5, 5);
    let (free_index, free) = run(Noise::stream(&stream, 0));
    for forced in 0..3 {
        let (_, given) = run(Noise::Forced { index: &[forced; N], stream, position: 0 });
        let margins = |v: &[f32]| -> Vec<f64> {
            let greatest = v[forced as usize];
            (0..3).filter(|j| *j != forced as usize).map(|j| f64::from(greatest - v[j])).collect()
        };
        let given: Vec<_> = given.chunks(3).map(margins).collect();
        assert!(given.iter().flatten().all(|margin| *margin >= 0.0), "the forced index is the argmax");
        let drawn = free.chunks(3).zip(&free_index).filter(|(_, index)| **index == forced);
        let free: Vec<_> = drawn.map(|(v, _)| margins(v)).collect();
        for other in 0..2 {
            let (mean_a, variance_a) = moments(given.iter().map(|m| m[other]));
            let (mean_b, variance_b) = moments(free.iter().map(|m| m[other]));
            let spread = (variance_a / given.len() as f64 + variance_b / free.len() as f64).sqrt();
            assert!((mean_a - mean_b).abs() < SIGMAS * spread, "{forced}: {mean_a} and {mean_b}, +- {spread}");
        }
    }
}

fn moments(x: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = x.clone().count() as f64;
    let mean = x.clone().sum::<f64>() / n;
    (mean, x.map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

#[test]
fn sample_column_has_the_bits_of_sample_and_column() {
    for host in hosts() {
        for (k, repeats) in [(2, 64), (3, 5), (10, 1), (16, 20), (17, 4), (40, 1)] {
            let shape = Shape::new(19, k);
            let x: Vec<f32> = (0..shape.len()).map(|i| ((i * 37) % 50) as f32 * 0.05).collect();
            let run = |fused: bool| -> (Vec<f32>, Vec<f32>) {
                let room = 19 * 64 * k as usize * 2 + 8000;
                let footprint = reinmax::Footprint { nodes: 8, values: room, grads: room, saved: room };
                let mut memory = Memory::new(&footprint);
                let mut tape = Tape::with_backend(memory.slabs(), host);
                let logits = tape.param(shape, &x).expect("room");
                let probs = tape.softmax(logits).expect("room");
                let estimator = ReinMax { tau: if k % 2 == 0 { 1.0 } else { 1.3 } };
                let column = if fused {
                    tape.sample_column(estimator, logits, probs, repeats, 1, Draws::Stream).expect("room")
                } else {
                    let z = tape.sample_many(estimator, logits, probs, repeats, Draws::Stream).expect("room");
                    tape.column(z, 1).expect("room")
                };
                let upstream: Vec<f32> = (0..19 * repeats as usize).map(|i| (i % 9) as f32 - 4.0).collect();
                tape.backward_with(column, &upstream).expect("a gradient");
                (tape.value(column).expect("live").to_vec(), tape.param_grads().to_vec())
            };
            assert_eq!(run(true), run(false), "k = {k}, {repeats} repeats, {}", host.level());
        }
    }
}

/// What a small program links in place of the general calls has their bits.
#[test]
fn short_columns_and_an_untempered_estimator_have_the_bits_of_the_general_ones() {
    fn run<E: Estimator>(host: Host, estimator: E, k: u32, short: bool) -> reinmax::Result<(Vec<f32>, Vec<f32>)> {
        let footprint = reinmax::Footprint { nodes: 8, values: 8000, grads: 8000, saved: 8000 };
        let mut memory = Memory::new(&footprint);
        let mut tape = Tape::with_backend(memory.slabs(), host);
        let shape = Shape::new(19, k);
        let x: Vec<f32> = (0..shape.len()).map(|i| ((i * 37) % 50) as f32 * 0.05).collect();
        let logits = tape.param(shape, &x)?;
        let probs = tape.softmax(logits)?;
        let column = if short {
            tape.sample_short_column(estimator, logits, probs, 3, 1, Draws::Stream)?
        } else {
            tape.sample_column(estimator, logits, probs, 3, 1, Draws::Stream)?
        };
        let upstream: Vec<f32> = (0..57).map(|i| (i % 9) as f32 - 4.0).collect();
        tape.backward_with(column, &upstream)?;
        Ok((tape.value(column)?.to_vec(), tape.param_grads().to_vec()))
    }
    for host in hosts() {
        for k in [2, 5, 16] {
            let small = run(host, ReinMaxTau1, k, true);
            assert_eq!(small, run(host, ReinMax { tau: 1.0 }, k, false), "k = {k}, {}", host.level());
            assert!(small.is_ok());
        }
        let refused = Error::Value { argument: Argument::Categories, at: 17 };
        assert_eq!(run(host, ReinMaxTau1, 17, true), Err(refused));
    }
}

#[test]
fn one_hot_rows() {
    let mut out = [9.0; 6];
    one_hot(&Portable, &[2, 0], 3, &mut out).expect("valid indices");
    assert_eq!(out, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    assert_eq!(one_hot(&Portable, &[2, 3], 3, &mut out), Err(Error::Value { argument: Argument::Index, at: 1 }));
}

#[test]
fn a_slice_that_ends_within_a_row_is_named() {
    let length = |argument| Err(Error::Length { argument, expected: 6, got: 7 });
    assert_eq!(softmax(&Portable, &[0.0; 7], 3, 1.0, &mut [0.0; 7]), length(Argument::Logits));
    assert_eq!(draw(&Portable, &[0.5; 7], 3, 1, Noise::Uniforms(&[]), &mut []), length(Argument::Probs));
    assert_eq!(one_hot(&Portable, &[0; 2], 3, &mut [0.0; 7]), length(Argument::Output));
}
