//! exp and ln of the kernels, applied to slices, and their distance from the truth.

use reinmax::kernel::exp::{exp_nonpositive, ln};
use reinmax::kernel::lanes::Lanes;
use reinmax::{Backend, Host, Kernel};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// e^x for x <= 0.
    Exp,
    /// ln x for x >= 0.
    Ln,
}

impl Function {
    /// The function in double precision.
    pub fn truth(self, x: f32) -> f64 {
        match self {
            Function::Exp => f64::from(x).exp(),
            Function::Ln => f64::from(x).ln(),
        }
    }

    /// The kernels' function, into `out`.
    pub fn map(self, host: Host, x: &[f32], out: &mut [f32]) {
        host.run(Map { function: self, x, out });
    }
}

struct Map<'a> {
    function: Function,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Map<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (x, out) in self.x.chunks(L::N).zip(self.out.chunks_mut(L::N)) {
            match self.function {
                Function::Exp => exp_nonpositive(L::load(x)),
                Function::Ln => ln(L::load(x)),
            }
            .store(out);
        }
    }
}

/// The distance in units of the last place of the true value.
pub fn ulps(got: f32, truth: f64) -> f64 {
    let nearest = (truth as f32).abs().max(f32::MIN_POSITIVE);
    let unit = f64::from(f32::from_bits(nearest.to_bits() + 1) - nearest);
    (f64::from(got) - truth).abs() / unit
}
