//! Matrix products for [`crate::Numerics::Fast`]: those of the `gemm` crate, of its part for f32.
//!
//! It packs a right factor whose rows are columns (the weights of `linear`) number by number, from far apart: at 100 x
//! 512 x 784 a third of its time with AVX-512. There large ones are turned into rows first, sixteen by sixteen in
//! registers, a strip of columns at a time that the second cache holds. With AVX2 its own packing is the faster one, by
//! twice. Threads take blocks of the product: the library's own threads make one of this size slower.

use std::marker::PhantomData;
use std::ops::Range;

use gemm_common::Parallelism;
use reinmax_core::kernel::LANES;
use reinmax_core::kernel::linear::{Contraction, Operand};
use reinmax_core::{Backend, Result, Split};

use crate::Host;
use crate::parts::run_parts;
#[cfg(target_arch = "x86_64")]
use crate::{Level, lanes::turn512::turn};

/// Products of fewer multiplications than this stay with the portable kernel, which has less to set up.
const SMALL: usize = 16 * 16 * 16;
/// With AVX-512 a transposed right factor of at least so many numbers is turned into rows first,
#[cfg(target_arch = "x86_64")]
const TURNED: usize = 1 << 14;
/// so many numbers at a time.
#[cfg(target_arch = "x86_64")]
const STRIP: usize = 1 << 16;
/// The columns of a strip or a part are a multiple of what the library's microkernel computes at once.
const WIDTH: usize = 64;
/// How many multiplications another thread is worth waking for: about 30 microseconds of them.
const WORK_PER_THREAD: usize = 1 << 21;

/// `out = a b + bias`, or `out += ..`; see [`Contraction`].
pub(crate) fn contract(host: &Host, contraction: Contraction<'_>) -> Result<()> {
    contraction.check()?;
    let work = contraction.rows * contraction.inner * contraction.cols;
    if work < SMALL {
        return host.run(contraction);
    }
    let block = Block::whole(contraction);
    match host.threads().min(work / WORK_PER_THREAD).min(block.rows() / LANES) {
        ..2 => block.multiply(host),
        threads => run_parts(block, threads, threads, |part| part.multiply(host)),
    }
    Ok(())
}

/// Some rows or some columns of a product whose lengths have been compared with its sizes.
struct Block<'a> {
    a: Operand<'a>,
    b: Operand<'a>,
    /// One for each column of the whole product, or none.
    bias: &'a [f32],
    inner: usize,
    /// Rows and columns of the whole product.
    size: (usize, usize),
    rows: Range<usize>,
    cols: Range<usize>,
    /// Whether it is cut between rows: along the longer side, as the library packs the factor on the other one for each
    /// part.
    by_rows: bool,
    add: bool,
    /// Where the whole product begins.
    out: *mut f32,
    /// It is borrowed.
    borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: as for the mutable slice that `out` stands for. Parts of a product have no element in common, and write none
// but their own.
unsafe impl Send for Block<'_> {}

/// A unit of four columns or rows: parts, which are multiples of sixteen units, are multiples of [`WIDTH`].
const UNIT: usize = WIDTH / LANES;

impl Split for Block<'_> {
    fn rows(&self) -> usize {
        if self.by_rows { self.rows.len() } else { self.cols.len() }.div_ceil(UNIT)
    }
    fn work(&self) -> usize {
        self.rows.len() * self.cols.len()
    }
    fn split(self, row: usize) -> (Self, Self) {
        if self.by_rows {
            let (first, second) = halves(&self.rows, row * UNIT);
            (Block { rows: first, cols: self.cols.clone(), ..self }, Block { rows: second, ..self })
        } else {
            let (first, second) = halves(&self.cols, row * UNIT);
            (Block { cols: first, rows: self.rows.clone(), ..self }, Block { cols: second, ..self })
        }
    }
}

fn halves(range: &Range<usize>, len: usize) -> (Range<usize>, Range<usize>) {
    let middle = (range.start + len).min(range.end);
    (range.start..middle, middle..range.end)
}

impl<'a> Block<'a> {
    /// All of a product that has been checked.
    fn whole(contraction: Contraction<'a>) -> Self {
        let Contraction { a, b, bias, rows, inner, cols, add, out } = contraction;
        let out = out.as_mut_ptr();
        let (size, by_rows, borrowed) = ((rows, cols), rows > cols, PhantomData);
        Block { a, b, bias, inner, size, rows: 0..rows, cols: 0..cols, by_rows, add, out, borrowed }
    }

    fn multiply(self, host: &Host) {
        let Block { b, inner, ref cols, .. } = self;
        if !b.transposed {
            return self.strip(Operand::plain(&b.values[cols.start..]), self.size.1, cols);
        }
        #[cfg(target_arch = "x86_64")]
        if inner * cols.len() >= TURNED && host.level() == Level::Avx512 {
            return self.turned();
        }
        self.strip(Operand::transposed(&b.values[cols.start * inner..]), inner, cols);
    }

    /// Strips of a transposed right factor are turned before they are multiplied. On a host with AVX-512.
    #[cfg(target_arch = "x86_64")]
    fn turned(&self) {
        use std::cell::Cell;
        thread_local! {
            /// A turned strip: as large as the largest that this thread has turned.
            static ROWS: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
        }
        let Block { b, inner, ref cols, .. } = *self;
        // Taken, not borrowed, and put back at the end.
        let mut turned = ROWS.take();
        let width = (STRIP / inner / WIDTH * WIDTH).max(WIDTH).min(cols.len());
        turned.resize(turned.len().max(inner * width), 0.0);
        for first in cols.clone().step_by(width) {
            let strip = first..(first + width).min(cols.end);
            let rows = &mut turned[..inner * strip.len()];
            // SAFETY: the host has looked for the instructions.
            unsafe { turn(&b.values[strip.start * inner..strip.end * inner], inner, rows) };
            self.strip(Operand::plain(rows), strip.len(), &strip);
        }
        ROWS.set(turned);
    }

    /// A strip of this block's columns by the library. `b` begins with the first of them; its rows (columns, where it
    /// is transposed) begin `stride` apart.
    fn strip(&self, b: Operand<'_>, stride: usize, cols: &Range<usize>) {
        let Block { a, bias, ref rows, inner, size, add, .. } = *self;
        // The bias goes in first, and the product is added to it.
        if !bias.is_empty() {
            for row in rows.clone() {
                // SAFETY: these elements of the row are this block's.
                let out =
                    unsafe { std::slice::from_raw_parts_mut(self.out.add(row * size.1 + cols.start), cols.len()) };
                for (out, bias) in out.iter_mut().zip(&bias[cols.clone()]) {
                    *out = if add { *out + bias } else { *bias };
                }
            }
        }
        let read_out = add || !bias.is_empty();
        // Distances between neighbours in a row and in a column. A slice has fewer elements than isize::MAX.
        let strides = |transposed, stride: usize| if transposed { (stride as isize, 1) } else { (1, stride as isize) };
        let a_stride = if a.transposed { size.0 } else { inner };
        let (a_row, a_column) = strides(a.transposed, a_stride);
        let (b_row, b_column) = strides(b.transposed, stride);
        let a = &a.values[rows.start * if a.transposed { 1 } else { inner }..];
        // SAFETY: the lengths of all three have been compared with their sizes, strides stay inside them, and what is
        // written is this block's, and nobody else's.
        unsafe {
            // The library's microkernels write columns, so what it computes is the transposed product.
            gemm_f32::gemm::f32::get_gemm_fn()(
                cols.len(),
                rows.len(),
                inner,
                self.out.add(rows.start * size.1 + cols.start),
                size.1 as isize,
                1,
                read_out,
                b.values.as_ptr(),
                b_column,
                b_row,
                a.as_ptr(),
                a_column,
                a_row,
                1.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}
