//! Calls every kernel once on every shape and level, and prints their names in the order of the calls: `ci.sh
//! instructions` has callgrind count what happens in each call.

use reinmax::{Host, Level};
use reinmax_benches::{KERNELS, Operands};

const SHAPES: [(usize, usize); 3] = [(512, 2), (100, 10), (16, 128)];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Counters do not know AVX-512.
    for level in Level::available().into_iter().filter(|level| *level < Level::Avx512) {
        let host = Host::new(level)?;
        for kernel in KERNELS {
            for (rows, k) in SHAPES {
                Operands::new(rows, k)?.call(kernel, &host)?;
                println!("{kernel} {rows}x{k} {level}");
            }
        }
    }
    Ok(())
}
