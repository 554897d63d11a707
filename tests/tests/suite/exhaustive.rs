//! The stated error bounds of exp and ln, on every float of their ranges. Minutes, so on request: `./ci.sh exhaustive`.

use reinmax::Host;
use reinmax_tests::elementary::{Function, ulps};
use reinmax_tests::tolerance;

/// The greatest error over the floats whose bits run from `first` to `last`.
fn greatest_error(function: Function, sign: f32, first: u32, last: u32) -> (f64, f32) {
    let host = Host::detect();
    let (mut x, mut out) = (vec![0.0; 1 << 16], vec![0.0; 1 << 16]);
    let mut worst = (0.0, 0.0);
    let mut bits = u64::from(first);
    while bits <= u64::from(last) {
        let count = x.len().min((u64::from(last) - bits + 1) as usize);
        for (offset, x) in x[..count].iter_mut().enumerate() {
            *x = sign * f32::from_bits(bits as u32 + offset as u32);
        }
        function.map(host, &x[..count], &mut out[..count]);
        for (x, got) in x[..count].iter().zip(&out) {
            let error = ulps(*got, function.truth(*x));
            assert!(!error.is_nan(), "NaN at {x:e}");
            if error > worst.0 {
                worst = (error, *x);
            }
        }
        bits += count as u64;
    }
    worst
}

#[test]
#[ignore = "every float of the range: minutes; ./ci.sh exhaustive"]
fn exp_is_within_its_bound_on_every_float() {
    let (error, at) = greatest_error(Function::Exp, -1.0, 0, 87.3_f32.to_bits());
    println!("exp: {error} ULP at {at:e}");
    assert!(error <= tolerance::EXP_ULP, "{error} ULP at {at:e}");
}

#[test]
#[ignore = "every float of the range: minutes; ./ci.sh exhaustive"]
fn ln_is_within_its_bound_on_every_float() {
    let (error, at) = greatest_error(Function::Ln, 1.0, 1, f32::MAX.to_bits());
    println!("ln: {error} ULP at {at:e}");
    assert!(error <= tolerance::LN_ULP, "{error} ULP at {at:e}");
}

#[test]
#[ignore = "every float of the range: minutes; ./ci.sh exhaustive"]
fn square_roots_in_software_are_rounded_correctly_on_every_float() {
    for x in (0..=f32::INFINITY.to_bits()).map(f32::from_bits) {
        assert_eq!(reinmax::kernel::sqrt::in_software(x), x.sqrt(), "{x:e}");
    }
}
