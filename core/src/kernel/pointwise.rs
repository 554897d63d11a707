//! Element by element: one function of up to three operands, written or added to the output.

use super::lanes::Lanes;
use crate::Kernel;

/// A function of `M` numbers, given for lanes.
pub trait Function<const M: usize>: Copy {
    /// The function, on every lane at once.
    fn call<L: Lanes>(self, x: [L; M]) -> L;
}

/// `out[i] = f(inputs[0][i], ..)`, or `out[i] += ..` with `ADD`. Inputs are as long as `out`.
#[derive(Debug)]
pub struct Pointwise<'a, F, const M: usize, const ADD: bool> {
    /// The function.
    pub f: F,
    /// Its operands.
    pub inputs: [&'a [f32]; M],
    /// Its results.
    pub out: &'a mut [f32],
}

impl<F: Function<M>, const M: usize, const ADD: bool> Kernel for Pointwise<'_, F, M, ADD> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut rest = self.inputs;
        for out in self.out.chunks_mut(L::N) {
            let mut x = [L::splat(0.0); M];
            for (x, rest) in x.iter_mut().zip(&mut rest) {
                let (head, tail) = rest.split_at_checked(L::N).unwrap_or((rest, &[]));
                *x = L::load(head);
                *rest = tail;
            }
            let y = self.f.call(x);
            let y = if ADD { L::load(out) + y } else { y };
            y.store(out);
        }
    }
}
