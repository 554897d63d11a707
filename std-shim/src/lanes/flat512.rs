//! Sixteen rows of few floats to columns and back, in 512-bit registers: as many registers of rows as columns.
//!
//! Element e of sixteen rows of K floats is lane e % 16 of register e / 16 of the rows, and lane e / K of column e % K.
//! A permutation of two registers merges what a result has so far with what the next register holds of it: K - 1 of
//! them for each result, where 8 x 8 blocks ([`super::transpose512`]) would be half empty and need masks.

use core::arch::x86_64::*;

use reinmax_core::kernel::LANES;
use reinmax_core::kernel::tile::Tile;

/// For each result and each register: which lanes the result takes from that register (16 and up), and from what it has
/// so far.
type Merges<const K: usize> = [[[i32; LANES]; K]; K];

/// Merges of rows into columns, and of columns into rows.
struct Flat<const K: usize>;

impl<const K: usize> Flat<K> {
    const TO_COLUMNS: Merges<K> = merges(true);
    const TO_ROWS: Merges<K> = merges(false);
}

const fn merges<const K: usize>(to_columns: bool) -> Merges<K> {
    let mut all = [[[0; LANES]; K]; K];
    let mut result = 0;
    while result < K {
        let mut lane = 0;
        while lane < LANES {
            // The element that belongs here, and where it lies.
            let e = if to_columns { lane * K + result } else { result * LANES + lane };
            let (register, source) = if to_columns { (e / LANES, e % LANES) } else { (e % K, e / K) };
            // Before its register comes, a lane holds anything; with it, the element; after it, what it has.
            let mut step = 1;
            while step < K {
                all[result][step][lane] = if register == step {
                    LANES + source
                } else if register == 0 && step == 1 {
                    source
                } else {
                    lane
                } as i32;
                step += 1;
            }
            lane += 1;
        }
        result += 1;
    }
    all
}

/// Results of merging K registers.
///
/// # Safety
/// The CPU has AVX-512; `from` leads to 16 K floats, and so does `to`.
#[inline(always)]
unsafe fn merge<const K: usize>(from: *const f32, to: *mut f32, merges: &Merges<K>) {
    // SAFETY: there are K registers on both sides, and an index has sixteen lanes.
    unsafe {
        let mut registers = [_mm512_setzero_ps(); K];
        let mut i = 0;
        while i < K {
            registers[i] = _mm512_loadu_ps(from.add(i * LANES));
            i += 1;
        }
        // Counted loops: `zip(..).skip(1)` was a call of its own in some kernels, which then spilled all registers.
        let mut result = 0;
        while result < K {
            let mut x = registers[0];
            let mut step = 1;
            while step < K {
                let lanes = _mm512_loadu_si512(merges[result][step].as_ptr().cast());
                x = _mm512_permutex2var_ps(x, lanes, registers[step]);
                step += 1;
            }
            _mm512_storeu_ps(to.add(result * LANES), x);
            result += 1;
        }
    }
}

/// Sixteen rows of K floats become the first K columns of a tile.
///
/// # Safety
/// The CPU has AVX-512; K <= 16 and there are 16 K floats.
#[inline(always)]
pub(super) unsafe fn load_columns<const K: usize>(rows: &[f32], tile: &mut Tile) {
    // SAFETY: a tile has 16 columns of 16 floats; the rest is the caller's promise.
    unsafe { merge::<K>(rows.as_ptr(), tile.as_mut_ptr().cast(), &Flat::<K>::TO_COLUMNS) }
}

/// The first K columns of a tile become sixteen rows of K floats.
///
/// # Safety
/// As for [`load_columns`].
#[inline(always)]
pub(super) unsafe fn store_columns<const K: usize>(tile: &Tile, rows: &mut [f32]) {
    // SAFETY: as in `load_columns`.
    unsafe { merge::<K>(tile.as_ptr().cast(), rows.as_mut_ptr(), &Flat::<K>::TO_ROWS) }
}
