//! The loop over all parameters: one rule for one parameter, on as many lanes as the backend has. Divisions and square
//! roots are rounded correctly on every lane, so the bits do not depend on how many.

use crate::kernel::lanes::Lanes;
use crate::kernel::rows::{cut, cut_mut};
use crate::{Backend, Kernel, Split};

/// What becomes of one parameter and of its (up to two) numbers of state.
pub(super) trait Rule: Copy + Send {
    /// The parameter and its state, one update later.
    fn call<L: Lanes>(self, param: L, grad: L, state: [L; 2]) -> (L, [L; 2]);
}

/// Updates all parameters in place. `state` is one part for each number of state, an absent one is empty.
pub(super) fn update<B: Backend, R: Rule>(
    backend: &B,
    rule: R,
    params: &mut [f32],
    grads: &[f32],
    state: [&mut [f32]; 2],
) {
    backend.run_rows(Update { rule, params, grads, state });
}

struct Update<'a, R> {
    rule: R,
    params: &'a mut [f32],
    grads: &'a [f32],
    state: [&'a mut [f32]; 2],
}

impl<R: Rule> Kernel for Update<'_, R> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut grads = self.grads.chunks(L::N);
        let [mut first, mut second] = self.state.map(|part| part.chunks_mut(L::N));
        for params in self.params.chunks_mut(L::N) {
            let state = [first.next().unwrap_or_default(), second.next().unwrap_or_default()];
            let grad = L::load(grads.next().unwrap_or_default());
            let (param, [a, b]) = self.rule.call(L::load(params), grad, [L::load(state[0]), L::load(state[1])]);
            let [first, second] = state;
            a.store(first);
            b.store(second);
            param.store(params);
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
        let Update { rule, params, grads, state: [first, second] } = self;
        let (params_a, params_b) = cut_mut(params, 1, row);
        let (grads_a, grads_b) = cut(grads, 1, row);
        let ((first_a, first_b), (second_a, second_b)) = (cut_mut(first, 1, row), cut_mut(second, 1, row));
        (
            Update { rule, params: params_a, grads: grads_a, state: [first_a, second_a] },
            Update { rule, params: params_b, grads: grads_b, state: [first_b, second_b] },
        )
    }
}

/// First and second moment of the gradient, one update later. Shared by Adam and RAdam.
#[inline(always)]
pub(super) fn moments<L: Lanes>(grad: L, [m, v]: [L; 2], beta1: f32, beta2: f32) -> [L; 2] {
    [
        // PyTorch's lerp: m + (1 - beta1) (g - m).
        m + L::splat(1.0 - beta1) * (grad - m),
        L::splat(beta2) * v + L::splat(1.0 - beta2) * grad * grad,
    ]
}
