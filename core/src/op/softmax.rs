//! softmax and log_softmax over the columns of each row.

use super::{Forward, Op, Operation, Spec, Vjp};
use crate::kernel::softmax as kernel;
use crate::{Backend, Error, Result, Tape, Var};

impl<B: Backend> Tape<'_, B> {
    /// softmax of each row; -inf masks a category. Cost: an exponential an element, nothing saved; the gradient takes
    /// the output, and no exponential. Rounding x - max costs up to 12 * 2^-24 of relative error where logits differ by
    /// 87.
    ///
    /// # Errors
    /// [`Error::Logits`], [`Error::NoCategories`] and those of [`Tape::record`].
    pub fn softmax(&mut self, logits: Var) -> Result<Var> {
        let spec = self.row_spec(logits)?;
        self.record(Softmax::OP, &[logits], spec)
    }

    /// logits - logsumexp(logits) of each row; masked categories stay -inf and get no gradient. Cost: an exponential an
    /// element, forward and backward; nothing saved.
    ///
    /// # Errors
    /// [`Error::Logits`], [`Error::NoCategories`] and those of [`Tape::record`].
    pub fn log_softmax(&mut self, logits: Var) -> Result<Var> {
        let spec = self.row_spec(logits)?;
        self.record(LogSoftmax::OP, &[logits], spec)
    }

    /// An output of the shape of `x`, whose rows must have categories.
    fn row_spec(&self, x: Var) -> Result<Spec> {
        let shape = self.shape(x)?;
        if shape.cols == 0 { Err(Error::NoCategories) } else { Ok(Spec::new(shape)) }
    }
}

struct Softmax;
impl<B: Backend> Operation<B> for Softmax {
    const OP: &'static Op<B> = &Op {
        name: "softmax",
        forward: |f: Forward<'_, '_, B>| {
            let [logits, ..] = f.inputs;
            f.backend.softmax(kernel::Softmax { logits: logits.values, k: logits.cols(), scale: 1.0, out: f.out })
        },
        vjp: |mut v: Vjp<'_, B>| {
            if let Some(grad) = v.grads.get(0) {
                let (probs, upstream, k) = (v.out.values, v.upstream, v.out.cols());
                v.backend.add_softmax_vjp(kernel::AddSoftmaxVjp { probs, upstream, k, scale: 1.0, grad });
            }
            Ok(())
        },
    };
}

struct LogSoftmax;
impl<B: Backend> Operation<B> for LogSoftmax {
    const OP: &'static Op<B> = &Op {
        name: "log_softmax",
        forward: |f: Forward<'_, '_, B>| {
            let [logits, ..] = f.inputs;
            f.backend.log_softmax(kernel::LogSoftmax { logits: logits.values, k: logits.cols(), out: f.out })
        },
        vjp: |mut v: Vjp<'_, B>| {
            if let Some(grad) = v.grads.get(0) {
                let (log_probs, upstream, k) = (v.out.values, v.upstream, v.out.cols());
                v.backend.add_log_softmax_vjp(kernel::AddLogSoftmaxVjp { log_probs, upstream, k, grad });
            }
            Ok(())
        },
    };
}
