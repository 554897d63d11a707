//! Optimisers: configuration and state belong to the caller. A step updates len parameters in place.

use reinmax_core::optim::{self, Optimizer};

use crate::engine;
use crate::memory::{get, put, range, read, write};
use crate::status::{Status, status_of};

/// A configuration struct and three functions for each optimiser of the core.
macro_rules! optimizer {
    (
        $(#[$doc:meta])*
        $config:ident = $core:ident { $($(#[$field_doc:meta])* $field:ident),* },
        $default:ident, $state_len:ident, $step:ident
    ) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug)]
        pub struct $config {
            $($(#[$field_doc])* pub $field: f32,)*
        }

        /// The usual coefficients with the caller's learning rate.
        ///
        /// Errors: NULL, MISALIGNED.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $default(lr: f32, out: *mut $config) -> Status {
            let optim::$core { $($field),* } = optim::$core::new(lr);
            // SAFETY: the caller's promise.
            status_of(unsafe { put(out, $config { $($field),* }) })
        }

        /// How many floats of state len parameters need; zeros to begin with.
        #[unsafe(no_mangle)]
        pub extern "C" fn $state_len(len: usize) -> usize {
            optim::$core::state_len(len)
        }

        /// Updates len parameters from their len gradients, and the state, whose length is that of the function above
        /// (NULL for reinmax_sgd without momentum, which needs none). step counts from 1.
        ///
        /// Errors: VALUE for a coefficient out of its range or step 0, LENGTH for a state of NULL where one is needed,
        /// TOO_LARGE, OVERLAP, NULL, MISALIGNED. Nothing has been changed then.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $step(
            config: *const $config,
            step: u32,
            params: *mut f32,
            grads: *const f32,
            len: usize,
            state: *mut f32,
        ) -> Status {
            // SAFETY: the caller's promise.
            let run = || unsafe {
                let $config { $($field),* } = get(config)?;
                let grads = read(grads, len)?;
                let params = write(params, len, &[range(grads)])?;
                let floats = if state.is_null() { 0 } else { optim::$core::state_len(len) };
                let state = write(state, floats, &[range(grads), range(params)])?;
                Ok(optim::$core { $($field),* }.step_on(&engine(), step, params, grads, state)?)
            };
            status_of(run())
        }
    };
}

optimizer! {
    /// Gradient descent: v = momentum v + g, params -= lr v.
    CSgd = Sgd {
        /// Learning rate.
        lr,
        /// How much of the velocity stays, in [0, 1).
        momentum,
        /// weight_decay * params is added to the gradient.
        weight_decay
    },
    reinmax_sgd_default, reinmax_sgd_state_len, reinmax_sgd_step
}

optimizer! {
    /// Adam, in PyTorch's arithmetic.
    CAdam = Adam {
        /// Learning rate.
        lr,
        /// Decay of the first moment, in [0, 1).
        beta1,
        /// Decay of the second moment, in [0, 1).
        beta2,
        /// Added to the root of the second moment.
        eps,
        /// weight_decay * params is added to the gradient.
        weight_decay
    },
    reinmax_adam_default, reinmax_adam_state_len, reinmax_adam_step
}

optimizer! {
    /// RAdam, in PyTorch's arithmetic.
    CRAdam = RAdam {
        /// Learning rate.
        lr,
        /// Decay of the first moment, in [0, 1).
        beta1,
        /// Decay of the second moment, in [0, 1).
        beta2,
        /// Added to the root of the second moment.
        eps,
        /// weight_decay * params is added to the gradient.
        weight_decay
    },
    reinmax_radam_default, reinmax_radam_state_len, reinmax_radam_step
}

/// Scales len gradients so that their Euclidean norm is at most max_norm; the norm before goes to norm (NULL: nowhere).
///
/// Errors: VALUE for a max_norm that is not positive or a norm that is not finite, TOO_LARGE, OVERLAP, NULL,
/// MISALIGNED. Nothing has been changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_clip_norm(grads: *mut f32, len: usize, max_norm: f32, norm: *mut f32) -> Status {
    // SAFETY: the caller's promise.
    let run = || unsafe {
        let norm = write(norm, usize::from(!norm.is_null()), &[])?;
        let before = optim::clip_norm(&engine(), write(grads, len, &[range(norm)])?, max_norm)?;
        norm.fill(before);
        Ok(())
    };
    status_of(run())
}

/// Moves each of len gradients into [-limit, limit].
///
/// Errors: VALUE for a limit that is not positive, TOO_LARGE, NULL, MISALIGNED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_clip_by_value(grads: *mut f32, len: usize, limit: f32) -> Status {
    // SAFETY: the caller's promise.
    let run = || unsafe { Ok(optim::clip_by_value(write(grads, len, &[])?, limit)?) };
    status_of(run())
}
