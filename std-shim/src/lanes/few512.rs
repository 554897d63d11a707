//! The last one to four of more than eight columns, in 512-bit registers: what is left beside a whole 8 x 8 block.

use core::arch::x86_64::*;

use reinmax_core::kernel::LANES;
use reinmax_core::kernel::tile::Tile;

/// The most columns that are few.
pub(super) const MOST: usize = 4;

/// Transposes the 4 x 4 block in each quarter of four registers.
///
/// # Safety
/// The CPU has AVX-512.
#[inline(always)]
pub(super) unsafe fn transpose([a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
    // SAFETY: arithmetic on registers alone.
    unsafe {
        let (ab0, ab1) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        let (cd0, cd1) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
        [
            _mm512_shuffle_ps::<0x44>(ab0, cd0),
            _mm512_shuffle_ps::<0xee>(ab0, cd0),
            _mm512_shuffle_ps::<0x44>(ab1, cd1),
            _mm512_shuffle_ps::<0xee>(ab1, cd1),
        ]
    }
}

/// The last `width` of `k` columns of sixteen rows.
///
/// # Safety
/// The CPU has AVX-512; there are sixteen rows of `k` elements, and `width` is at most [`MOST`] and `k` at most 16.
#[inline(always)]
pub(super) unsafe fn load_columns(rows: &[f32], k: usize, width: usize, tile: &mut Tile) {
    let at = |row: usize| row * k + (k - width);
    let out = &mut tile[k - width..];
    // SAFETY: `at(row)` and the `width` elements from there belong to the row; a column has sixteen floats.
    unsafe {
        if width == 1 {
            let offsets = _mm512_mullo_epi32(lane_numbers(), _mm512_set1_epi32(k as i32));
            let column = _mm512_i32gather_ps::<4>(offsets, rows.as_ptr().add(at(0)));
            return _mm512_storeu_ps(out[0].as_mut_ptr(), column);
        }
        if width == 2 {
            // A pair is gathered whole.
            let offsets = _mm256_mullo_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(k as i32));
            let low = _mm512_i32gather_pd::<4>(offsets, rows.as_ptr().add(at(0)).cast());
            let high = _mm512_i32gather_pd::<4>(offsets, rows.as_ptr().add(at(LANES / 2)).cast());
            let (low, high) = (_mm512_castpd_ps(low), _mm512_castpd_ps(high));
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            _mm512_storeu_ps(out[0].as_mut_ptr(), _mm512_permutex2var_ps(low, even, high));
            return _mm512_storeu_ps(out[1].as_mut_ptr(), _mm512_permutex2var_ps(low, odd, high));
        }
        let mask = (1 << width) - 1;
        macro_rules! rows_of {
            ($i:literal) => {{
                let quarter = |q: usize| rows.as_ptr().add(at(4 * q + $i));
                let x = _mm512_castps128_ps512(_mm_maskz_loadu_ps(mask, quarter(0)));
                let x = _mm512_insertf32x4::<1>(x, _mm_maskz_loadu_ps(mask, quarter(1)));
                let x = _mm512_insertf32x4::<2>(x, _mm_maskz_loadu_ps(mask, quarter(2)));
                _mm512_insertf32x4::<3>(x, _mm_maskz_loadu_ps(mask, quarter(3)))
            }};
        }
        let columns = transpose([rows_of!(0), rows_of!(1), rows_of!(2), rows_of!(3)]);
        for (out, column) in out.iter_mut().zip(columns).take(width) {
            _mm512_storeu_ps(out.as_mut_ptr(), column);
        }
    }
}

/// The last `width` of `k` columns become parts of sixteen rows.
///
/// # Safety
/// As for [`load_columns`].
#[inline(always)]
pub(super) unsafe fn store_columns(tile: &Tile, k: usize, width: usize, rows: &mut [f32]) {
    let at = |row: usize| row * k + (k - width);
    let columns = &tile[k - width..];
    let out = rows.as_mut_ptr();
    // SAFETY: as in `load_columns`.
    unsafe {
        if width == 1 {
            let offsets = _mm512_mullo_epi32(lane_numbers(), _mm512_set1_epi32(k as i32));
            return _mm512_i32scatter_ps::<4>(out.add(at(0)), offsets, _mm512_loadu_ps(columns[0].as_ptr()));
        }
        let mut four = [_mm512_setzero_ps(); MOST];
        for (x, column) in four.iter_mut().zip(columns).take(width) {
            *x = _mm512_loadu_ps(column.as_ptr());
        }
        let mask = (1 << width) - 1;
        for (i, x) in transpose(four).into_iter().enumerate() {
            _mm_mask_storeu_ps(out.add(at(i)), mask, _mm512_castps512_ps128(x));
            _mm_mask_storeu_ps(out.add(at(4 + i)), mask, _mm512_extractf32x4_ps::<1>(x));
            _mm_mask_storeu_ps(out.add(at(8 + i)), mask, _mm512_extractf32x4_ps::<2>(x));
            _mm_mask_storeu_ps(out.add(at(12 + i)), mask, _mm512_extractf32x4_ps::<3>(x));
        }
    }
}

/// 0 to 15.
///
/// # Safety
/// The CPU has AVX-512.
#[inline(always)]
unsafe fn lane_numbers() -> __m512i {
    // SAFETY: a constant in a register.
    unsafe { _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) }
}
