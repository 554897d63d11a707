//! The help pages.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{command, here, json, list, program, refused, text};

const COMMANDS: [&[&str]; 7] = [
    &[],
    &["run", "polynomial"],
    &["run", "vae"],
    &["compare", "gradients"],
    &["compare", "polynomial"],
    &["bench"],
    &["gradient"],
];

fn help(command: &[&str], option: &str) -> String {
    let output = here(&[command, &[option]].concat());
    assert!(output.status.success());
    text(&output.stdout)
}

#[test]
fn every_command_has_help_with_examples() {
    for command in COMMANDS {
        for option in ["-h", "--help"] {
            assert!(help(command, option).contains("Examples:"), "{command:?}");
        }
    }
}

/// The same command with less to do.
#[cfg(unix)]
fn smaller(example: &str) -> String {
    let (shapes, task) = ("bench --rounds 1 --shape 8x2", "--latents 4 --batch 4 --epochs 1 --steps-per-epoch 1");
    match example.split_once(' ').unwrap_or((example, "")) {
        ("bench", rest) if rest.contains("--shape") || rest.contains("polynomial") => {
            format!("bench --rounds 1 {rest}")
        }
        ("bench", rest) => format!("{shapes} {rest}"),
        ("compare", rest) if rest.contains("--draws") => {
            format!("compare {}", rest.replace("--draws 1000000", "--draws 500"))
        }
        ("compare", rest) if rest.contains("gradients") => format!("compare {rest} --draws 500"),
        ("run", rest) if rest.contains("vae") && !rest.contains("--resume") => {
            let rest = rest.replace("--epochs 40 ", "").replace("--batch 200 ", "");
            format!("run {rest} --hidden 8 --batch 20 --epochs 1")
        }
        (_, rest) if rest.contains("polynomial") && !rest.contains("--resume") => format!("{example} {task}"),
        _ => example.to_owned(),
    }
}

/// One after the other in one folder, as a reader would; only smaller.
#[cfg(unix)]
#[test]
fn the_examples_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let vectors = folder.path().join("tests/golden");
    std::fs::create_dir_all(&vectors).expect("a folder");
    for name in ["reinmax.json", "stgs.json", "exact_enumeration.json"] {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/");
        std::fs::copy(format!("{golden}{name}"), vectors.join(name)).expect("copied");
    }
    crate::vae::images(folder.path(), "mnist");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_reinmax-cli"));
    for command in COMMANDS {
        let page = help(command, "--help");
        let examples: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("  reinmax-cli ")).collect();
        assert!(examples.len() >= 2, "{command:?}");
        for example in examples {
            // What it does stands beside it.
            let (example, _) = example.split_once("  ").unwrap_or((example, ""));
            let line = format!("reinmax-cli {}", smaller(example));
            let mut shell = std::process::Command::new("/bin/sh");
            let shell = shell.args(["-c", &line]).current_dir(folder.path());
            let output = shell.env("PATH", program.parent().expect("its folder")).output().expect("a shell");
            assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        }
    }
}

#[test]
fn every_option_is_described() {
    for command in COMMANDS {
        let page = help(command, "--help");
        let lines: Vec<&str> = page.lines().collect();
        let mut options = 0;
        for pair in lines.windows(2) {
            let [line, next] = pair else { continue };
            // Where it stands makes it an option: a sentence's line may begin with one, too.
            let option = line.trim_start();
            if !line.starts_with("      --") && !line.starts_with("  -") {
                continue;
            }
            let next = next.trim();
            let described = option.contains("  ") || !(next.is_empty() || next.starts_with('['));
            assert!(described, "{command:?} {option}");
            options += 1;
        }
        assert!(options > 0, "{command:?}");
    }
}

/// Names and parameters.
fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty()).collect()
}

#[test]
fn every_estimator_stands_in_each_help() {
    // A message that is made of the table, too.
    let message = text(&here(&["run", "polynomial", "--estimator", "nobody"]).stderr);
    let (_, names) = message.split_once("available are ").expect("all names");
    let names = words(names);
    assert!(names.len() > 20 && names.contains("disarm"), "{names:?}");
    for command in [&["run", "polynomial"][..], &["compare", "gradients"], &["compare", "polynomial"], &["gradient"]] {
        let page = help(command, "--help");
        let (_, list) = page.split_once("Estimators (short names)").expect("a list");
        let missing: Vec<_> = names.difference(&words(list)).copied().collect();
        assert!(missing.is_empty(), "{command:?}: {missing:?}");
        for parameter in
            ["tau=1", "tau_backward=1, tau_forward=1", "gap=1, tau=1", "relaxed_samples=100, tau=1", "baseline=0"]
        {
            assert!(list.contains(parameter), "{command:?}: {parameter}");
        }
    }
}

/// Those that it takes, with the paper's temperatures for 8 x 4.
#[test]
fn the_autoencoder_has_estimators_of_its_own() {
    let page = help(&["run", "vae"], "--help");
    let (_, list) = page.split_once("Estimators (short names)").expect("a list");
    for parameters in
        ["reinmax                            tau=1.3", "straight_through (st)              tau=1.3", "tau=0.5"]
    {
        assert!(list.contains(parameters), "{parameters}: {list}");
    }
    for name in ["reinforce", "rloo", "arm", "disarm"] {
        assert!(words(list).contains(name), "{name}");
    }
    assert!(!words(list).contains("exact"));
}

#[test]
fn the_configuration_file_of_the_help_is_read() {
    for (task, runs, setting) in [("polynomial", 6, ("power", json!([2.0]))), ("vae", 2, ("hidden", json!([64, 32])))] {
        let page = help(&["run", task], "--help");
        let (_, example) = page.split_once("A file for --config:\n").expect("an example");
        let (example, _) = example.split_once("\n\n").expect("its end");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("c.toml"), example).expect("written");
        let options = ["run", task, "--config", "c.toml", "--epochs", "1", "--format", "json"];
        let report = json(&program(&options, folder.path()));
        let (setting, value) = setting;
        assert_eq!((list(&report["results"]).len(), &report["config"][setting]), (runs, &value));
    }
}

#[test]
fn the_first_page_says_what_holds_for_all_commands() {
    let page = help(&[], "--help");
    for words in ["Exit codes:", "130", "REINMAX_LEVEL", "avx512"] {
        assert!(page.contains(words), "{words}");
    }
}

/// What the first page says of the environment.
#[test]
fn a_level_that_there_is_not_is_refused_by_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let sweep = ["compare", "polynomial", "--out", "s"];
    let commands: [&[&str]; 6] =
        [&["run", "polynomial"], &["run", "vae"], &["compare", "gradients"], &sweep, &["bench"], &["gradient", "-"]];
    for arguments in commands {
        let output =
            command(arguments, folder.path()).env("REINMAX_LEVEL", "sse9").output().expect("the program starts");
        refused(&output, 2, &["REINMAX_LEVEL", "sse9", "scalar"]);
    }
    assert!(std::fs::read_dir(folder.path()).expect("the folder").next().is_none(), "nothing was begun");
}
