//! softmax, log-softmax and their vector-Jacobian products, a row of k categories at a time.

use super::SHORT;
use super::direction::{Direction, dot};
use super::exp::{exp_nonpositive, exp_nonpositive_of_each, ln};
use super::lanes::Lanes;
use super::rows::{RowBody, cut, cut_mut, for_rows, row_count, with_known_k};
use super::serial::sum_of_products;
use super::softmax_four_rows::{MEDIUM, softmax_by_four};
use super::softmax_two_tiles::softmax_by_tiles;
use crate::{Error, Kernel, Result, Split};

/// `out = softmax(logits * scale)`, row by row; `scale` is 1 / tau.
///
/// -inf is a mask: its probability is exactly 0. Rounding x - max alone costs up to 12 * 2^-24 of relative error
/// where logits differ by 87, so no bound in ULP is promised.
#[derive(Debug)]
pub struct Softmax<'a> {
    /// rows x k.
    pub logits: &'a [f32],
    /// Categories in a row, at least 1.
    pub k: usize,
    /// 1 / tau.
    pub scale: f32,
    /// rows x k, written.
    pub out: &'a mut [f32],
}

/// The greatest logit of each lane's row; NaN does not count.
#[inline(always)]
pub(crate) fn row_max<L: Lanes, D: Direction<L>>(logits: &[f32]) -> L {
    let lowest = L::splat(f32::NEG_INFINITY);
    let mut max = lowest;
    let mut rest = logits;
    if L::N > 1 {
        // Four chains of comparisons in place of one: each has to wait for itself.
        let mut chains = [lowest; 4];
        while let Some((block, tail)) = rest.split_at_checked(4 * L::N) {
            for (i, chain) in chains.iter_mut().enumerate() {
                *chain = chain.max(L::load(block.get(i * L::N..).unwrap_or(block)));
            }
            rest = tail;
        }
        let [a, b, c, d] = chains;
        max = a.max(b).max(c.max(d));
    }
    for x in rest.chunks(L::N) {
        max = max.max(L::load_or(x, f32::NEG_INFINITY));
    }
    D::reduce_max(max)
}

/// Writes exp((x - max) * scale) and returns its sum: softmax before the division. The sum is NaN, 0 or infinite
/// exactly where the row has no softmax.
#[inline(always)]
pub(crate) fn row_exp<L: Lanes, D: Direction<L>>(logits: &[f32], max: L, scale: f32, out: &mut [f32]) -> L {
    if L::N > 1 && scale == 1.0 {
        row_exp_of::<L, D>(logits, |x| x - max, out)
    } else {
        row_exp_scaled::<L, D>(logits, max, scale, out)
    }
}

/// [`row_exp`] with one body for all scales: half the code.
#[inline(always)]
pub(crate) fn row_exp_scaled<L: Lanes, D: Direction<L>>(logits: &[f32], max: L, scale: f32, out: &mut [f32]) -> L {
    row_exp_of::<L, D>(logits, |x| (x - max) * L::splat(scale), out)
}

/// Writes exp(f(x)) and returns its sum.
#[inline(always)]
fn row_exp_of<L: Lanes, D: Direction<L>>(logits: &[f32], f: impl Fn(L) -> L, out: &mut [f32]) -> L {
    if L::N == 1 {
        for (x, out) in logits.iter().zip(&mut *out) {
            *out = exp_nonpositive(f(L::splat(*x))).first();
        }
        return L::splat(sum_of_products(out, &[]));
    }
    let mut row = Row { x: logits, out, step: 0, sum: D::zero(logits.len()) };
    if L::WAITS {
        while row.exp_of_block::<L, D, 4>(4 * L::N, &f) {}
    }
    while row.exp_of_block::<L, D, 2>(2 * L::N, &f) {}
    while row.exp_of_block::<L, D, 1>(1, &f) {}
    D::total(row.sum)
}

/// What is left of a row, and the sum of what is done.
struct Row<'a, S> {
    x: &'a [f32],
    out: &'a mut [f32],
    step: usize,
    sum: S,
}

impl<S: Copy> Row<'_, S> {
    /// The next M vectors, if `least` elements are left. Several are whole ones: a store of a part is a branch, and the
    /// compiler moves the work of what follows behind it.
    #[inline(always)]
    fn exp_of_block<L: Lanes, D: Direction<L, Sum = S>, const M: usize>(
        &mut self,
        least: usize,
        f: &impl Fn(L) -> L,
    ) -> bool {
        if self.x.len() < least {
            return false;
        }
        let len = self.x.len().min(M * L::N);
        let (x, x_tail) = self.x.split_at_checked(len).unwrap_or_default();
        let (out, out_tail) = core::mem::take(&mut self.out).split_at_mut_checked(len).unwrap_or_default();
        let mut exponents = [L::splat(0.0); M];
        for (i, exponent) in exponents.iter_mut().enumerate() {
            *exponent = f(L::load_or(x.get(i * L::N..).unwrap_or(&[]), f32::NEG_INFINITY));
        }
        for (i, e) in exp_nonpositive_of_each(exponents).into_iter().enumerate() {
            D::add(&mut self.sum, self.step + i, e);
            e.store(out.get_mut(i * L::N..).unwrap_or_default());
        }
        (self.x, self.out, self.step) = (x_tail, out_tail, self.step + M);
        true
    }
}

struct SoftmaxBody {
    scale: f32,
}

impl RowBody<1> for SoftmaxBody {
    const ADDS: bool = false;
    #[inline(always)]
    fn group<L: Lanes, D: Direction<L>>(&mut self, [logits]: [&[f32]; 1], out: &mut [f32]) -> bool {
        let max = row_max::<L, D>(logits);
        let sum = row_exp::<L, D>(logits, max, self.scale, out);
        let inverse = D::reciprocal(sum);
        for e in out.chunks_mut(L::N) {
            (L::load(e) * inverse).store(e);
        }
        sum.all_positive_finite()
    }
}

impl Kernel for Softmax<'_> {
    type Out = Result<()>;
    const FUSES: bool = true;
    const BY_CATEGORIES: bool = true;
    #[inline(always)]
    fn categories(&mut self) -> Option<&mut usize> {
        Some(&mut self.k)
    }
    #[inline(always)]
    fn run<L: Lanes>(self) -> Result<()> {
        let Softmax { logits, k, scale, out } = self;
        // Where lanes wait for themselves, rows that are not long go through several at once, as far as they go.
        let several = if !L::WAITS || k > MEDIUM {
            Ok(0)
        } else if k > SHORT {
            softmax_by_four::<L>(logits, k, scale, out)
        } else {
            with_known_k!(k, |k| softmax_by_tiles::<L>(logits, k, scale, out))
        };
        let outcome = match several {
            Ok(done) => {
                let ((_, logits), (_, out)) = (cut(logits, k, done), cut_mut(out, k, done));
                for_rows::<L, _, 1>(&mut SoftmaxBody { scale }, k, [logits], out).map_err(|row| done + row)
            }
            Err(row) => Err(row),
        };
        outcome.map_err(|from| bad_logits::<L>(logits, k, from))
    }
}

impl Split for Softmax<'_> {
    fn rows(&self) -> usize {
        row_count(self.out.len(), self.k)
    }
    fn work(&self) -> usize {
        self.out.len()
    }
    fn split(self, row: usize) -> (Self, Self) {
        let (a, b) = cut(self.logits, self.k, row);
        let (out_a, out_b) = cut_mut(self.out, self.k, row);
        (Softmax { logits: a, out: out_a, ..self }, Softmax { logits: b, out: out_b, ..self })
    }
}

/// `out = logits - logsumexp(logits)`, row by row. Masked categories (-inf) stay -inf.
#[derive(Debug)]
pub struct LogSoftmax<'a> {
    /// rows x k.
    pub logits: &'a [f32],
    /// Categories in a row, at least 1.
    pub k: usize,
    /// rows x k, written.
    pub out: &'a mut [f32],
}

struct LogSoftmaxBody;

impl RowBody<1> for LogSoftmaxBody {
    const ADDS: bool = false;
    #[inline(always)]
    fn group<L: Lanes, D: Direction<L>>(&mut self, [logits]: [&[f32]; 1], out: &mut [f32]) -> bool {
        let max = row_max::<L, D>(logits);
        let sum = row_exp::<L, D>(logits, max, 1.0, out);
        let ln_sum = ln(sum);
        for (x, out) in logits.chunks(L::N).zip(out.chunks_mut(L::N)) {
            ((L::load(x) - max) - ln_sum).store(out);
        }
        sum.all_positive_finite()
    }
}

impl Kernel for LogSoftmax<'_> {
    type Out = Result<()>;
    const FUSES: bool = true;
    #[inline(always)]
    fn run<L: Lanes>(self) -> Result<()> {
        for_rows::<L, _, 1>(&mut LogSoftmaxBody, self.k, [self.logits], self.out)
            .map_err(|from| bad_logits::<L>(self.logits, self.k, from))
    }
}

impl Split for LogSoftmax<'_> {
    fn rows(&self) -> usize {
        row_count(self.out.len(), self.k)
    }
    fn work(&self) -> usize {
        self.out.len()
    }
    fn split(self, row: usize) -> (Self, Self) {
        let (a, b) = cut(self.logits, self.k, row);
        let (out_a, out_b) = cut_mut(self.out, self.k, row);
        (LogSoftmax { logits: a, out: out_a, ..self }, LogSoftmax { logits: b, out: out_b, ..self })
    }
}

/// `grad += scale * probs * (upstream - <probs, upstream>)`: the product of softmax's Jacobian with `upstream`.
#[derive(Debug)]
pub struct AddSoftmaxVjp<'a> {
    /// rows x k: the softmax.
    pub probs: &'a [f32],
    /// rows x k.
    pub upstream: &'a [f32],
    /// Categories in a row.
    pub k: usize,
    /// 1 / tau.
    pub scale: f32,
    /// rows x k, added to.
    pub grad: &'a mut [f32],
}

struct SoftmaxVjpBody {
    scale: f32,
}

impl RowBody<2> for SoftmaxVjpBody {
    const ADDS: bool = true;
    #[inline(always)]
    fn group<L: Lanes, D: Direction<L>>(&mut self, [probs, upstream]: [&[f32]; 2], grad: &mut [f32]) -> bool {
        add_jacobian_product::<L, D>(probs, upstream, self.scale, grad);
        true
    }
}

/// `grad += scale * J(p) g` for each lane's row, J(p) g = p * (g - <p, g>).
#[inline(always)]
pub(crate) fn add_jacobian_product<L: Lanes, D: Direction<L>>(p: &[f32], g: &[f32], scale: f32, grad: &mut [f32]) {
    let mean = dot::<L, D>(p, g);
    let scale = L::splat(scale);
    for ((p, g), grad) in p.chunks(L::N).zip(g.chunks(L::N)).zip(grad.chunks_mut(L::N)) {
        (L::load(grad) + L::load(p) * (L::load(g) - mean) * scale).store(grad);
    }
}

impl Kernel for AddSoftmaxVjp<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut body = SoftmaxVjpBody { scale: self.scale };
        // The body accepts every row.
        let _ = for_rows::<L, _, 2>(&mut body, self.k, [self.probs, self.upstream], self.grad);
    }
}

impl Split for AddSoftmaxVjp<'_> {
    fn rows(&self) -> usize {
        row_count(self.grad.len(), self.k)
    }
    fn work(&self) -> usize {
        self.grad.len()
    }
    fn split(self, row: usize) -> (Self, Self) {
        let (a, b) = cut(self.probs, self.k, row);
        let (up_a, up_b) = cut(self.upstream, self.k, row);
        let (grad_a, grad_b) = cut_mut(self.grad, self.k, row);
        (
            AddSoftmaxVjp { probs: a, upstream: up_a, grad: grad_a, ..self },
            AddSoftmaxVjp { probs: b, upstream: up_b, grad: grad_b, ..self },
        )
    }
}

/// `grad += upstream - exp(log_probs) * sum(upstream)`, row by row; a masked category (-inf) gets no gradient.
#[derive(Debug)]
pub struct AddLogSoftmaxVjp<'a> {
    /// rows x k: the log-softmax.
    pub log_probs: &'a [f32],
    /// rows x k.
    pub upstream: &'a [f32],
    /// Categories in a row.
    pub k: usize,
    /// rows x k, added to.
    pub grad: &'a mut [f32],
}

struct LogSoftmaxVjpBody;

impl RowBody<2> for LogSoftmaxVjpBody {
    const ADDS: bool = true;
    #[inline(always)]
    fn group<L: Lanes, D: Direction<L>>(&mut self, [log_probs, upstream]: [&[f32]; 2], grad: &mut [f32]) -> bool {
        let mut sum = D::zero(upstream.len());
        for (step, g) in upstream.chunks(L::N).enumerate() {
            D::add(&mut sum, step, L::load(g));
        }
        let sum = D::total(sum);
        for ((y, g), grad) in log_probs.chunks(L::N).zip(upstream.chunks(L::N)).zip(grad.chunks_mut(L::N)) {
            let y = L::load(y);
            let product = L::load(g) - exp_nonpositive(y) * sum;
            let product = L::select_eq(y, L::splat(f32::NEG_INFINITY), L::splat(0.0), product);
            (L::load(grad) + product).store(grad);
        }
        true
    }
}

impl Kernel for AddLogSoftmaxVjp<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        // The body accepts every row.
        let _ = for_rows::<L, _, 2>(&mut LogSoftmaxVjpBody, self.k, [self.log_probs, self.upstream], self.grad);
    }
}

impl Split for AddLogSoftmaxVjp<'_> {
    fn rows(&self) -> usize {
        row_count(self.grad.len(), self.k)
    }
    fn work(&self) -> usize {
        self.grad.len()
    }
    fn split(self, row: usize) -> (Self, Self) {
        let (a, b) = cut(self.log_probs, self.k, row);
        let (up_a, up_b) = cut(self.upstream, self.k, row);
        let (grad_a, grad_b) = cut_mut(self.grad, self.k, row);
        (
            AddLogSoftmaxVjp { log_probs: a, upstream: up_a, grad: grad_a, ..self },
            AddLogSoftmaxVjp { log_probs: b, upstream: up_b, grad: grad_b, ..self },
        )
    }
}

/// Whether no logit is NaN or +inf, and one at least is above -inf.
pub(crate) fn has_softmax(row: &[f32]) -> bool {
    row.iter().all(|x| *x < f32::INFINITY) && row.iter().any(|x| *x > f32::NEG_INFINITY)
}

/// The first row at or after `from` without a softmax: NaN or +inf in it, or nothing but -inf.
#[cold]
pub(crate) fn bad_logits<L: Lanes>(logits: &[f32], k: usize, from: usize) -> Error {
    if L::N == 1 {
        // Rows come one at a time: this is the one.
        return Error::Logits { row: from };
    }
    let start = from.saturating_mul(k);
    let rows = super::rows::rows(logits.get(start..).unwrap_or(&[]), k);
    for (offset, row) in rows.enumerate() {
        if !has_softmax(row) {
            return Error::Logits { row: from + offset };
        }
    }
    Error::Logits { row: from }
}
