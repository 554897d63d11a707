//! Matrix products for [`crate::Numerics::Fast`]: the `gemm` crate's.

use reinmax_core::kernel::linear::{Contraction, Operand};
use reinmax_core::{Backend, Result};

use crate::Host;

/// Products of fewer multiplications than this stay with the portable kernel, which has less to set up.
const SMALL: usize = 16 * 16 * 16;

/// `out = a b + bias`, or `out += ..`; see [`Contraction`].
pub(crate) fn contract(host: &Host, contraction: Contraction<'_>) -> Result<()> {
    contraction.check()?;
    let Contraction { a, b, bias, rows, inner, cols, add, .. } = contraction;
    if rows * inner * cols < SMALL {
        return host.run(contraction);
    }
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
        1 => gemm::Parallelism::None,
        threads => gemm::Parallelism::Rayon(threads),
    };
    // SAFETY: `check` has compared the lengths of all three with their sizes, strides stay inside them, and `out` is
    // borrowed mutably, so nothing else aliases it.
    unsafe {
        gemm::gemm(
            rows,
            cols,
            inner,
            out.as_mut_ptr(),
            1,
            cols as isize,
            read_out,
            a.values.as_ptr(),
            a_row,
            a_column,
            b.values.as_ptr(),
            b_row,
            b_column,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
    Ok(())
}
