//! The generator: value stability, leapfrog and jumps against `rand_pcg`, independence of streams.

use rand_core::Rng;
use rand_pcg::Pcg32;
use reinmax::categorical::Noise;
use reinmax::random::{fill_uniforms, uniform};
use reinmax::{Argument, Error, Portable, Stream};
use reinmax_tests::tolerance::SIGMAS;
use reinmax_tests::{assert_same_bits, hosts};

/// SplitMix64, written again from its definition.
fn splitmix64(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn a_stream_is_pcg32_with_mixed_seed_and_stream() {
    for (seed, stream) in [(0, 0), (1, 0), (0, 1), (42, 7), (u64::MAX, u64::MAX)] {
        for index in [0, 1, 15, 17, 1_000_000, u64::MAX - 3] {
            let mut reference = Pcg32::new(splitmix64(seed), splitmix64(stream));
            reference.advance(index);
            for length in 0..=130 {
                let mut generator = reference.clone();
                let expected: Vec<f32> = (0..length).map(|_| uniform(generator.next_u32())).collect();
                let mut got = vec![0.0; length];
                Stream::new(seed, stream).fill_uniforms(index, &mut got);
                for host in hosts() {
                    let mut on_level = vec![f32::NAN; got.len()];
                    Stream::new(seed, stream).fill_uniforms_on(&host, index, &mut on_level);
                    assert_same_bits(&on_level, &got, host.level().name());
                }
                assert_eq!(got, expected, "seed {seed} stream {stream} index {index}");
            }
            assert_eq!(Stream::new(seed, stream).pcg32(index), reference);
        }
    }
}

/// These numbers are part of the interface: a change of any of them changes every user's results.
#[test]
fn values_are_pinned() {
    let first = |seed, stream, index| {
        let mut generator = Stream::new(seed, stream).pcg32(index);
        [generator.next_u32(), generator.next_u32(), generator.next_u32(), generator.next_u32()]
    };
    assert_eq!(first(0, 0, 0), PINNED[0]);
    assert_eq!(first(42, 7, 0), PINNED[1]);
    assert_eq!(first(42, 7, 1_000_000), PINNED[2]);
}

#[test]
fn uniforms_lie_strictly_inside_and_their_complement_is_exact() {
    let (low, high) = (uniform(0), uniform(u32::MAX));
    assert_eq!((low, high), (2.0_f32.powi(-24), 1.0 - 2.0_f32.powi(-24)));
    for output in (0..=u32::MAX).step_by(65_521) {
        let u = uniform(output);
        assert!(u > 0.0 && u < 1.0);
        assert_eq!(f64::from(1.0 - u), 1.0 - f64::from(u));
    }
}

#[test]
fn any_generator_fills_uniforms() {
    let (mut a, mut b) = (Pcg32::new(1, 2), Pcg32::new(1, 2));
    let mut out = [0.0; 5];
    fill_uniforms(&mut a, &mut out);
    assert_eq!(out, [(); 5].map(|()| uniform(b.next_u32())));
}

#[test]
fn streams_are_uncorrelated() {
    const N: usize = 4096;
    let sample = |stream: u64| {
        let mut x = vec![0.0; N];
        Stream::new(9, stream).fill_uniforms(0, &mut x);
        x
    };
    let mut streams: Vec<Vec<f32>> = (0..47).map(sample).collect();
    // The companion of a stream is one more.
    let mut companion = vec![0.0; N];
    Stream::new(9, 0).companion().fill_uniforms(0, &mut companion);
    streams.push(companion);
    for (i, a) in streams.iter().enumerate() {
        for b in &streams[..i] {
            let centred = |x: &f32| f64::from(*x) - 0.5;
            let covariance: f64 = a.iter().zip(b).map(|(a, b)| centred(a) * centred(b)).sum::<f64>() / N as f64;
            let sigmas = covariance * 12.0 * (N as f64).sqrt();
            assert!(sigmas.abs() < SIGMAS, "stream {i}: {sigmas} standard deviations");
        }
    }
}

const PINNED: [[u32; 4]; 3] = [
    [0xb2498d88, 0x4b9ae863, 0x5f6e2acb, 0xc6fef215],
    [0x69bf7f16, 0x11ed6cb3, 0x090c4a94, 0x12076a88],
    [0x1dfce207, 0x5c0742f4, 0x2bcbf06f, 0xd7ab5407],
];

/// Whatever the noise is, the uniforms behind it can be read.
#[test]
fn noise_gives_its_uniforms() {
    let stream = Stream::new(5, 6);
    let numbers = |stream: Stream, index| {
        let mut x = vec![0.0; 40];
        stream.fill_uniforms(index, &mut x);
        x
    };
    let (plain, companion) = (numbers(stream, 70), numbers(stream.companion(), 70));
    let forced = Noise::Forced { index: &[1, 2], stream, position: 70 };
    for host in hosts() {
        for (noise, expected) in
            [(Noise::stream(&stream, 70), &plain), (Noise::Uniforms(&plain), &plain), (forced, &companion)]
        {
            let mut x = vec![f32::NAN; 40];
            noise.fill_uniforms(&host, &mut x).expect("enough of them");
            assert_same_bits(&x, expected, host.level().name());
        }
    }
    let refused = |given: &[f32]| Noise::Uniforms(given).fill_uniforms(&Portable, &mut [0.0; 2]).expect_err("refused");
    let argument = Argument::Uniforms;
    assert_eq!(refused(&[0.5]), Error::Length { argument, expected: 2, got: 1 });
    assert_eq!(refused(&[0.5, 1.0]), Error::Value { argument, at: 1 });
}
