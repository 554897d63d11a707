//! `compare polynomial`: its folders, its shards, its choice of temperatures.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::{SMALL, interrupt, json, list, number, of_version_zero, program, refused, started, text};

/// A sweep of `SMALL`: three folders with two seeds each.
fn sweep(more: &[&str], folder: &Path) -> Output {
    let which = ["compare", "polynomial", "--estimator", "exact", "--estimator", "reinmax", "--tau", "1,1.5"];
    program(&[&which, &SMALL[..], &["--format", "json"], more].concat(), folder)
}

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).expect("a file")));
        }
    }
    found.sort();
    found
}

#[test]
fn a_sweep_chooses_the_best_temperature_and_is_done_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = json(&sweep(&["--out", "s"], folder.path()));
    let results = list(&first["results"]);
    let names: Vec<&str> = results.iter().map(|row| row["spelled"].as_str().expect("a name")).collect();
    assert_eq!(names, ["exact", "reinmax:tau=1", "reinmax:tau=1.5"]);
    let loss = |at: usize| number(&results[at]["final_loss"]);
    assert_eq!(results[0]["chosen"], true);
    assert_eq!(results[1]["chosen"], loss(1) <= loss(2));
    assert_eq!(results[2]["chosen"], loss(2) < loss(1));
    // A row is the mean of what the folder of that run says.
    let summary = std::fs::read(folder.path().join("s/reinmax-tau=1.5/summary.json")).expect("a summary");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    let losses: Vec<f64> = list(&summary["results"]).iter().map(|run| number(&run["final_loss"])).collect();
    assert_eq!(losses.len(), 2);
    assert!((losses.iter().sum::<f64>() / 2.0 - loss(2)).abs() < 1e-15);
    assert!(folder.path().join("s/comparison.svg").exists());
    // The second time nothing is left, and every byte stays.
    let before = files(&folder.path().join("s"));
    let again = sweep(&["--out", "s"], folder.path());
    assert!(String::from_utf8_lossy(&again.stderr).contains("nothing left to do"));
    assert_eq!(json(&again), first);
    assert!(files(&folder.path().join("s")) == before);
}

/// As a program leaves them that is killed between a folder's last curve and its results.
#[test]
fn results_that_are_missing_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(sweep(&["--out", "s"], folder.path()).status.success());
    let before = files(&folder.path().join("s"));
    for name in ["summary.json", "curve.svg"] {
        std::fs::remove_file(folder.path().join("s/exact").join(name)).expect("removed");
    }
    assert!(sweep(&["--out", "s"], folder.path()).status.success());
    assert!(files(&folder.path().join("s")) == before);
}

#[test]
fn a_run_that_fails_is_named_and_finished_ones_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    // One run after the other: the exact losses are means, of draws there are sums, which f32 does not hold.
    let options = ["--out", "s", "--threads", "1", "--target", "1e19"];
    refused(&sweep(&options, folder.path()), 1, &["reinmax:tau=1 p = 2 seed 0", "epoch 1 is not finite"]);
    let kept = std::fs::read_to_string(folder.path().join("s/exact/metrics.jsonl")).expect("metrics");
    assert_eq!(kept.lines().count(), 2 * 3);
    assert!(folder.path().join("s/exact/summary.json").exists());
}

#[test]
fn shards_together_are_the_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = json(&sweep(&["--out", "whole"], folder.path()));
    let half = sweep(&["--out", "shards", "--shard", "2/2"], folder.path());
    assert!(half.status.success() && half.stdout.is_empty());
    assert!(String::from_utf8_lossy(&half.stderr).contains("1 of 3 folders"));
    assert_eq!(json(&sweep(&["--out", "shards", "--shard", "1/2"], folder.path())), whole);
}

#[test]
fn a_sweep_refuses_what_does_not_fit() {
    let folder = tempfile::tempdir().expect("a folder");
    for shard in ["0/2", "3/2", "1", "a/b"] {
        refused(&sweep(&["--out", "s", "--shard", shard], folder.path()), 2, &["--shard", "I/N"]);
    }
    refused(&sweep(&["--out", "s", "--power", "2,3"], folder.path()), 2, &["--power", "one sweep after the other"]);
    refused(&sweep(&["--out", "s", "--lr", "-1"], folder.path()), 2, &["lr"]);
    refused(&program(&["compare", "polynomial", "--out", "s", "--seeds", "3"], folder.path()), 2, &["0..3 for 3"]);
    refused(&sweep(&["--out", "s", "--threads", "0"], folder.path()), 2, &["--threads", "1.."]);
    refused(&program(&["compare", "polynomial", "--out", "s", "--tau", "1,0"], folder.path()), 2, &["tau"]);
    refused(&program(&["compare", "polynomial"], folder.path()), 2, &["--out"]);
    std::fs::write(folder.path().join("file"), "").expect("a file");
    refused(&sweep(&["--out", "file/s"], folder.path()), 1, &["file/s", "--out"]);
    json(&sweep(&["--out", "s"], folder.path()));
}

#[test]
fn a_sweep_of_other_settings_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    json(&sweep(&["--out", "s"], folder.path()));
    let before = files(&folder.path().join("s"));
    // straight_through would be the first of the folders, and reinmax is the one that is there.
    let which = ["compare", "polynomial", "--estimator", "st", "--estimator", "reinmax", "--tau", "1", "--out", "s"];
    let other = program(&[&which[..], &SMALL, &["--lr", "0.5", "--target", "0.4"]].concat(), folder.path());
    refused(&other, 1, &["s/reinmax-tau=1 was", "lr = 0.001, not 0.5", "target = 0.45, not 0.4", "another --out"]);
    assert!(files(&folder.path().join("s")) == before && !folder.path().join("s/straight_through-tau=1").exists());
}

#[test]
fn a_folder_without_a_finished_run_is_begun_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    json(&sweep(&["--out", "s"], folder.path()));
    for name in ["exact", "reinmax-tau=1", "reinmax-tau=1.5"] {
        std::fs::write(folder.path().join("s").join(name).join("metrics.jsonl"), "").expect("written");
    }
    of_version_zero(&folder.path().join("s/exact/config.toml"));
    json(&sweep(&["--out", "s", "--lr", "0.5"], folder.path()));
    // What no run has written is somebody's own.
    std::fs::remove_file(folder.path().join("s/exact/metrics.jsonl")).expect("removed");
    std::fs::write(folder.path().join("s/exact/config.toml"), "lr = 0.5\n").expect("written");
    refused(&sweep(&["--out", "s", "--lr", "0.5"], folder.path()), 1, &["s/exact/config.toml", "no version"]);
}

#[test]
fn seeds_are_added_to_a_sweep() {
    let folder = tempfile::tempdir().expect("a folder");
    let seeds = |seeds| {
        let which = ["compare", "polynomial", "--estimator", "reinmax", "--tau", "1", "--out", "s", "--seeds", seeds];
        program(&[&which[..], &SMALL[..8], &["--format", "json"]].concat(), folder.path())
    };
    let metrics = || std::fs::read_to_string(folder.path().join("s/reinmax-tau=1/metrics.jsonl")).expect("metrics");
    json(&seeds("0..2"));
    let two = metrics();
    assert_eq!(list(&json(&seeds("0..3"))["results"])[0]["seeds"], 3);
    // Not even the times of the first two differ: they did not run again.
    assert!(metrics().starts_with(&two) && metrics().lines().count() == 3 * 3);
    refused(&seeds("0..2"), 1, &["s/reinmax-tau=1", "seeds = \"0..3\", not \"0..2\""]);
    refused(&seeds("1..4"), 1, &["seeds = \"0..3\", not \"1..4\""]);
}

#[test]
fn estimators_that_do_not_fit_are_left_out_of_a_sweep() {
    let folder = tempfile::tempdir().expect("a folder");
    let one_step = ["--latents", "3", "--epochs", "1", "--steps-per-epoch", "1", "--seeds", "0..1", "--tau", "1"];
    let sweep = |more: &[&str]| {
        program(&[&["compare", "polynomial"], &one_step[..], &["--format", "csv"], more].concat(), folder.path())
    };
    let odd = sweep(&["--batch", "1", "--out", "odd"]);
    assert!(odd.status.success());
    for line in ["an even number of draws: arm, disarm\n", "as made for at least 2 draws: rloo\n"] {
        assert!(text(&odd.stderr).contains(line), "{}", text(&odd.stderr));
    }
    assert!(!text(&odd.stdout).contains("arm") && text(&odd.stdout).contains("reinforce"));
    assert!(text(&sweep(&["--batch", "2", "--out", "even"]).stdout).contains("disarm"));
    refused(&sweep(&["--batch", "1", "--estimator", "rloo", "--out", "s"]), 2, &["batch = 1", "rloo", "at least 2"]);
}

/// Neither gone on with nor shown: its numbers may differ from those of this version.
#[test]
fn a_sweep_of_another_version_is_not_continued() {
    let folder = tempfile::tempdir().expect("a folder");
    json(&sweep(&["--out", "s"], folder.path()));
    of_version_zero(&folder.path().join("s/reinmax-tau=1/config.toml"));
    let again = sweep(&["--out", "s"], folder.path());
    refused(&again, 1, &["reinmax-tau=1", "version 0.0.0", env!("CARGO_PKG_VERSION"), "another --out"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_finished_runs_and_the_same_command_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    // One seed after the other: long enough to be interrupted, short enough to be finished.
    let options = ["--out", "s", "--threads", "1", "--seeds", "0..40", "--steps-per-epoch", "20000"];
    let options: Vec<&str> = ["compare", "polynomial", "--estimator", "reinmax", "--tau", "1", "--latents", "6"]
        .into_iter()
        .chain(["--batch", "4", "--epochs", "3"])
        .chain(options)
        .collect();
    let child = started(&options, folder.path(), "s/reinmax-tau=1/metrics.jsonl");
    interrupt(&child);
    let output = child.wait_with_output().expect("its output");
    refused(&output, 130, &["stopping after this epoch", "the same command goes on"]);
    let metrics = folder.path().join("s/reinmax-tau=1/metrics.jsonl");
    let kept = std::fs::read_to_string(&metrics).expect("metrics");
    let runs = kept.lines().count() / 3;
    assert!((1..40).contains(&runs), "{runs} runs");
    let resumed = program(&options, folder.path());
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    let all = std::fs::read_to_string(&metrics).expect("metrics");
    assert!(all.starts_with(&kept) && all.lines().count() == 40 * 3);
}
