//! Sixteen rows of up to sixteen floats to columns and back, by shuffles.
//!
//! An 8 x 8 block is transposed in registers, in three layers of eight shuffles; transposing is its own inverse, so
//! both directions share it. Rows of up to 8 elements take two blocks (rows 0..8 and 8..16), longer ones four. Up to
//! four columns, or up to four beyond eight, have smaller blocks ([`few256`]). Nothing outside the slice is touched.

use core::arch::x86_64::*;

use reinmax_core::kernel::LANES;
use reinmax_core::kernel::tile::Tile;

use super::few256;

/// Rows of eight.
pub(super) const HALF: usize = 8;

/// An array of what an expression gives for 0..8. A closure would not do: it is a function of its own, without AVX2.
macro_rules! each {
    (|$i:ident| $x:expr) => {{
        macro_rules! at {
            ($n:literal) => {{
                let $i = $n;
                $x
            }};
        }
        [at!(0), at!(1), at!(2), at!(3), at!(4), at!(5), at!(6), at!(7)]
    }};
}

pub(super) use each;

/// Transposes an 8 x 8 block.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn transpose(x: [__m256; HALF]) -> [__m256; HALF] {
    let [a, b, c, d, e, f, g, h] = x;
    // SAFETY: arithmetic on registers alone.
    unsafe {
        let (ab0, ab1) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        let (cd0, cd1) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
        let (ef0, ef1) = (_mm256_unpacklo_ps(e, f), _mm256_unpackhi_ps(e, f));
        let (gh0, gh1) = (_mm256_unpacklo_ps(g, h), _mm256_unpackhi_ps(g, h));
        let (s0, s1) = (_mm256_shuffle_ps::<0x44>(ab0, cd0), _mm256_shuffle_ps::<0xee>(ab0, cd0));
        let (s2, s3) = (_mm256_shuffle_ps::<0x44>(ab1, cd1), _mm256_shuffle_ps::<0xee>(ab1, cd1));
        let (t0, t1) = (_mm256_shuffle_ps::<0x44>(ef0, gh0), _mm256_shuffle_ps::<0xee>(ef0, gh0));
        let (t2, t3) = (_mm256_shuffle_ps::<0x44>(ef1, gh1), _mm256_shuffle_ps::<0xee>(ef1, gh1));
        [
            _mm256_permute2f128_ps::<0x20>(s0, t0),
            _mm256_permute2f128_ps::<0x20>(s1, t1),
            _mm256_permute2f128_ps::<0x20>(s2, t2),
            _mm256_permute2f128_ps::<0x20>(s3, t3),
            _mm256_permute2f128_ps::<0x31>(s0, t0),
            _mm256_permute2f128_ps::<0x31>(s1, t1),
            _mm256_permute2f128_ps::<0x31>(s2, t2),
            _mm256_permute2f128_ps::<0x31>(s3, t3),
        ]
    }
}

/// A mask whose first `len` lanes (of eight) are set.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn mask(len: usize) -> __m256i {
    // SAFETY: arithmetic on registers alone.
    unsafe {
        let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(len.min(HALF) as i32), lanes)
    }
}

/// Writes the first `len` lanes (fewer than eight) to `out`. A masked store would do, but takes an AMD Zen 3 six times
/// as long as a whole one.
///
/// # Safety
/// The CPU has AVX2, and `len` floats lie at `out`.
#[inline(always)]
pub(super) unsafe fn store_part(out: *mut f32, len: usize, x: __m256) {
    // SAFETY: each piece that is written ends at `len` or before.
    unsafe {
        let (mut out, mut four) = (out, _mm256_castps256_ps128(x));
        if len & 4 != 0 {
            _mm_storeu_ps(out, four);
            (out, four) = (out.add(4), _mm256_extractf128_ps::<1>(x));
        }
        if len & 2 != 0 {
            _mm_storel_epi64(out.cast(), _mm_castps_si128(four)); // unaligned, unlike the one for doubles
            (out, four) = (out.add(2), _mm_movehl_ps(four, four));
        }
        if len & 1 != 0 {
            _mm_store_ss(out, four);
        }
    }
}

/// Sixteen rows of `k` elements become `k` columns of a tile; see [`reinmax_core::kernel::lanes::Lanes::load_columns`].
/// Fewer than sixteen rows, or `k` outside 1..=16, leave the tile as it is.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn load_columns(rows: &[f32], k: usize, tile: &mut Tile) {
    if k == 0 || k > LANES || rows.len() < LANES * k {
        return;
    }
    // SAFETY: the CPU has AVX2, and there are LANES * k floats.
    unsafe {
        match k {
            1 => tile[0].copy_from_slice(&rows[..LANES]),
            2 => load_pairs(rows, tile),
            3..=few256::MOST => few256::load_columns(rows, k, 0, tile),
            5..=HALF => load_eight(rows, k, 0, tile),
            _ => {
                load_eight(rows, k, 0, tile);
                if k <= HALF + few256::MOST {
                    few256::load_columns(rows, k, HALF, tile);
                } else {
                    load_eight(rows, k, HALF, tile);
                }
            }
        }
    }
}

/// Eight columns, or as many as there are, from `column` on; columns beyond the last one get anything.
///
/// # Safety
/// The CPU has AVX2, there are `LANES * k` floats, and `column` is 0 or [`HALF`] and below `k`.
#[inline(always)]
unsafe fn load_eight(rows: &[f32], k: usize, column: usize, tile: &mut Tile) {
    // SAFETY: row r begins at r * k. What follows one of the first eight rows belongs to the matrix; what may not, a
    // mask hides.
    let (upper, lower) = unsafe {
        let upper = rows.as_ptr().add(column);
        let lower = upper.add(HALF * k);
        let hidden = mask(k - column);
        (
            transpose(each!(|i| _mm256_loadu_ps(upper.add(i * k)))),
            transpose(each!(|i| _mm256_maskload_ps(lower.add(i * k), hidden))),
        )
    };
    for ((out, upper), lower) in tile[column..column + HALF].iter_mut().zip(upper).zip(lower) {
        // SAFETY: a column has sixteen floats.
        unsafe {
            _mm256_storeu_ps(out.as_mut_ptr(), upper);
            _mm256_storeu_ps(out.as_mut_ptr().add(HALF), lower);
        }
    }
}

/// `k` columns of a tile become sixteen rows of `k` elements; the inverse of [`load_columns`].
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn store_columns(tile: &Tile, k: usize, rows: &mut [f32]) {
    if k == 0 || k > LANES || rows.len() < LANES * k {
        return;
    }
    // SAFETY: the CPU has AVX2, and there are LANES * k floats. Parts of rows are written in order, those from the
    // eighth column on before the others: so what one part writes beyond its row, another writes over.
    unsafe {
        match k {
            1 => rows[..LANES].copy_from_slice(&tile[0]),
            2 => store_pairs(tile, rows),
            3..=few256::MOST => few256::store_columns(tile, k, 0, rows),
            5..=HALF => store_eight(tile, k, 0, rows),
            _ => {
                if k <= HALF + few256::MOST {
                    few256::store_columns(tile, k, HALF, rows);
                } else {
                    store_eight(tile, k, HALF, rows);
                }
                store_eight(tile, k, 0, rows);
            }
        }
    }
}

/// Eight columns, or as many as there are, from `column` on. What follows a part of a row is written too, but for the
/// last row's.
///
/// # Safety
/// As for [`load_eight`].
#[inline(always)]
unsafe fn store_eight(tile: &Tile, k: usize, column: usize, rows: &mut [f32]) {
    // SAFETY: row r begins at r * k, so eight floats from `column` on belong to the matrix in all rows but the last; a
    // tile has sixteen columns of sixteen floats.
    unsafe {
        let out = rows.as_mut_ptr().add(column);
        for first in [0, HALF] {
            let block = transpose(each!(|j| _mm256_loadu_ps(tile[column + j].as_ptr().add(first))));
            for (i, x) in block.into_iter().enumerate() {
                if first + i < LANES - 1 || k - column >= HALF {
                    _mm256_storeu_ps(out.add((first + i) * k), x);
                } else {
                    store_part(out.add((first + i) * k), k - column, x);
                }
            }
        }
    }
}

/// [`load_columns`] as a function of its own.
#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) fn load_any_columns(rows: &[f32], k: usize, tile: &mut Tile) {
    // SAFETY: the CPU has AVX2, as whoever calls this knows.
    unsafe { load_columns(rows, k, tile) }
}

/// [`store_columns`] as a function of its own.
#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) fn store_any_columns(tile: &Tile, k: usize, rows: &mut [f32]) {
    // SAFETY: the CPU has AVX2, as whoever calls this knows.
    unsafe { store_columns(tile, k, rows) }
}

/// [`load_columns`] for rows of two.
///
/// # Safety
/// The CPU has AVX2, and `rows` has 32 elements.
#[inline(always)]
unsafe fn load_pairs(rows: &[f32], tile: &mut Tile) {
    for first in [0, HALF] {
        // SAFETY: 16 floats from 2 * first on; a column has sixteen.
        unsafe {
            let (low, high) = (rows.as_ptr().add(2 * first), rows.as_ptr().add(2 * first + HALF));
            let (low, high) = (_mm256_loadu_ps(low), _mm256_loadu_ps(high));
            let even = _mm256_castps_pd(_mm256_shuffle_ps::<0x88>(low, high));
            let odd = _mm256_castps_pd(_mm256_shuffle_ps::<0xdd>(low, high));
            // Each half of a register has pairs of both operands.
            let (even, odd) = (_mm256_permute4x64_pd::<0xd8>(even), _mm256_permute4x64_pd::<0xd8>(odd));
            _mm256_storeu_ps(tile[0].as_mut_ptr().add(first), _mm256_castpd_ps(even));
            _mm256_storeu_ps(tile[1].as_mut_ptr().add(first), _mm256_castpd_ps(odd));
        }
    }
}

/// [`store_columns`] for rows of two.
///
/// # Safety
/// The CPU has AVX2, and `rows` has 32 elements.
#[inline(always)]
unsafe fn store_pairs(tile: &Tile, rows: &mut [f32]) {
    for first in [0, HALF] {
        // SAFETY: as in `load_pairs`.
        unsafe {
            let (even, odd) = (tile[0].as_ptr().add(first), tile[1].as_ptr().add(first));
            let (even, odd) = (_mm256_loadu_ps(even), _mm256_loadu_ps(odd));
            let (low, high) = (_mm256_unpacklo_ps(even, odd), _mm256_unpackhi_ps(even, odd));
            let out = rows.as_mut_ptr().add(2 * first);
            _mm256_storeu_ps(out, _mm256_permute2f128_ps::<0x20>(low, high));
            _mm256_storeu_ps(out.add(HALF), _mm256_permute2f128_ps::<0x31>(low, high));
        }
    }
}
