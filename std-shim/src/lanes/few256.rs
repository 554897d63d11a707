//! Blocks of up to four columns of sixteen rows, in 256-bit registers: short rows, and what is left beside a whole 8 x
//! 8 block. Eight shuffles for eight rows, where an 8 x 8 block takes 24.

use core::arch::x86_64::*;

use reinmax_core::kernel::LANES;
use reinmax_core::kernel::tile::Tile;

use super::transpose::{HALF, mask, store_part};

/// The most columns that are few.
pub(super) const MOST: usize = 4;

/// Transposes the 4 x 4 block in each half of four registers.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn transpose([a, b, c, d]: [__m256; MOST]) -> [__m256; MOST] {
    // SAFETY: arithmetic on registers alone.
    unsafe {
        let (ab0, ab1) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        let (cd0, cd1) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
        [
            _mm256_shuffle_ps::<0x44>(ab0, cd0),
            _mm256_shuffle_ps::<0xee>(ab0, cd0),
            _mm256_shuffle_ps::<0x44>(ab1, cd1),
            _mm256_shuffle_ps::<0xee>(ab1, cd1),
        ]
    }
}

/// Up to four columns from `column` on; columns beyond the last one get anything.
///
/// # Safety
/// The CPU has AVX2, there are `LANES * k` floats, and k is above `column`, by [`MOST`] at most; k > 1.
#[inline(always)]
pub(super) unsafe fn load_columns(rows: &[f32], k: usize, column: usize, tile: &mut Tile) {
    // SAFETY: row r begins at r * k. What follows one of the first twelve rows belongs to the matrix; what may not, a
    // mask hides.
    unsafe {
        let at = rows.as_ptr().add(column);
        let hidden = _mm256_castsi256_si128(mask(k - column));
        macro_rules! both {
            ($row:literal) => {
                _mm256_insertf128_ps::<1>(
                    _mm256_castps128_ps256(_mm_loadu_ps(at.add($row * k))),
                    _mm_loadu_ps(at.add(($row + MOST) * k)),
                )
            };
            ($row:literal, hidden) => {
                _mm256_insertf128_ps::<1>(
                    _mm256_castps128_ps256(_mm_loadu_ps(at.add($row * k))),
                    _mm_maskload_ps(at.add(($row + MOST) * k), hidden),
                )
            };
        }
        let upper = transpose([both!(0), both!(1), both!(2), both!(3)]);
        let lower = transpose([both!(8, hidden), both!(9, hidden), both!(10, hidden), both!(11, hidden)]);
        for ((out, upper), lower) in tile[column..column + MOST].iter_mut().zip(upper).zip(lower) {
            _mm256_storeu_ps(out.as_mut_ptr(), upper);
            _mm256_storeu_ps(out.as_mut_ptr().add(HALF), lower);
        }
    }
}

/// Up to four columns from `column` on become parts of sixteen rows. What follows a part is written too, but for the
/// last row's.
///
/// # Safety
/// As for [`load_columns`].
#[inline(always)]
pub(super) unsafe fn store_columns(tile: &Tile, k: usize, column: usize, rows: &mut [f32]) {
    // SAFETY: row r begins at r * k, so four floats from `column` on belong to the matrix in all rows but the last; a
    // tile has sixteen columns of sixteen floats.
    unsafe {
        let out = rows.as_mut_ptr().add(column);
        macro_rules! columns {
            ($first:expr, $($j:literal),*) => { [$(_mm256_loadu_ps(tile[column + $j].as_ptr().add($first))),*] };
        }
        macro_rules! upper {
            ($x:ident) => {
                _mm256_castps128_ps256(_mm256_extractf128_ps::<1>($x))
            };
        }
        for first in [0, HALF] {
            let [a, b, c, d] = transpose(columns!(first, 0, 1, 2, 3));
            for (i, x) in [a, b, c, d, upper!(a), upper!(b), upper!(c), upper!(d)].into_iter().enumerate() {
                if first + i < LANES - 1 || k - column >= MOST {
                    _mm_storeu_ps(out.add((first + i) * k), _mm256_castps256_ps128(x));
                } else {
                    store_part(out.add((first + i) * k), k - column, x);
                }
            }
        }
    }
}
