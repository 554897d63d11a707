//! Sizes at the edge of what is possible: none, more than an estimator takes, more than a tape can address.

use reinmax::categorical::Noise;
use reinmax::optim::{Adam, Optimizer};
use reinmax::{
    Argument, DrawInputs, Draws, Error, Estimator, Gap, GappedSt, GradientInputs, GumbelSoftmax, Mve, Node, Portable,
    ReinMax, Shape, Stream, Tape, measure,
};

/// The second of the three nodes of a long column would begin beyond 2^32: the first is not recorded either.
#[test]
fn a_column_is_recorded_whole_or_not_at_all() {
    let mut nodes = vec![Node::EMPTY; 8];
    let mut tape = Tape::measuring(&mut nodes, Portable);
    let x = tape.param(Shape::new(1, 17), &[0.0; 17]).expect("room");
    tape.repeat_rows(x, 80_000_000).expect("room");
    let logits = tape.repeat_rows(x, 60_000_000).expect("room");
    let probs = tape.softmax(logits).expect("room");
    let (before, footprint) = (tape.mark(), tape.footprint());
    let column = tape.sample_column(ReinMax { tau: 1.0 }, logits, probs, 1, 0, Draws::Stream);
    assert_eq!(column, Err(Error::TooLarge));
    assert_eq!((tape.mark(), tape.footprint()), (before, footprint));
}

/// Also while measuring, where nothing is drawn.
#[test]
fn more_categories_than_an_estimator_takes_are_refused_when_it_is_recorded() {
    let measured = |k: u32| {
        measure(Portable, |tape| {
            let logits = tape.param(Shape::new(1, k), &vec![0.0; k as usize])?;
            let probs = tape.softmax(logits)?;
            tape.sample(Mve, logits, probs, Draws::Stream).map(drop)
        })
    };
    assert!(measured(32).is_ok());
    assert_eq!(measured(33), Err(Error::Value { argument: Argument::Categories, at: 33 }));
}

#[test]
fn relaxed_samples_of_no_draws_or_too_many_categories_are_refused() {
    let gapped = GappedSt { tau: 0.1, gap: Gap::Constant(1.0) };
    let relaxed = |k: usize, draws: usize, index: &[u32]| {
        let (x, mut out) = (vec![0.0; k], vec![0.0; k * draws]);
        let (logits, probs, saved, upstream, column) = (&x[..], &x[..], &[][..], &[][..], None);
        let inputs = GradientInputs { logits, probs, index, saved, upstream, k, draws, column };
        gapped.relaxed(&Portable, inputs, &mut out)
    };
    assert_eq!(relaxed(3, 1, &[2]), Ok(()));
    assert_eq!(relaxed(3, 0, &[]), Err(Error::Value { argument: Argument::Repeats, at: 0 }));
    let k = (1 << 24) + 1;
    assert_eq!(relaxed(k, 1, &[1 << 24]), Err(Error::Value { argument: Argument::Categories, at: k }));
}

#[test]
fn no_rows_have_any_number_of_draws() {
    let noise = Noise::stream(&Stream::new(0, 0), 0);
    let inputs = DrawInputs { logits: &[], probs: &[], k: 2, draws: usize::MAX, noise };
    assert_eq!(GumbelSoftmax { tau: 1.0 }.draw(&Portable, inputs, &mut [], &mut []), Ok(()));
    assert_eq!(Adam::state_len(usize::MAX), usize::MAX);
}
