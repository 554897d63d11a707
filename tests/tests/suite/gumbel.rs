//! Gumbel-Softmax: its noise by definition, its gradient against a double-precision twin, and forced indices.

use proptest::prelude::*;
use reinmax::categorical::softmax;
use reinmax::{
    Argument, Backend, DrawInputs, Draws, Error, Estimator, GradientInputs, GumbelSoftmax, Memory, Noise, OneLane,
    Portable, Shape, Stream, Tape, Var, measure,
};
use reinmax_tests::{assert_close, assert_same_bits, hosts, tolerance, twin};

/// Draws of one row of logits.
struct Drawn {
    probs: Vec<f32>,
    index: Vec<u32>,
    saved: Vec<f32>,
}

fn drawn(backend: &impl Backend, logits: &[f32], draws: usize, noise: Noise<'_>) -> Drawn {
    let k = logits.len();
    let (mut probs, mut index, mut saved) = (vec![0.0; k], vec![0; draws], vec![f32::NAN; draws * k]);
    softmax(backend, logits, k, 1.0, &mut probs).expect("a softmax");
    let inputs = DrawInputs { logits, probs: &probs, k, draws, noise };
    GumbelSoftmax { tau: 1.0 }.draw(backend, inputs, &mut index, &mut saved).expect("valid noise");
    Drawn { probs, index, saved }
}

/// l - max l - ln(-ln u), uniforms in the order (draw, category); the index is the argmax.
#[test]
fn perturbed_logits_are_those_of_the_definition() {
    for k in [1, 2, 3, 16, 17, 40] {
        let logits: Vec<f32> =
            (0..k).map(|j| if j % 7 == 3 { f32::NEG_INFINITY } else { j as f32 * 0.4 - 3.0 }).collect();
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for draws in [1, 5, 20] {
            let stream = Stream::new(3, k as u64);
            let mut uniforms = vec![0.0; draws * k];
            stream.fill_uniforms(11, &mut uniforms);
            let perturbed = |(at, u): (usize, &f32)| f64::from(logits[at % k] - max) - (-f64::from(*u).ln()).ln();
            let expected: Vec<f64> = uniforms.iter().enumerate().map(perturbed).collect();
            for host in hosts() {
                let of_stream = drawn(&host, &logits, draws, Noise::stream(&stream, 11));
                let of_slice = drawn(&host, &logits, draws, Noise::Uniforms(&uniforms));
                assert_same_bits(&of_stream.saved, &of_slice.saved, "stream and slice");
                assert_eq!(of_stream.index, of_slice.index);
                for ((saved, expected), index) in
                    of_stream.saved.chunks(k).zip(expected.chunks(k)).zip(&of_stream.index)
                {
                    for (saved, expected) in saved.iter().zip(expected) {
                        let close = (f64::from(*saved) - expected).abs() <= tolerance::FORWARD * 20.0;
                        assert!(close || f64::from(*saved) == *expected, "k = {k}: {saved} where {expected} is right");
                    }
                    let before = saved[..*index as usize].iter().all(|v| *v < saved[*index as usize]);
                    assert!(before && saved.iter().all(|v| *v <= saved[*index as usize]), "the first argmax");
                }
            }
        }
    }
}

/// A caller's uniforms may be 0 or the greatest float below 1; the noise stays finite.
#[test]
fn noise_is_finite_at_both_ends() {
    let (low, high) = (0.0, 1.0 - f32::EPSILON / 2.0);
    for host in hosts() {
        let Drawn { index, saved, .. } =
            drawn(&host, &[0.0; 4], 2, Noise::Uniforms(&[low, low, high, low, low, 0.5, low, low]));
        assert!(saved.iter().all(|v| v.is_finite()), "{saved:?}");
        assert_eq!(index, [2, 1]);
    }
}

/// Logits far from 0 lose nothing: the maximum is subtracted before the noise is added.
#[test]
fn a_shift_of_1e4_changes_no_bit() {
    let (logits, shifted) = ([1.0, -2.0, 0.5, 3.0], [10001.0, 9998.0, 10000.5, 10003.0]);
    for host in hosts() {
        let stream = Stream::new(7, 7);
        let (a, b) = (
            drawn(&host, &logits, 50, Noise::stream(&stream, 0)),
            drawn(&host, &shifted, 50, Noise::stream(&stream, 0)),
        );
        assert_same_bits(&a.saved, &b.saved, "perturbed logits");
        assert_eq!(a.index, b.index);
    }
}

/// Whatever the position in the stream, the forced index is the argmax of its noise, bits are equal on all levels, and
/// masks stay masks.
#[test]
fn a_forced_index_wins_everywhere() {
    for k in [1, 2, 3, 16, 17, 40] {
        let mut logits: Vec<f32> = (0..k).map(|j| (j % 5) as f32 * 3.0 - 8.0).collect();
        if k > 2 {
            logits[k / 2] = f32::NEG_INFINITY;
        }
        let forced: Vec<u32> = (0..200).map(|d| d % k as u32).collect();
        for position in [0, 1, 15, 1_000_003] {
            let noise = Noise::Forced { index: &forced, stream: Stream::new(2, 3), position };
            let mut first: Option<Vec<f32>> = None;
            for host in hosts() {
                let Drawn { index, saved, .. } = drawn(&host, &logits, forced.len(), noise);
                assert_eq!(index, forced);
                assert_same_bits(first.get_or_insert_with(|| saved.clone()), &saved, host.level().name());
                for (v, index) in saved.chunks(k).zip(&index) {
                    let winner = v[*index as usize];
                    assert!(winner.is_finite() && v.iter().all(|v| *v <= winner), "k = {k}: {v:?}, {index}");
                    let masked = |j: usize| logits[j] == f32::NEG_INFINITY && j != *index as usize;
                    assert!((0..k).all(|j| (v[j] == f32::NEG_INFINITY) == masked(j)), "k = {k}: {v:?}");
                }
            }
        }
    }
}

/// Many rows at once are those rows one at a time, whatever lies across the lanes.
#[test]
fn rows_do_not_depend_on_their_neighbours() {
    for k in (1..=34).chain([64, 130]) {
        for (rows, draws) in [(1, 1), (3, 1), (16, 1), (37, 1), (3, 17), (5, 2)] {
            let mut logits = vec![0.0; rows * k];
            Stream::new(5, k as u64).fill_uniforms(0, &mut logits);
            // Equal logits and masks; the first of each row stays.
            for (at, x) in logits.iter_mut().enumerate() {
                *x = if at % k > 0 && at % 5 == 4 { f32::NEG_INFINITY } else { (*x * 4.0).round() * 100.0 };
            }
            let probs = vec![1.0 / k as f32; rows * k];
            let stream = Stream::new(7, 8);
            let rows_from = |row: usize, count: usize| Part { logits: &logits, probs: &probs, k, draws, row, count };
            let mut alone = (Vec::new(), Vec::new());
            for row in 0..rows {
                let (index, saved) = rows_from(row, 1).draw(&OneLane, &stream);
                alone.0.extend(index);
                alone.1.extend(saved);
            }
            for host in hosts() {
                let (index, saved) = rows_from(0, rows).draw(&host, &stream);
                assert_eq!(index, alone.0, "k = {k}, {rows} x {draws} on {}", host.level());
                assert_same_bits(&saved, &alone.1, "perturbed logits");
            }
        }
    }
}

/// Some rows of a matrix of logits.
struct Part<'a> {
    logits: &'a [f32],
    probs: &'a [f32],
    k: usize,
    draws: usize,
    row: usize,
    count: usize,
}

impl Part<'_> {
    /// Their draws, from the place in the stream that belongs to them.
    fn draw(&self, backend: &impl Backend, stream: &Stream) -> (Vec<u32>, Vec<f32>) {
        let Part { logits, probs, k, draws, row, count } = *self;
        let (noise, part) = (Noise::stream(stream, (row * draws * k) as u64), row * k..(row + count) * k);
        let inputs = DrawInputs { logits: &logits[part.clone()], probs: &probs[part], k, draws, noise };
        let (mut index, mut saved) = (vec![u32::MAX; count * draws], vec![f32::NAN; count * draws * k]);
        GumbelSoftmax::default().draw(backend, inputs, &mut index, &mut saved).expect("valid logits");
        (index, saved)
    }
}

#[test]
fn bad_logits_name_their_row() {
    let estimator = GumbelSoftmax { tau: 1.0 };
    for (k, draws) in [(1, 3), (3, 3), (17, 3), (1, 1), (3, 1), (17, 1)] {
        for bad in [f32::NAN, f32::INFINITY] {
            for bad_row in [0, 2, 19] {
                let mut logits = vec![0.5; 20 * k];
                logits[bad_row * k + k / 2] = bad;
                let probs = vec![1.0 / k as f32; 20 * k];
                for host in hosts() {
                    let noise = Noise::stream(&Stream::new(1, 1), 0);
                    let inputs = DrawInputs { logits: &logits, probs: &probs, k, draws, noise };
                    let (mut index, mut saved) = (vec![0; 20 * draws], vec![0.0; 20 * draws * k]);
                    let outcome = estimator.draw(&host, inputs, &mut index, &mut saved);
                    assert_eq!(outcome, Err(Error::Logits { row: bad_row }), "k = {k}, {bad}");
                }
            }
        }
    }
}

fn problem() -> impl Strategy<Value = (Vec<f32>, Vec<f32>, f32, usize, u64)> {
    let logit = prop_oneof![8 => -3.0_f32..3.0, 2 => -50.0_f32..50.0, 1 => Just(f32::NEG_INFINITY)];
    (1_usize..=40, 1_usize..=35).prop_flat_map(move |(k, draws)| {
        let logits = prop::collection::vec(logit.clone(), k);
        let upstream = prop::collection::vec(-2.0_f32..2.0, k * draws);
        (logits, upstream, 0.3_f32..3.0, Just(draws), any::<u64>()).prop_map(|(mut logits, g, tau, draws, seed)| {
            if logits[0] == f32::NEG_INFINITY {
                logits[0] = 0.0;
            }
            (logits, g, tau, draws, seed)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// J(softmax(v / tau)) g / tau over the draws of a row, v the perturbed logits; each sum is 0.
    #[test]
    fn gradients_match_their_twin((logits, upstream, tau, draws, seed) in problem(), forced in any::<bool>()) {
        let k = logits.len();
        let index: Vec<u32> = (0..draws).map(|d| (d * 3 % k) as u32).collect();
        let stream = Stream::new(seed, 1);
        let noise = if forced {
            Noise::Forced { index: &index, stream, position: 5 }
        } else {
            Noise::stream(&stream, 5)
        };
        let mut first: Option<Vec<f32>> = None;
        for host in hosts() {
            let Drawn { probs, index, saved } = drawn(&host, &logits, draws, noise);
            let inputs = GradientInputs {
                logits: &logits,
                probs: &probs,
                index: &index,
                saved: &saved,
                upstream: &upstream,
                k,
                draws,
                column: None,
            };
            let mut grad = vec![0.0; k];
            GumbelSoftmax { tau }.backward(&host, inputs, &mut grad).expect("valid inputs");
            let mut expected = vec![0.0; k];
            for (v, g) in saved.chunks(k).zip(upstream.chunks(k)) {
                let one = twin::straight_through(&twin::wide(v), &twin::wide(g), f64::from(tau));
                expected.iter_mut().zip(one).for_each(|(sum, x)| *sum += x);
            }
            let scale = 2.0 * f64::from(1.0 / tau).max(1.0) * draws as f64 * (k as f64).sqrt();
            assert_close(&grad, &expected, tolerance::IDENTITY * scale, "gumbel_softmax");
            prop_assert!(twin::wide(&grad).iter().sum::<f64>().abs() <= tolerance::IDENTITY * scale);
            assert_same_bits(first.get_or_insert_with(|| grad.clone()), &grad, host.level().name());
        }
    }
}

/// Forced draws leave the cursor alone, but two nodes do not share their noise; a replay has the bits of the recording.
#[test]
fn two_forced_nodes_have_noise_of_their_own() {
    let logits = [0.3, -0.2, 0.9];
    let record = |tape: &mut Tape<'_, Portable>| -> reinmax::Result<[Var; 2]> {
        let logits = tape.param(Shape::new(1, 3), &logits)?;
        let probs = tape.softmax(logits)?;
        let first = tape.sample(GumbelSoftmax::default(), logits, probs, Draws::Forced(&[1]))?;
        Ok([first, tape.sample(GumbelSoftmax::default(), logits, probs, Draws::Forced(&[1]))?])
    };
    let mut memory = Memory::new(&measure(Portable, |tape| record(tape).map(drop)).expect("it records"));
    let mut tape = Tape::new(memory.slabs());
    let start = tape.mark();
    let nodes = record(&mut tape).expect("it records");
    let gradients = |tape: &mut Tape<'_, Portable>| {
        nodes.map(|node| {
            tape.zero_grad().expect("gradients");
            tape.backward_with(node, &[1.0, 0.0, -1.0]).expect("it has a gradient");
            tape.param_grads().to_vec()
        })
    };
    let [first, second] = gradients(&mut tape);
    assert_ne!(first, second);
    tape.replay(start, Draws::Forced(&[1, 1])).expect("two draws");
    assert_eq!(gradients(&mut tape), [first, second]);
    assert_eq!(tape.cursor(), 0);
}

/// What is wrong with the caller's noise is not blamed on the logits.
#[test]
fn noise_that_is_not_finite_is_named() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let (noise, mut index, mut saved) = ([0.5, 0.5, 0.5, 0.5, bad, 0.5], [0; 2], [0.0; 6]);
        let outcome = GumbelSoftmax { tau: 1.0 }.draw_with_gumbel(&[0.0; 6], 3, 1, &noise, &mut index, &mut saved);
        assert_eq!(outcome, Err(Error::Value { argument: Argument::Gumbel, at: 4 }));
    }
}
