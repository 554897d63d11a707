//! The program from end to end, all of it in one test program.

mod bench;
mod folder;
mod gradient;
mod help;
mod laboratory;
mod model;
mod run;
mod sweep;
mod vae;
mod vae_images;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Two seeds of a few steps.
const SMALL: [&str; 10] =
    ["--latents", "6", "--batch", "4", "--epochs", "3", "--steps-per-epoch", "5", "--seeds", "0..2"];

fn command(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reinmax-cli"));
    command.args(arguments).current_dir(folder);
    command
}

fn program(arguments: &[&str], folder: &Path) -> Output {
    command(arguments, folder).output().expect("the program starts")
}

fn here(arguments: &[&str]) -> Output {
    program(arguments, Path::new("."))
}

/// A run of `SMALL` at two powers.
fn short_arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["run", "polynomial", "--power", "1.5,2.7"], &SMALL[..], more].concat()
}

fn short(more: &[&str], folder: &Path) -> Output {
    program(&short_arguments(more), folder)
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON object on stdout")
}

/// Asserts a failure with `code` whose message names all of `words`.
fn refused(output: &Output, code: i32, words: &[&str]) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert!(output.stdout.is_empty());
    for word in words {
        assert!(message.contains(word), "'{word}' is not in: {message}");
    }
}

/// Everything but times and the configuration.
fn losses(report: &Value) -> Vec<Value> {
    let results = report["results"].as_array().expect("results").clone();
    results
        .into_iter()
        .map(|mut entry| {
            entry["microseconds_per_step"].take();
            entry
        })
        .collect()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("an array")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number, not {value}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Starts the program, and waits until `file` is there: by then it listens for Ctrl-C.
#[cfg(unix)]
fn started(arguments: &[&str], folder: &Path, file: &str) -> std::process::Child {
    let mut command = command(arguments, folder);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    while !folder.join(file).exists() && child.try_wait().expect("a status").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child
}

/// Ctrl-C.
#[cfg(unix)]
fn interrupt(child: &std::process::Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
}

/// Makes a run's configuration one of version 0.0.0.
fn of_version_zero(config: &Path) {
    let text = std::fs::read_to_string(config).expect("a configuration");
    let version = concat!("version = \"", env!("CARGO_PKG_VERSION"), "\"");
    assert!(text.contains(version), "{text}");
    std::fs::write(config, text.replace(version, "version = \"0.0.0\"")).expect("written");
}
