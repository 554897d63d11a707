//! Estimators that need losses instead of gradients: REINFORCE with several draws and shared losses, and enumeration.

use reinmax::categorical::softmax;
use reinmax::estimator::exact::enumerate;
use reinmax::{Argument, Error, Portable, Reinforce, ScoreEstimator, ScoreInputs};
use reinmax_tests::golden::{Objective, by_latent, load};
use reinmax_tests::{assert_close, assert_same_bits, hosts, tolerance, twin};

/// The polynomial task: a sample's loss is the mean over its variables, shared by all of them; the files' gradient is
/// the mean over the batch.
#[test]
fn reinforce_with_losses_that_all_variables_share() {
    for case in load::<Objective>("poly_objective") {
        let (batch, latent) = (case.batch, case.latent);
        let term = |z: u32| (f32::from(u8::from(z == 0)) - case.target).abs().powf(case.pnorm);
        let loss = |b: usize| case.sample[b * latent..][..latent].iter().map(|z| term(*z)).sum::<f32>() / latent as f32;
        let losses: Vec<f32> = (0..batch).map(loss).map(|f| f / batch as f32).collect();
        let index = by_latent(&case.sample, case.batch, case.latent);
        let mut first: Option<Vec<f32>> = None;
        for host in hosts() {
            let (mut probs, mut grad) = (vec![0.0; latent * 2], vec![0.0; latent * 2]);
            softmax(&host, &case.theta, 2, 1.0, &mut probs).expect("finite logits");
            let inputs = ScoreInputs { probs: &probs, index: &index, losses: &losses, k: 2, draws: batch };
            Reinforce::default().gradient(&host, inputs, &mut grad).expect("valid inputs");
            assert_close(&grad, &case.grad_reinforce, tolerance::GOLDEN, &case.id);
            assert_same_bits(first.get_or_insert_with(|| grad.clone()), &grad, &case.id);
            // The same losses written out for every row.
            let (every, mut same) = (losses.repeat(latent), vec![0.0; latent * 2]);
            let inputs = ScoreInputs { losses: &every, ..inputs };
            Reinforce::default().gradient(&host, inputs, &mut same).expect("valid inputs");
            assert_same_bits(&grad, &same, &case.id);
        }
    }
}

#[test]
fn reinforce_adds_the_draws_of_a_row() {
    for (rows, k, draws) in [(1, 1, 1), (3, 2, 5), (2, 16, 33), (3, 17, 4), (2, 40, 19)] {
        let logits: Vec<f32> = (0..rows * k).map(|i| (i * 7 % 13) as f32 * 0.2 - 1.0).collect();
        let index: Vec<u32> = (0..rows * draws).map(|d| (d * 5 % k) as u32).collect();
        let losses: Vec<f32> = (0..rows * draws).map(|d| (d % 9) as f32 * 0.3 - 1.0).collect();
        let mut expected = vec![0.5; rows * k];
        for (d, (index, f)) in index.iter().zip(&losses).enumerate() {
            let row = d / draws;
            let p = twin::softmax(&twin::wide(&logits[row * k..][..k]), 1.0);
            for (j, (sum, p)) in expected[row * k..].iter_mut().zip(p).enumerate() {
                *sum += (f64::from(*f) - f64::from(0.3_f32)) * (f64::from(u8::from(j == *index as usize)) - p);
            }
        }
        for host in hosts() {
            let (mut probs, mut grad) = (vec![0.0; rows * k], vec![0.5; rows * k]);
            softmax(&host, &logits, k, 1.0, &mut probs).expect("finite logits");
            let inputs = ScoreInputs { probs: &probs, index: &index, losses: &losses, k, draws };
            Reinforce { baseline: 0.3 }.gradient(&host, inputs, &mut grad).expect("valid inputs");
            assert_close(&grad, &expected, tolerance::IDENTITY * 2.0 * draws as f64, "reinforce");
        }
    }
}

#[test]
fn reinforce_refuses_what_does_not_fit() {
    let probs = [0.5; 4];
    let run = |index: &[u32], losses: &[f32], baseline: f32, grad: usize| {
        let inputs = ScoreInputs { probs: &probs, index, losses, k: 2, draws: 3 };
        Reinforce { baseline }.gradient(&Portable, inputs, &mut vec![0.0; grad])
    };
    let length = |argument, expected, got| Err(Error::Length { argument, expected, got });
    assert_eq!(run(&[0; 6], &[1.0; 3], 0.0, 4), Ok(()));
    assert_eq!(run(&[0; 6], &[1.0; 6], 0.0, 4), Ok(()));
    assert_eq!(run(&[0; 6], &[1.0; 4], 0.0, 4), length(Argument::Losses, 6, 4));
    assert_eq!(run(&[0; 5], &[1.0; 6], 0.0, 4), length(Argument::Index, 6, 5));
    assert_eq!(run(&[0; 6], &[1.0; 6], 0.0, 5), length(Argument::Grad, 4, 5));
    let value = |argument, at| Err(Error::Value { argument, at });
    assert_eq!(run(&[0, 0, 0, 0, 2, 0], &[1.0; 6], 0.0, 4), value(Argument::Index, 4));
    assert_eq!(run(&[0; 6], &[1.0; 6], f32::NAN, 4), value(Argument::Baseline, 0));
    let none = ScoreInputs { probs: &probs, index: &[], losses: &[], k: 2, draws: 0 };
    let outcome = Reinforce { baseline: 0.0 }.gradient(&Portable, none, &mut [0.0; 4]);
    assert_eq!(outcome, value(Argument::Repeats, 0));
}

#[test]
fn enumeration_visits_every_state_once_and_refuses_too_many() {
    let (probs, mut state, mut grad) = ([1.0 / 3.0; 9], [0; 3], [f64::NAN; 9]);
    let mut visited = Vec::new();
    let expected = enumerate(&probs, 3, &mut state, &mut grad, |z| {
        visited.push(z.to_vec());
        f64::from(z[0] * 9 + z[1] * 3 + z[2])
    });
    let numbers: Vec<u32> = visited.iter().map(|z| z[0] * 9 + z[1] * 3 + z[2]).collect();
    assert_eq!(numbers, (0..27).collect::<Vec<_>>(), "the last variable is the fastest");
    // The mean of 0..27; its gradient is p (value - mean) for each variable, here weight / 3 times -1, 0, 1.
    assert!((expected.expect("few states") - 13.0).abs() < 13.0 * tolerance::ENUMERATION);
    let exact: Vec<f64> = [9.0, 3.0, 1.0].iter().flat_map(|w| [-w / 3.0, 0.0, w / 3.0]).collect();
    for (grad, exact) in grad.iter().zip(&exact) {
        assert!((grad - exact).abs() < 27.0 * tolerance::ENUMERATION, "{grad} where {exact} is right");
    }
    let (probs, mut state, mut grad) = (vec![0.5; 64], vec![0; 32], vec![0.0; 64]);
    assert_eq!(enumerate(&probs, 2, &mut state, &mut grad, |_| 0.0), Err(Error::TooLarge));
    assert_eq!(enumerate(&[], 0, &mut [], &mut [], |_| 0.0), Err(Error::NoCategories));
    assert!(matches!(enumerate(&[0.5; 4], 2, &mut [0; 3], &mut [0.0; 4], |_| 0.0), Err(Error::Length { .. })));
    for bad in [f32::NAN, -0.5, f32::INFINITY] {
        let outcome = enumerate(&[0.5, 0.5, bad, 0.5], 2, &mut [0; 2], &mut [0.0; 4], |_| 1.0);
        assert_eq!(outcome, Err(Error::Value { argument: Argument::Probs, at: 2 }));
    }
}
