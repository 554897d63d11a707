//! The stated error bounds of exp and ln, on every float of their ranges. Minutes, so on request: `./ci.sh exhaustive`.

use reinmax::kernel::exp::{exp_nonpositive, ln};
use reinmax::kernel::lanes::Lanes;
use reinmax::{Backend, Host, Kernel};

/// A function of the table, as a kernel.
struct Map<'a> {
    logarithm: bool,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Map<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (x, out) in self.x.chunks(L::N).zip(self.out.chunks_mut(L::N)) {
            let x = L::load_or(x, if self.logarithm { 1.0 } else { 0.0 });
            if self.logarithm { ln(x) } else { exp_nonpositive(x) }.store(out);
        }
    }
}

/// The distance in units of the last place of the true value.
fn ulps(got: f32, truth: f64) -> f64 {
    let nearest = (truth as f32).abs().max(f32::MIN_POSITIVE);
    let unit = f64::from(f32::from_bits(nearest.to_bits() + 1) - nearest);
    (f64::from(got) - truth).abs() / unit
}

/// The greatest error over the floats whose bits run from `first` to `last`.
fn greatest_error(logarithm: bool, sign: f32, first: u32, last: u32) -> (f64, f32) {
    let host = Host::detect();
    let (mut x, mut out) = (vec![0.0; 1 << 16], vec![0.0; 1 << 16]);
    let mut worst = (0.0, 0.0);
    let mut bits = u64::from(first);
    while bits <= u64::from(last) {
        let count = x.len().min((u64::from(last) - bits + 1) as usize);
        for (offset, x) in x[..count].iter_mut().enumerate() {
            *x = sign * f32::from_bits(bits as u32 + offset as u32);
        }
        host.run(Map { logarithm, x: &x[..count], out: &mut out[..count] });
        for (x, got) in x[..count].iter().zip(&out) {
            let truth = if logarithm { f64::from(*x).ln() } else { f64::from(*x).exp() };
            let error = ulps(*got, truth);
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
    let (error, at) = greatest_error(false, -1.0, 0, 87.3_f32.to_bits());
    println!("exp: {error} ULP at {at:e}");
    assert!(error <= reinmax_tests::tolerance::EXP_ULP, "{error} ULP at {at:e}");
}

#[test]
#[ignore = "every float of the range: minutes; ./ci.sh exhaustive"]
fn ln_is_within_its_bound_on_every_float() {
    let (error, at) = greatest_error(true, 1.0, 1, f32::MAX.to_bits());
    println!("ln: {error} ULP at {at:e}");
    assert!(error <= reinmax_tests::tolerance::LN_ULP, "{error} ULP at {at:e}");
}
