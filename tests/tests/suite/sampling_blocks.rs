//! `categorical::sample`: the bits of softmax, draw and one-hot vectors, however the rows are cut.

use reinmax::categorical::{Samples, draw, one_hot, sample, softmax};
use reinmax::{Argument, Error, Host, Noise, Result, Stream};
use reinmax_tests::{assert_same_bits, hosts, uniforms};

/// Probabilities, indices and one-hot vectors.
type Sampled = (Vec<f32>, Vec<u32>, Vec<f32>);

fn at_once(host: &Host, logits: &[f32], k: usize, noise: Noise<'_>) -> Result<Sampled> {
    let (mut probs, mut hot) = (vec![f32::NAN; logits.len()], vec![f32::NAN; logits.len()]);
    let mut index = vec![u32::MAX; logits.len() / k];
    let out = Samples { probs: &mut probs, index: &mut index, one_hot: &mut hot };
    sample(host, logits, k, 0.7, noise, out)?;
    Ok((probs, index, hot))
}

fn in_three_steps(host: &Host, logits: &[f32], k: usize, noise: Noise<'_>) -> Result<Sampled> {
    let (mut probs, mut hot) = (vec![f32::NAN; logits.len()], vec![f32::NAN; logits.len()]);
    let mut index = vec![u32::MAX; logits.len() / k];
    softmax(host, logits, k, 0.7, &mut probs)?;
    draw(host, &probs, k, 1, noise, &mut index)?;
    one_hot(host, &index, k, &mut hot)?;
    Ok((probs, index, hot))
}

/// Blocks hold 16,384 elements: less than one, a few with a rest, rows longer than one.
#[test]
fn sample_has_the_bits_of_its_three_steps() {
    for (rows, k) in [(0, 3), (3, 1), (40_001, 2), (1_700, 10), (333, 100), (50, 1_000), (35, 9_000)] {
        let logits: Vec<f32> = uniforms(0, rows * k).iter().map(|u| u * 8.0 - 4.0).collect();
        let given = uniforms(1, rows);
        let forced: Vec<u32> = (0..rows).map(|row| (row * 7 % k) as u32).collect();
        let stream = Stream::new(9, 8);
        let noises = [
            Noise::stream(&stream, 11),
            Noise::Uniforms(&given),
            Noise::Forced { index: &forced, stream, position: 0 },
        ];
        for noise in noises {
            for host in hosts().into_iter().flat_map(|host| [1, 3].map(|threads| host.with_threads(threads))) {
                let what = format!("{rows} x {k}, {} threads, {}", host.threads(), host.level());
                let (probs, index, hot) = at_once(&host, &logits, k, noise).expect("logits");
                let (expected_probs, expected_index, expected_hot) =
                    in_three_steps(&host, &logits, k, noise).expect("logits");
                assert_same_bits(&probs, &expected_probs, &what);
                assert_eq!(index, expected_index, "{what}");
                assert_same_bits(&hot, &expected_hot, &what);
            }
        }
    }
}

/// Positions count from the beginning of the arrays, not of a block.
#[test]
fn sample_names_what_is_wrong_where() {
    let (rows, k) = (5_000, 10);
    let mut logits = vec![0.0; rows * k];
    let host = Host::detect();
    let mut late = vec![0.5; rows];
    late[4_321] = 1.0;
    let at = Error::Value { argument: Argument::Uniforms, at: 4_321 };
    assert_eq!(at_once(&host, &logits, k, Noise::Uniforms(&late)).map(drop), Err(at));
    let mut forced = vec![0; rows];
    forced[4_444] = 10;
    let noise = Noise::Forced { index: &forced, stream: Stream::new(0, 0), position: 0 };
    let at = Error::Value { argument: Argument::Index, at: 4_444 };
    assert_eq!(at_once(&host, &logits, k, noise).map(drop), Err(at));

    logits[4_567 * k + 3] = f32::NAN;
    let stream = Stream::new(0, 0);
    for host in hosts().into_iter().flat_map(|host| [1, 3].map(|threads| host.with_threads(threads))) {
        let outcome = at_once(&host, &logits, k, Noise::stream(&stream, 0));
        assert_eq!(outcome.map(drop), Err(Error::Logits { row: 4_567 }), "{}", host.level());
    }

    let (mut probs, mut index, mut hot) = (vec![0.0; 6], vec![0; 2], vec![0.0; 6]);
    let mut with = |probs_len: usize, index_len: usize, hot_len: usize| {
        let (probs, index, one_hot) = (&mut probs[..probs_len], &mut index[..index_len], &mut hot[..hot_len]);
        sample(&host, &[0.0; 6], 3, 1.0, Noise::stream(&stream, 0), Samples { probs, index, one_hot })
    };
    assert_eq!(with(6, 2, 6), Ok(()));
    let length = |argument, expected, got| Err(Error::Length { argument, expected, got });
    assert_eq!(with(5, 2, 6), length(Argument::Probs, 6, 5));
    assert_eq!(with(6, 1, 6), length(Argument::Index, 2, 1));
    assert_eq!(with(6, 2, 3), length(Argument::Output, 6, 3));
}
