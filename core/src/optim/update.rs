//! The loop of Adam and RAdam over all parameters: one rule for one parameter, on as many lanes as the backend has.
//! Divisions and square roots are rounded correctly on every lane, so the bits do not depend on how many.

use crate::kernel::lanes::Lanes;
use crate::kernel::rows::{cut, cut_mut};
use crate::{Backend, Kernel, Split};

/// What becomes of one parameter and of its two moments.
pub(super) trait Rule: Copy + Send {
    /// The parameter and its moments, one update later.
    fn call<L: Lanes>(self, param: L, grad: L, moments: [L; 2]) -> (L, [L; 2]);
}

/// Updates all parameters in place. `state` is all first moments, then all second ones; lengths have been checked.
pub(super) fn update<B: Backend, R: Rule>(backend: &B, rule: R, params: &mut [f32], grads: &[f32], state: &mut [f32]) {
    let (first, second) = cut_mut(state, 1, params.len());
    backend.run_rows(Update { rule, params, grads, first, second });
}

struct Update<'a, R> {
    rule: R,
    params: &'a mut [f32],
    grads: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl<R: Rule> Kernel for Update<'_, R> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Update { rule, params, grads, first, second } = self;
        if L::N == 1 {
            // Without slices of one float: a fifth less code.
            for (((p, g), m), v) in params.iter_mut().zip(grads).zip(first).zip(second) {
                let (param, moments) = rule.call(L::splat(*p), L::splat(*g), [L::splat(*m), L::splat(*v)]);
                (*p, [*m, *v]) = (param.first(), moments.map(L::first));
            }
            return;
        }
        let state = first.chunks_mut(L::N).zip(second.chunks_mut(L::N));
        for ((p, g), (m, v)) in params.chunks_mut(L::N).zip(grads.chunks(L::N)).zip(state) {
            let (param, [first, second]) = rule.call(L::load(p), L::load(g), [L::load(m), L::load(v)]);
            param.store(p);
            first.store(m);
            second.store(v);
        }
    }
}

impl<R: Rule> Split for Update<'_, R> {
    fn rows(&self) -> usize {
        self.params.len()
    }
    fn work(&self) -> usize {
        self.params.len()
    }
    fn split(self, row: usize) -> (Self, Self) {
        let Update { rule, params, grads, first, second } = self;
        let (params, later_params) = cut_mut(params, 1, row);
        let (grads, later_grads) = cut(grads, 1, row);
        let ((first, later_first), (second, later_second)) = (cut_mut(first, 1, row), cut_mut(second, 1, row));
        (
            Update { rule, params, grads, first, second },
            Update { rule, params: later_params, grads: later_grads, first: later_first, second: later_second },
        )
    }
}

/// First and second moment of the gradient, one update later.
#[inline(always)]
pub(super) fn moments<L: Lanes>(grad: L, [m, v]: [L; 2], beta1: f32, beta2: f32) -> [L; 2] {
    // PyTorch's lerp, from whichever end is the nearer: with beta1 = 0 nothing is left of m.
    let first = if beta1 > 0.5 { m + L::splat(1.0 - beta1) * (grad - m) } else { grad - L::splat(beta1) * (grad - m) };
    [first, L::splat(beta2) * v + L::splat(1.0 - beta2) * grad * grad]
}
