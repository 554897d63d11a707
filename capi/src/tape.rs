//! A tape in the caller's memory.
//!
//! Between two calls the tape is suspended: plain numbers, and the addresses of its slabs. Each call borrows the slabs
//! for its own length, so C may read and write values and gradients in between.

use core::ops::Range;

use reinmax_core::tape::Suspended;
use reinmax_core::{Draws, Mark, Node, Slabs, Tape, Var};

use crate::memory::{apart, check_pointer, get, overlap, place, put, range, read, write};
use crate::status::{CError, Result, Status};
use crate::{Engine, engine};

/// One recorded operation: what a slab of nodes is made of. Opaque.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CNode {
    /// Opaque.
    pub opaque_pointer: *const u8,
    /// Opaque.
    pub opaque_words: [u32; 16],
}

/// A tape. Opaque; zeroed or not, it must be initialised. It may be moved (copied as bytes) between calls, not used
/// twice.
#[repr(C)]
#[derive(Debug)]
pub struct CTape {
    /// Opaque.
    pub opaque_words: [usize; 25],
    /// Opaque.
    pub opaque_longs: [u64; 6],
}

/// A place to rewind to. Opaque; it may be copied.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CMark {
    /// Opaque.
    pub opaque_words: [usize; 5],
}

/// The memory lent to a tape, for as long as the tape is in use. Its content does not matter.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CSlabs {
    /// One for each recorded operation. Not to be touched while the tape is in use.
    pub nodes: *mut CNode,
    /// Elements of nodes.
    pub nodes_len: usize,
    /// Values; parameters first.
    pub values: *mut f32,
    /// Elements of values.
    pub values_len: usize,
    /// Gradients; those of parameters first.
    pub grads: *mut f32,
    /// Elements of grads.
    pub grads_len: usize,
    /// What operations keep for the backward pass. Not to be touched while the tape is in use.
    pub saved: *mut f32,
    /// Elements of saved.
    pub saved_len: usize,
}

/// How long slabs must be, in elements.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CFootprint {
    /// Of nodes.
    pub nodes: usize,
    /// Of values.
    pub values: usize,
    /// Of gradients.
    pub grads: usize,
    /// Of saved numbers.
    pub saved: usize,
}

/// Where draws come from. NULL in place of a pointer to this, or two NULLs and no length: the tape's stream. Forced
/// categories do not move its cursor: estimators that need noise besides them make it from seed, stream, cursor and
/// node, and so get the same noise each time, unless reinmax_tape_set_cursor moves on.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CDraws {
    /// Numbers in [0, 1), in the order in which draws use them; or NULL.
    pub uniforms: *const f32,
    /// Categories, one for each draw, even such of probability 0; or NULL.
    pub forced: *const u32,
    /// Elements of whichever is not NULL; all of them must be used.
    pub len: usize,
}

/// What is kept in a `CTape`.
struct State {
    /// [`MAGIC`] in a tape that was initialised.
    magic: u64,
    nodes: *mut Node<Engine>,
    slabs: CSlabs,
    suspended: Suspended,
    engine: Engine,
    error: CError,
}

/// Unlikely in memory that is not a tape.
const MAGIC: u64 = 0x7265_696e_6d61_7801;

// The opaque types are large enough and aligned enough, on every target that compiles.
const _: () = {
    assert!(size_of::<State>() <= size_of::<CTape>() && align_of::<State>() <= align_of::<CTape>());
    assert!(size_of::<Node<Engine>>() <= size_of::<CNode>() && align_of::<Node<Engine>>() <= align_of::<CNode>());
    assert!(size_of::<Mark>() <= size_of::<CMark>() && align_of::<Mark>() <= align_of::<CMark>());
};

/// A tape that is in use for the length of a call.
pub(crate) struct Open<'a> {
    state: *mut State,
    pub(crate) tape: Tape<'a, Engine>,
    /// The addresses of the slabs: the arrays of an argument must lie elsewhere.
    lent: [Range<usize>; 4],
}

impl Open<'_> {
    /// # Safety
    /// Of `tape`, the module's contract: it is `CTape`-sized memory, and nothing else uses it or its slabs meanwhile.
    pub(crate) unsafe fn new(tape: *mut CTape) -> Result<Self> {
        check_pointer(tape)?;
        let state: *mut State = tape.cast();
        // SAFETY: the caller's aligned memory; the magic number is plain.
        if unsafe { (&raw const (*state).magic).read() } != MAGIC {
            return Err(CError::of(Status::NotInitialised));
        }
        // SAFETY: the magic number says that `init` has written a whole state.
        let State { nodes, slabs, suspended, engine, .. } = unsafe { state.read() };
        // SAFETY: the slabs were lent to `init` for as long as the tape is used; nodes were written there.
        let lent = unsafe {
            Slabs {
                nodes: write(nodes, slabs.nodes_len, &[])?,
                values: write(slabs.values, slabs.values_len, &[])?,
                grads: write(slabs.grads, slabs.grads_len, &[])?,
                saved: write(slabs.saved, slabs.saved_len, &[])?,
            }
        };
        let ranges = [range(lent.nodes), range(lent.values), range(lent.grads), range(lent.saved)];
        Ok(Open { state, tape: Tape::resume(lent, engine, suspended), lent: ranges })
    }

    /// The caller's array, which lies outside of the tape's memory.
    ///
    /// # Safety
    /// As [`read`].
    pub(crate) unsafe fn array<'b, T>(&self, pointer: *const T, len: usize) -> Result<&'b [T]> {
        // SAFETY: the caller's promise.
        let slice = unsafe { read(pointer, len)? };
        let mine = range(slice);
        if self.lent.iter().any(|slab| overlap(&mine, slab)) {
            return Err(CError::of(Status::Overlap));
        }
        Ok(slice)
    }

    /// # Safety
    /// As [`read`], for the struct and for what it points to.
    pub(crate) unsafe fn draws<'b>(&self, draws: *const CDraws) -> Result<Draws<'b>> {
        if draws.is_null() {
            return Ok(Draws::Stream);
        }
        // SAFETY: the caller's promise.
        let CDraws { uniforms, forced, len } = unsafe { get(draws)? };
        match (uniforms.is_null(), forced.is_null()) {
            (false, false) => Err(CError::of(Status::BothNoises)),
            // SAFETY: the caller's promise.
            (true, false) => Ok(Draws::Forced(unsafe { self.array(forced, len)? })),
            (true, true) if len == 0 => Ok(Draws::Stream),
            // SAFETY: the caller's promise.
            _ => Ok(Draws::Uniforms(unsafe { self.array(uniforms, len)? })),
        }
    }

    /// The same place, reached from the pointer that C lent: it stays good after the call.
    fn lasting(base: *mut f32, slice: &[f32]) -> *mut f32 {
        base.wrapping_byte_add(slice.as_ptr().addr().wrapping_sub(base.addr()))
    }

    fn slabs(&self) -> CSlabs {
        // SAFETY: `state` was read whole in `new`.
        unsafe { (*self.state).slabs }
    }

    /// Suspends the tape again and keeps the error, if there is one.
    fn close(self, outcome: Result<()>) -> Status {
        let error = outcome.err().unwrap_or(CError::NONE);
        let suspended = self.tape.suspend();
        // SAFETY: `state` was read whole in `new`, and nothing else uses it during the call.
        unsafe {
            (*self.state).suspended = suspended;
            (*self.state).error = error;
        }
        error.status
    }
}

/// Runs `f` on a tape; what goes wrong stays readable in it.
///
/// # Safety
/// As [`Open::new`], and whatever `f` asks for.
pub(crate) unsafe fn on_tape(tape: *mut CTape, f: impl FnOnce(&mut Open<'_>) -> Result<()>) -> Status {
    // SAFETY: the caller's promise.
    match unsafe { Open::new(tape) } {
        Ok(mut open) => {
            let outcome = f(&mut open);
            open.close(outcome)
        }
        Err(error) => error.status,
    }
}

/// [`on_tape`] for what records a tensor; its handle goes to `out`.
///
/// # Safety
/// As [`on_tape`]; `out` must lead to memory that may be written.
pub(crate) unsafe fn record(tape: *mut CTape, out: *mut u64, f: impl FnOnce(&mut Open<'_>) -> Result<Var>) -> Status {
    // SAFETY: the caller's promise; `out` is checked before anything is recorded.
    unsafe {
        on_tape(tape, |open| {
            check_pointer(out)?;
            put(out, f(open)?.to_bits())
        })
    }
}

// ---- lifetime ----------------------------------------------------------------------------------------------------

/// The size of a reinmax_tape in bytes, for languages that do not read this header.
#[unsafe(no_mangle)]
pub extern "C" fn reinmax_tape_size() -> usize {
    size_of::<CTape>()
}

/// The alignment of a reinmax_tape in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn reinmax_tape_align() -> usize {
    align_of::<CTape>()
}

/// The size of a reinmax_node in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn reinmax_node_size() -> usize {
    size_of::<CNode>()
}

/// The alignment of a reinmax_node in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn reinmax_node_align() -> usize {
    align_of::<CNode>()
}

/// The size of a reinmax_mark in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn reinmax_mark_size() -> usize {
    size_of::<CMark>()
}

/// Makes an empty tape on the caller's slabs. Draws come from reinmax_tape_seed(tape, 0, 0) until it is seeded.
/// There is nothing to free. Give another number each time the same memory is used again: handles of the tape before it
/// are refused then.
///
/// Errors: NULL, MISALIGNED, TOO_LARGE, OVERLAP (slabs that share memory with each other or with the tape). Nothing has
/// been written then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_init(tape: *mut CTape, slabs: *const CSlabs, number: u32) -> Status {
    // SAFETY: the caller's promise.
    let outcome = unsafe { get(slabs).and_then(|slabs| init(tape, slabs, number, false)) };
    crate::status::status_of(outcome)
}

/// Makes a tape that records without computing, to find out how much memory a program needs: it takes nodes, but no
/// floats. Run the code that records (parameters and inputs still have their arrays), then ask for the footprint. It
/// has no number: a handle of an earlier measuring tape on the same nodes may pass for one of its own. Its numbers are
/// the same on every target; in bytes it is nodes * sizeof(reinmax_node) + (values + grads + saved) * sizeof(float).
///
/// Errors: NULL, MISALIGNED, TOO_LARGE, OVERLAP.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_init_measuring(tape: *mut CTape, nodes: *mut CNode, nodes_len: usize) -> Status {
    let none = core::ptr::null_mut();
    let slabs =
        CSlabs { nodes, nodes_len, values: none, values_len: 0, grads: none, grads_len: 0, saved: none, saved_len: 0 };
    // SAFETY: the caller's promise.
    crate::status::status_of(unsafe { init(tape, slabs, 0, true) })
}

/// # Safety
/// As [`reinmax_tape_init`].
unsafe fn init(tape: *mut CTape, slabs: CSlabs, number: u32, measuring: bool) -> Result<()> {
    // All of it is checked before anything is written.
    apart(&[
        place(tape, 1)?,
        place(slabs.nodes, slabs.nodes_len)?,
        place(slabs.values, slabs.values_len)?,
        place(slabs.grads, slabs.grads_len)?,
        place(slabs.saved, slabs.saved_len)?,
    ])?;
    let nodes: *mut Node<Engine> = slabs.nodes.cast();
    for i in 0..slabs.nodes_len {
        // SAFETY: the slab has room for `nodes_len` nodes: a `CNode` is as large as a `Node`, or larger.
        unsafe { nodes.add(i).write(Node::numbered(number)) };
    }
    // SAFETY: nodes have been written; floats may hold anything; no two slabs share memory.
    let suspended = unsafe {
        let values = write(slabs.values, slabs.values_len, &[])?;
        let grads = write(slabs.grads, slabs.grads_len, &[])?;
        let saved = write(slabs.saved, slabs.saved_len, &[])?;
        let nodes = write(nodes, slabs.nodes_len, &[])?;
        if measuring {
            Tape::measuring(nodes, engine()).suspend()
        } else {
            Tape::with_backend(Slabs { nodes, values, grads, saved }, engine()).suspend()
        }
    };
    let state = State { magic: MAGIC, nodes, slabs, suspended, engine: engine(), error: CError::NONE };
    // SAFETY: aligned memory of a tape's size, as checked and promised.
    unsafe { tape.cast::<State>().write(state) };
    Ok(())
}

/// The most that has been recorded at any time: exact slab lengths, one element less is FULL.
///
/// Errors: NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_footprint(tape: *mut CTape, out: *mut CFootprint) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        on_tape(tape, |open| {
            let at = open.tape.footprint();
            put(out, CFootprint { nodes: at.nodes, values: at.values, grads: at.grads, saved: at.saved })
        })
    }
}

/// The numbers behind what the last call on this tape returned. Asking leaves them as they are.
///
/// Errors: NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_error(tape: *mut CTape, out: *mut CError) -> Status {
    // SAFETY: the caller's promise; `Open::new` has found a whole state.
    crate::status::status_of(unsafe { Open::new(tape).and_then(|open| put(out, (*open.state).error)) })
}

// At the end, so that the header declares `init` before it.
pub mod run;
