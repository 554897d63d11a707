//! Matrix products for [`crate::Numerics::Fast`]: those of the `gemm` crate, of its part for f32.
//!
//! It packs a right factor whose rows are columns (the weights of `linear`) number by number, from far apart: at 100 x
//! 512 x 784 a third of its time with AVX-512. There large ones are turned into rows first, sixteen by sixteen in
//! registers. With AVX2 its own packing is the faster one, by twice.

use std::cell::Cell;

use gemm_common::Parallelism;
use reinmax_core::kernel::LANES;
use reinmax_core::kernel::lanes::Lanes;
use reinmax_core::kernel::linear::{Contraction, Operand, turn};
use reinmax_core::{Backend, Kernel, Result};

use crate::{Host, Level};

/// Products of fewer multiplications than this stay with the portable kernel, which has less to set up.
const SMALL: usize = 16 * 16 * 16;
/// With AVX-512 a transposed right factor of at least so many numbers is turned into rows first.
const TURNED: usize = 1 << 14;

thread_local! {
    /// The turned factor: as large as the largest that this thread has turned.
    static ROWS: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// `out = a b + bias`, or `out += ..`; see [`Contraction`].
pub(crate) fn contract(host: &Host, contraction: Contraction<'_>) -> Result<()> {
    contraction.check()?;
    let Contraction { b, rows, inner, cols, .. } = contraction;
    if rows * inner * cols < SMALL {
        return host.run(contraction);
    }
    if !b.transposed || inner * cols < TURNED || host.level() < Level::Avx512 {
        multiply(host, contraction);
        return Ok(());
    }
    // Taken, not borrowed: while the library waits for other threads, this one may begin another product.
    let mut turned = ROWS.take();
    turned.resize(turned.len().max(inner * cols), 0.0);
    let part = &mut turned[..inner * cols];
    host.run(Turn { columns: b.values, inner, rows: part });
    multiply(host, Contraction { b: Operand::plain(part), ..contraction });
    ROWS.set(turned);
    Ok(())
}

/// Transposes a matrix whose columns of `inner` numbers lie one after the other.
struct Turn<'a> {
    columns: &'a [f32],
    inner: usize,
    rows: &'a mut [f32],
}

impl Kernel for Turn<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let cols = self.columns.len() / self.inner;
        for first in (0..self.inner).step_by(LANES) {
            let count = LANES.min(self.inner - first);
            turn::<L>(self.columns, self.inner, (first, count), cols, &mut self.rows[first * cols..]);
        }
    }
}

/// The product by the library; the contraction has been checked.
fn multiply(host: &Host, contraction: Contraction<'_>) {
    let Contraction { a, b, bias, rows, inner, cols, add, .. } = contraction;
    let out = contraction.out;
    // The bias goes in first, and the product is added to it.
    if !bias.is_empty() {
        for row in out.chunks_mut(cols) {
            for (out, bias) in row.iter_mut().zip(bias) {
                *out = if add { *out + bias } else { *bias };
            }
        }
    }
    let read_out = add || !bias.is_empty();
    // Distances between neighbours in a column and in a row. A slice has fewer elements than isize::MAX.
    let strides = |x: &Operand<'_>, rows: usize, cols: usize| {
        let (column, row) = if x.transposed { (1, rows) } else { (cols, 1) };
        (column as isize, row as isize)
    };
    let (a_column, a_row) = strides(&a, rows, inner);
    let (b_column, b_row) = strides(&b, inner, cols);
    let parallelism = match host.threads() {
        1 => Parallelism::None,
        threads => Parallelism::Rayon(threads),
    };
    // SAFETY: the lengths of all three have been compared with their sizes, strides stay inside them, and `out` is
    // borrowed mutably, so nothing else aliases it.
    unsafe {
        // The library's microkernels write columns, so what it computes is the transposed product.
        gemm_f32::gemm::f32::get_gemm_fn()(
            cols,
            rows,
            inner,
            out.as_mut_ptr(),
            cols as isize,
            1,
            read_out,
            b.values.as_ptr(),
            b_column,
            b_row,
            a.values.as_ptr(),
            a_column,
            a_row,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}
