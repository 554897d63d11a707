//! An estimator from outside of the crate that saves as many floats for a draw as it likes.

use reinmax::categorical::softmax;
use reinmax::kernel::direction::{Direction, dot};
use reinmax::kernel::gradient::{AddGradient, Formula, Group};
use reinmax::kernel::lanes::Lanes;
use reinmax::{Backend, Estimator, GradientInputs, OneLane, Result};
use reinmax_tests::{assert_close, assert_same_bits, hosts, tolerance, twin};

/// Straight-Through times the sum of `SAVED` numbers.
#[derive(Clone, Copy, Debug)]
struct Scaled<const SAVED: usize>;

impl<const SAVED: usize> Estimator for Scaled<SAVED> {
    const NAME: &'static str = "scaled";

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn to_config(self) -> [f32; 4] {
        [0.0; 4]
    }

    fn from_config(_: [f32; 4]) -> Self {
        Scaled
    }

    fn saved_per_draw(&self, _k: usize) -> usize {
        SAVED
    }

    fn backward<B: Backend>(&self, backend: &B, inputs: GradientInputs<'_>, grad: &mut [f32]) -> Result<()> {
        inputs.check(SAVED, grad.len())?;
        backend.run_rows(AddGradient { formula: *self, inputs, grad });
        Ok(())
    }
}

impl<const SAVED: usize> Formula for Scaled<SAVED> {
    const LOGITS: bool = false;

    fn saved_per_draw(_k: usize) -> usize {
        SAVED
    }

    /// For short rows: with lanes across draws a vector of `saved` is one number of each.
    #[inline(always)]
    fn add<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, grad: &mut [f32]) {
        let scale = group.saved.chunks(L::N).fold(L::splat(0.0), |sum, x| sum + L::load(x));
        let mean = dot::<L, D>(group.probs, group.upstream);
        for ((p, g), grad) in group.probs.chunks(L::N).zip(group.upstream.chunks(L::N)).zip(grad.chunks_mut(L::N)) {
            (L::load(grad) + L::load(p) * (L::load(g) - mean) * scale).store(grad);
        }
    }
}

fn check<const SAVED: usize>(k: usize, draws: usize) {
    let rows = 21;
    let numbers = |len: usize, seed: usize| -> Vec<f32> {
        (0..len).map(|at| ((at * 37 + seed) % 101) as f32 / 50.0 - 1.0).collect()
    };
    let logits = numbers(rows * k, 1);
    let (upstream, saved) = (numbers(rows * draws * k, 2), numbers(rows * draws * SAVED, 3));
    let index = vec![0; rows * draws];
    let mut probs = vec![0.0; logits.len()];
    softmax(&OneLane, &logits, k, 1.0, &mut probs).expect("a softmax");
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
    let mut one_lane = vec![0.0; logits.len()];
    Scaled::<SAVED>.backward(&OneLane, inputs, &mut one_lane).expect("valid");

    let wide = twin::wide;
    let mut expected = vec![0.0; logits.len()];
    for (row, expected) in expected.chunks_mut(k).enumerate() {
        for draw in row * draws..(row + 1) * draws {
            let scale: f64 = wide(&saved[draw * SAVED..][..SAVED]).iter().sum();
            let product = twin::jacobian_product(&wide(&probs[row * k..][..k]), &wide(&upstream[draw * k..][..k]));
            expected.iter_mut().zip(product).for_each(|(sum, x)| *sum += scale * x);
        }
    }
    let greatest = expected.iter().fold(1.0_f64, |greatest, x| greatest.max(x.abs()));
    let context = format!("{SAVED} saved, k = {k}, {draws} draws");
    assert!(expected.iter().any(|x| x.abs() > 0.01), "{context}");
    assert_close(&one_lane, &expected, tolerance::FORWARD * greatest, &context);
    for host in hosts() {
        let mut grad = vec![0.0; logits.len()];
        Scaled::<SAVED>.backward(&host, inputs, &mut grad).expect("valid");
        assert_same_bits(&one_lane, &grad, &format!("{context} on {}", host.level()));
    }
}

/// A tile has room for sixteen numbers of each draw; more must not be cut off.
#[test]
fn every_saved_number_counts() {
    for k in [2, 3, 16] {
        for draws in [1, 5, 33] {
            check::<1>(k, draws);
            check::<16>(k, draws);
            check::<17>(k, draws);
            check::<40>(k, draws);
        }
    }
}
