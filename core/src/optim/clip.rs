//! Gradient clipping.

use crate::check::require;
use crate::kernel::reduce::Dot;
use crate::kernel::sqrt::sqrt;
use crate::{Argument, Backend, Error, Result};

/// Scales `grads` so that their Euclidean norm is at most `max_norm`; returns the norm before. As PyTorch's
/// `clip_grad_norm_`: the factor is min(1, max_norm / (norm + 1e-6)).
///
/// # Errors
/// [`Error::Value`] for a `max_norm` that is not positive, or where the norm is not finite: with the position of the
/// first gradient that is not, 0 where only the sum of squares is too large. `grads` are unchanged then.
pub fn clip_norm<B: Backend>(backend: &B, grads: &mut [f32], max_norm: f32) -> Result<f32> {
    require(max_norm > 0.0, Argument::Limit, 0)?;
    let norm = sqrt(backend.run(Dot { a: grads, b: grads }));
    if !norm.is_finite() {
        let at = grads.iter().position(|g| !g.is_finite()).unwrap_or(0);
        return Err(Error::Value { argument: Argument::Grad, at });
    }
    let factor = max_norm / (norm + 1e-6);
    if factor < 1.0 {
        for g in grads {
            *g *= factor;
        }
    }
    Ok(norm)
}

/// Moves each gradient into [-limit, limit].
///
/// # Errors
/// [`Error::Value`] for a limit that is not positive.
pub fn clip_by_value(grads: &mut [f32], limit: f32) -> Result<()> {
    require(limit > 0.0, Argument::Limit, 0)?;
    for g in grads {
        if *g > limit {
            *g = limit;
        } else if *g < -limit {
            *g = -limit;
        }
    }
    Ok(())
}
