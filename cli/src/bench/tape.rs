//! What the tape itself costs: a chain of additions of four numbers, where arithmetic is next to nothing.

use std::hint::black_box;

use reinmax::{Draws, Host, Mark, Memory, Result, Shape, Tape, Var, measure};

use super::Measurement;
use super::timing::interleaved;
use crate::args::BenchArgs;

/// Operations of the chain, of as many numbers each.
const CHAIN: usize = 256;
const WIDTH: usize = 4;

fn record(tape: &mut Tape<'_, Host>) -> Result<(Mark, Var)> {
    let shape = Shape::new(1, WIDTH as u32);
    let first = tape.param(shape, &[0.5; WIDTH])?;
    let mark = tape.mark();
    let mut x = first;
    for _ in 0..CHAIN {
        x = tape.add(x, first)?;
    }
    Ok((mark, x))
}

/// Nanoseconds for each number of an operation: recording, running again, and running backward.
pub(super) fn measure_tape(args: &BenchArgs, hosts: &[Host]) -> Result<Vec<Measurement>> {
    let mut results = Vec::new();
    for host in hosts {
        let footprint = measure(*host, |tape| record(tape).map(drop))?;
        let mut memory = Memory::new(&footprint);
        let mut tape = Tape::with_backend(memory.slabs(), *host);
        let (mark, last) = record(&mut tape)?;
        let mut other_memory = Memory::new(&footprint);
        let mut other = Tape::with_backend(other_memory.slabs(), *host);
        let empty = other.mark();
        let mut outcome = Ok(());
        let timings = interleaved(3, usize::from(args.rounds), |thing| {
            let once = match thing {
                0 => record(&mut other).and_then(|_| other.reset(empty)),
                1 => tape.replay(mark, Draws::Stream),
                _ => tape.backward_with(last, &[1.0; WIDTH]),
            };
            if let Err(error) = black_box(once) {
                outcome = Err(error);
            }
        });
        outcome?;
        let names = ["tape_record", "tape_replay", "tape_backward"];
        results.extend(
            names
                .into_iter()
                .zip(timings)
                .map(|(name, timing)| Measurement::new(name.to_owned(), (CHAIN, WIDTH), host, timing)),
        );
    }
    Ok(results)
}
