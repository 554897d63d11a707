//! Exact gradients by enumeration of all states.
//!
//! ```text
//! grad_i = sum over z of P(z) f(z) (onehot(z_i) - p_i),   P(z) = product over i of p_i[z_i]
//! ```
//!
//! For problems of a few variables: k^variables evaluations of the loss. Where the loss is a sum over variables there
//! is no need: `sum(softmax(l) * table)` on a tape is exact already.

use crate::check::{at_least_zero, check_len, check_rows, require_each};
use crate::kernel::rows::rows;
use crate::{Argument, Error, Result};

/// The expected loss and, in `grad` (variables x k, overwritten), its gradient with respect to the logits.
///
/// `probs` is variables x k; `state` (one element for each variable) is where the states handed to `loss` are built;
/// `grad` is in double precision, as sums of k^variables terms want. Cost: k^variables calls of `loss` and
/// O(variables * k) for each.
///
/// # Errors
/// [`Error::Length`], [`Error::NoCategories`], [`Error::TooLarge`] where there are 2^32 states or more,
/// [`Error::Value`] for a probability that is negative, infinite or NaN.
pub fn enumerate(
    probs: &[f32],
    k: usize,
    state: &mut [u32],
    grad: &mut [f64],
    mut loss: impl FnMut(&[u32]) -> f64,
) -> Result<f64> {
    let variables = check_rows(Argument::Probs, probs.len(), k)?;
    check_len(Argument::Scratch, state.len(), variables)?;
    check_len(Argument::Grad, grad.len(), probs.len())?;
    let mut states = 1_u32;
    for _ in 0..variables {
        states = u32::try_from(k).ok().and_then(|k| states.checked_mul(k)).ok_or(Error::TooLarge)?;
    }
    require_each(probs, at_least_zero, Argument::Probs)?;
    grad.fill(0.0);
    state.fill(0);
    let mut expected = 0.0;
    for _ in 0..states {
        let mut probability = 1.0;
        for (row, z) in rows(probs, k).zip(&*state) {
            probability *= f64::from(row.get(*z as usize).copied().unwrap_or(0.0));
        }
        // A state that never occurs may have any loss, even an infinite one.
        let weight = if probability > 0.0 { probability * loss(state) } else { 0.0 };
        expected += weight;
        for (variable, z) in state.iter().enumerate() {
            if let Some(grad) = grad.get_mut(variable * k + *z as usize) {
                *grad += weight;
            }
        }
        advance(state, k);
    }
    for (grad, p) in grad.iter_mut().zip(probs) {
        *grad -= f64::from(*p) * expected;
    }
    Ok(expected)
}

/// The next state, the last variable fastest.
fn advance(state: &mut [u32], k: usize) {
    for z in state.iter_mut().rev() {
        *z += 1;
        if (*z as usize) < k {
            return;
        }
        *z = 0;
    }
}
