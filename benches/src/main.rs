//! Runs one kernel a number of times, to be counted by callgrind: `reinmax-benches KERNEL ROWSxK LEVEL TIMES`. Without
//! arguments it lists what `ci.sh instructions` counts.

use std::process::ExitCode;

use reinmax::{Host, Level};
use reinmax_benches::{KERNELS, Operands};

const SHAPES: [(usize, usize); 3] = [(512, 2), (100, 10), (16, 128)];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.is_empty() {
        // Counters do not know AVX-512.
        for level in Level::available().into_iter().filter(|level| *level < Level::Avx512) {
            for kernel in KERNELS {
                for (rows, k) in SHAPES {
                    println!("{kernel} {rows}x{k} {level}");
                }
            }
        }
        return ExitCode::SUCCESS;
    }
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("reinmax-benches: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let [kernel, shape, level, times] = args else { return Err("give KERNEL ROWSxK LEVEL TIMES".to_owned()) };
    let (rows, k) = shape.split_once('x').ok_or("give a shape such as 512x2")?;
    let number = |text: &str| text.parse::<usize>().map_err(|error| format!("{text}: {error}"));
    let host = Host::new(level.parse::<Level>().map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
    let mut operands = Operands::new(number(rows)?, number(k)?).map_err(|e| e.to_string())?;
    for _ in 0..number(times)? {
        operands.call(kernel, &host).map_err(|e| e.to_string())?;
    }
    Ok(())
}
