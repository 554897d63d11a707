//! After the first step nothing is allocated: replay, backward and the optimiser work in the memory that was lent.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use reinmax::optim::{Adam, Optimizer};
use reinmax::{Draws, Host, Memory, ReinMax, Result, Shape, Tape, measure};

struct Counting;

thread_local! {
    /// Of this thread alone: the test harness allocates in another.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn allocations() -> usize {
    ALLOCATIONS.get()
}

// SAFETY: forwards to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_training_step_allocates_nothing_and_records_nothing() {
    let record = |tape: &mut Tape<'_, Host>| -> Result<_> {
        let logits = tape.param(Shape::new(20, 3), &[0.1; 60])?;
        let mark = tape.mark();
        let probs = tape.softmax(logits)?;
        let x = tape.sample_many(ReinMax { tau: 1.3 }, logits, probs, 7, Draws::Stream)?;
        Ok((mark, tape.mean_abs_pow(x, -0.45, 1.5)?))
    };
    let host = Host::detect();
    let footprint = measure(host, |tape| record(tape).map(drop)).expect("it records");
    let mut memory = Memory::new(&footprint);
    let mut tape = Tape::with_backend(memory.slabs(), host);
    let (mark, loss) = record(&mut tape).expect("room");
    let (optimizer, mut state) = (Adam::new(1e-3), vec![0.0; Adam::state_len(60)]);
    let (recorded, before) = (tape.mark(), allocations());
    for step in 1..=100 {
        tape.zero_grad().expect("recorded");
        tape.replay(mark, Draws::Stream).expect("recorded");
        tape.backward(loss).expect("a loss");
        let (params, grads) = tape.params_and_grads();
        optimizer.step(step, params, grads, &mut state).expect("sizes");
    }
    assert_eq!(allocations() - before, 0);
    assert_eq!(tape.mark(), recorded);
    // The counter counts.
    drop(std::hint::black_box(vec![1_u8; 100]));
    assert!(allocations() > before);
}
