//! Element by element: one function of up to three operands, written or added to the output.

use super::lanes::{Function, Lanes};
use super::rows::{cut, cut_mut};
use crate::{Kernel, Split};

/// `out[i] = f(inputs[0][i], ..)`, or `out[i] += ..`. Inputs are as long as `out`.
#[derive(Debug)]
pub struct Pointwise<'a, F, const M: usize> {
    /// The function.
    pub f: F,
    /// Its operands.
    pub inputs: [&'a [f32]; M],
    /// What the results are added to.
    pub base: Base,
    /// Its results.
    pub out: &'a mut [f32],
}

/// What a pointwise result is added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Nothing: the result is written.
    Nothing,
    /// 0: the bits of an addition to a zeroed gradient (-0 becomes 0), without reading it.
    Zero,
    /// What `out` holds.
    Out,
}

impl<F: Function<M>, const M: usize> Kernel for Pointwise<'_, F, M> {
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
            match self.base {
                Base::Nothing => y,
                Base::Zero => L::splat(0.0) + y,
                Base::Out => L::load(out) + y,
            }
            .store(out);
        }
    }
}

impl<F: Function<M>, const M: usize> Split for Pointwise<'_, F, M> {
    fn rows(&self) -> usize {
        self.out.len()
    }
    fn work(&self) -> usize {
        self.out.len()
    }
    fn split(self, row: usize) -> (Self, Self) {
        let Pointwise { f, inputs, base, out } = self;
        let (out_a, out_b) = cut_mut(out, 1, row);
        let (a, b) = (inputs.map(|x| cut(x, 1, row).0), inputs.map(|x| cut(x, 1, row).1));
        (Pointwise { f, inputs: a, base, out: out_a }, Pointwise { f, inputs: b, base, out: out_b })
    }
}
