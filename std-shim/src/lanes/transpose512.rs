//! Sixteen rows of up to sixteen floats to columns and back, in 512-bit registers.
//!
//! As in [`super::transpose`], with rows r and r + 8 in the two halves of a register: 24 shuffles transpose both 8 x 8
//! blocks. A column is written whole: two halves could not be forwarded to the load that follows. Where a block would
//! be half empty, `flat512` (up to five columns) and `few512` (up to four beyond eight) take fewer shuffles.

use core::arch::x86_64::*;

use reinmax_core::kernel::LANES;
use reinmax_core::kernel::tile::Tile;

use super::transpose::{HALF, each};
use super::{few512, flat512};

/// Transposes an 8 x 8 block in each half of eight registers.
///
/// # Safety
/// The CPU has AVX-512.
#[inline(always)]
unsafe fn transpose(x: [__m512; HALF]) -> [__m512; HALF] {
    let [a, b, c, d, e, f, g, h] = x;
    // SAFETY: arithmetic on registers alone.
    unsafe {
        let (ab0, ab1) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        let (cd0, cd1) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
        let (ef0, ef1) = (_mm512_unpacklo_ps(e, f), _mm512_unpackhi_ps(e, f));
        let (gh0, gh1) = (_mm512_unpacklo_ps(g, h), _mm512_unpackhi_ps(g, h));
        let (s0, s1) = (_mm512_shuffle_ps::<0x44>(ab0, cd0), _mm512_shuffle_ps::<0xee>(ab0, cd0));
        let (s2, s3) = (_mm512_shuffle_ps::<0x44>(ab1, cd1), _mm512_shuffle_ps::<0xee>(ab1, cd1));
        let (t0, t1) = (_mm512_shuffle_ps::<0x44>(ef0, gh0), _mm512_shuffle_ps::<0xee>(ef0, gh0));
        let (t2, t3) = (_mm512_shuffle_ps::<0x44>(ef1, gh1), _mm512_shuffle_ps::<0xee>(ef1, gh1));
        // The lower quarter of each half of both operands, and the upper one.
        let lower = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
        let upper = _mm512_setr_epi32(4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
        [
            _mm512_permutex2var_ps(s0, lower, t0),
            _mm512_permutex2var_ps(s1, lower, t1),
            _mm512_permutex2var_ps(s2, lower, t2),
            _mm512_permutex2var_ps(s3, lower, t3),
            _mm512_permutex2var_ps(s0, upper, t0),
            _mm512_permutex2var_ps(s1, upper, t1),
            _mm512_permutex2var_ps(s2, upper, t2),
            _mm512_permutex2var_ps(s3, upper, t3),
        ]
    }
}

/// Two halves as one register.
///
/// # Safety
/// The CPU has AVX-512.
#[inline(always)]
unsafe fn joined(low: __m256, high: __m256) -> __m512 {
    // SAFETY: arithmetic on registers alone.
    unsafe { _mm512_insertf32x8::<1>(_mm512_castps256_ps512(low), high) }
}

/// Sixteen rows of `k` elements become `k` columns of a tile; see [`reinmax_core::kernel::lanes::Lanes::load_columns`].
/// Fewer than sixteen rows, or `k` outside 1..=16, leave the tile as it is.
///
/// # Safety
/// The CPU has AVX-512.
#[inline(always)]
pub(super) unsafe fn load_columns(rows: &[f32], k: usize, tile: &mut Tile) {
    if k == 0 || k > LANES || rows.len() < LANES * k {
        return;
    }
    // SAFETY: there are 16 k floats.
    unsafe {
        match k {
            1 => return flat512::load_columns::<1>(rows, tile),
            2 => return flat512::load_columns::<2>(rows, tile),
            3 => return flat512::load_columns::<3>(rows, tile),
            4 => return flat512::load_columns::<4>(rows, tile),
            5 => return flat512::load_columns::<5>(rows, tile),
            _ => {}
        }
    }
    for column in (0..k).step_by(HALF) {
        let width = (k - column).min(HALF);
        if width <= few512::MOST {
            // SAFETY: the last `width` of `k` columns.
            return unsafe { few512::load_columns(rows, k, width, tile) };
        }
        // SAFETY: row i begins at i * k, and `width` elements of it lie from `column` on.
        let block = unsafe {
            let (low, high) = (rows.as_ptr().add(column), rows.as_ptr().add(HALF * k + column));
            transpose(if width == HALF {
                each!(|i| joined(_mm256_loadu_ps(low.add(i * k)), _mm256_loadu_ps(high.add(i * k))))
            } else {
                let mask = (1 << width) - 1;
                each!(|i| joined(
                    _mm256_maskz_loadu_ps(mask, low.add(i * k)),
                    _mm256_maskz_loadu_ps(mask, high.add(i * k))
                ))
            })
        };
        for (out, x) in tile[column..column + width].iter_mut().zip(block) {
            // SAFETY: a column has sixteen floats.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr(), x) };
        }
    }
}

/// `k` columns of a tile become sixteen rows of `k` elements; the inverse of [`load_columns`].
///
/// # Safety
/// The CPU has AVX-512.
#[inline(always)]
pub(super) unsafe fn store_columns(tile: &Tile, k: usize, rows: &mut [f32]) {
    if k == 0 || k > LANES || rows.len() < LANES * k {
        return;
    }
    // SAFETY: there are 16 k floats.
    unsafe {
        match k {
            1 => return flat512::store_columns::<1>(tile, rows),
            2 => return flat512::store_columns::<2>(tile, rows),
            3 => return flat512::store_columns::<3>(tile, rows),
            4 => return flat512::store_columns::<4>(tile, rows),
            5 => return flat512::store_columns::<5>(tile, rows),
            _ => {}
        }
    }
    for column in (0..k).step_by(HALF) {
        let width = (k - column).min(HALF);
        if width <= few512::MOST {
            // SAFETY: the last `width` of `k` columns.
            return unsafe { few512::store_columns(tile, k, width, rows) };
        }
        // SAFETY: a tile has sixteen columns of sixteen floats.
        let block = unsafe { transpose(each!(|j| _mm512_loadu_ps(tile[(column + j) % LANES].as_ptr()))) };
        let mask = 0xff >> (HALF - width);
        for (i, x) in block.into_iter().enumerate() {
            // SAFETY: as in `load_columns`.
            unsafe {
                let out = rows.as_mut_ptr().add(i * k + column);
                _mm256_mask_storeu_ps(out, mask, _mm512_castps512_ps256(x));
                _mm256_mask_storeu_ps(out.add(HALF * k), mask, _mm512_extractf32x8_ps::<1>(x));
            }
        }
    }
}

/// [`load_columns`] as a function of its own.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
pub(super) fn load_any_columns(rows: &[f32], k: usize, tile: &mut Tile) {
    // SAFETY: the CPU has AVX-512, as whoever calls this knows.
    unsafe { load_columns(rows, k, tile) }
}

/// [`store_columns`] as a function of its own.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
pub(super) fn store_any_columns(tile: &Tile, k: usize, rows: &mut [f32]) {
    // SAFETY: the CPU has AVX-512, as whoever calls this knows.
    unsafe { store_columns(tile, k, rows) }
}
