//! Columns that lie one after the other become rows: what a matrix product by columns needs of a weight.
//!
//! Sixteen columns by sixteen rows at a time, in registers: a quarter of a register is four numbers of one column, put
//! in its place as it is loaded, which either port of vectors does; only the 4 x 4 blocks in the quarters are left to
//! the one port that shuffles.

use core::arch::x86_64::*;

use reinmax_core::kernel::LANES;

use super::few512::transpose;

/// Columns of `inner` numbers become `inner` rows of `rows.len() / inner` numbers.
///
/// # Panics
/// Where the slices differ in length.
#[target_feature(enable = "avx512f,avx512dq")]
pub(crate) fn turn(columns: &[f32], inner: usize, rows: &mut [f32]) {
    assert_eq!(columns.len(), rows.len(), "as many numbers");
    let cols = rows.len() / inner;
    let (whole_cols, whole_inner) = (cols / LANES * LANES, inner / LANES * LANES);
    for col in (0..whole_cols).step_by(LANES) {
        for row in (0..whole_inner).step_by(LANES) {
            // SAFETY: sixteen columns begin at `col`, and have sixteen numbers from `row` on; so have the rows from
            // `row` on at `col`.
            unsafe {
                turn_block(
                    columns.as_ptr().add(col * inner + row),
                    inner,
                    rows.as_mut_ptr().add(row * cols + col),
                    cols,
                );
            }
        }
    }
    // What is left at the ends of all columns, and the last columns.
    for row in 0..inner {
        let left = if row < whole_inner { whole_cols } else { 0 };
        for col in left..cols {
            rows[row * cols + col] = columns[col * inner + row];
        }
    }
}

/// Sixteen columns, which begin `stride` apart, become sixteen rows, which begin `row_stride` apart.
///
/// # Safety
/// The CPU has AVX-512, and there are sixteen numbers at each of these places.
#[inline(always)]
unsafe fn turn_block(columns: *const f32, stride: usize, rows: *mut f32, row_stride: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut row = 0;
        while row < LANES {
            let from = columns.add(row);
            let [a, b, c, d] = transpose([
                quarters(from, 4 * stride),
                quarters(from.add(stride), 4 * stride),
                quarters(from.add(2 * stride), 4 * stride),
                quarters(from.add(3 * stride), 4 * stride),
            ]);
            _mm512_storeu_ps(rows.add(row * row_stride), a);
            _mm512_storeu_ps(rows.add((row + 1) * row_stride), b);
            _mm512_storeu_ps(rows.add((row + 2) * row_stride), c);
            _mm512_storeu_ps(rows.add((row + 3) * row_stride), d);
            row += 4;
        }
    }
}

/// Four numbers at each of four places, which begin `stride` apart.
///
/// # Safety
/// The CPU has AVX-512, and these numbers are there.
#[inline(always)]
unsafe fn quarters(x: *const f32, stride: usize) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe {
        let four = _mm512_castps128_ps512(_mm_loadu_ps(x));
        let four = _mm512_insertf32x4::<1>(four, _mm_loadu_ps(x.add(stride)));
        let four = _mm512_insertf32x4::<2>(four, _mm_loadu_ps(x.add(2 * stride)));
        _mm512_insertf32x4::<3>(four, _mm_loadu_ps(x.add(3 * stride)))
    }
}
