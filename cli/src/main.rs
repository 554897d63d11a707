//! The command line: experiments of the ReinMax paper, a laboratory of estimators, benchmarks, and
//! reference gradients. Results go to stdout, progress and errors to stderr; the help says what the exit codes mean.

#![forbid(unsafe_code)]

mod args;
mod bench;
mod compare;
mod estimators;
mod folder;
mod gradient;
mod interrupt;
mod jobs;
mod machine;
mod plot;
mod polynomial;
mod progress;
mod run;
mod scores;
mod settings;
mod statistics;
mod task;
mod vae;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command, Experiment};
use compare::args::Comparison;

/// Why a command ended early.
#[derive(Debug)]
struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    fn error(message: String) -> Self {
        Failure { message, code: 1 }
    }

    fn usage(message: String) -> Self {
        Failure { message, code: 2 }
    }

    fn interrupted(message: String) -> Self {
        Failure { message, code: interrupt::CODE }
    }
}

/// Writes results to stdout. A closed pipe (`| head`) is the reader's choice; a full disk is a failure.
fn print(text: &str) -> Result<(), String> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("stdout: {error}")),
        _ => Ok(()),
    }
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run { experiment: Experiment::Polynomial(args) } => {
            run::run(&args.run, |config| args.settings.apply(config), polynomial::report::text)
        }
        Command::Run { experiment: Experiment::Vae(args) } => {
            run::run(&args.run, |config| args.settings.apply(config), vae::report::text)
        }
        Command::Compare { what: Comparison::Gradients(args) } => compare::gradients(&args),
        Command::Compare { what: Comparison::Polynomial(args) } => compare::polynomial(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Gradient { file } => gradient::run(&file),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, code }) => {
            eprintln!("reinmax-cli: {message}");
            ExitCode::from(code)
        }
    }
}
