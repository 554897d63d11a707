//! The folder of a run: what stands in it, what may be replaced, how an interrupted run is finished.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{SMALL, interrupt, json, losses, number, of_version_zero, program, refused, short, started};

#[test]
fn a_run_leaves_its_folder_and_is_not_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = short(&["--out", "run"], folder.path());
    let table = String::from_utf8_lossy(&first.stdout).into_owned();
    assert!(first.status.success() && table.contains("reinmax:tau=1"), "{table}");
    let run = folder.path().join("run");
    let mut files: Vec<_> = std::fs::read_dir(&run)
        .expect("the folder")
        .map(|entry| entry.expect("a file").file_name().into_string().expect("a name"))
        .collect();
    files.sort();
    assert_eq!(files, ["config.toml", "curve-p1.5.svg", "curve-p2.7.svg", "metrics.jsonl", "summary.json"]);
    let svg = std::fs::read_to_string(run.join("curve-p1.5.svg")).expect("a picture");
    assert!(svg.contains("reinmax") && svg.trim_end().ends_with("</svg>"));
    refused(&short(&["--out", "run"], folder.path()), 1, &["run", "--overwrite", "--resume"]);
    let again = short(&["--out", "run", "--overwrite", "--format", "csv", "--seed", "7"], folder.path());
    // --seed and --seeds exclude each other; the short run has --seeds.
    refused(&again, 2, &["--seed"]);
    let again = short(&["--out", "run", "--overwrite", "--format", "csv"], folder.path());
    let csv = String::from_utf8_lossy(&again.stdout).into_owned();
    assert_eq!(csv.lines().next(), Some("estimator,parameters,power,seed,final_loss,microseconds_per_step"));
    assert_eq!(csv.lines().count(), 1 + 4 * 2 * 2);
}

#[test]
fn a_lone_result_is_not_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["summary.json", "curve.svg"] {
        let run = folder.path().join(name.replace('.', "-"));
        std::fs::create_dir(&run).expect("a folder");
        std::fs::write(run.join(name), "mine").expect("written");
        let out = run.to_str().expect("a name");
        refused(&short(&["--out", out], folder.path()), 1, &[name, "--overwrite"]);
        assert_eq!(std::fs::read_to_string(run.join(name)).expect("read"), "mine");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named_before_anything_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "").expect("written");
    refused(&short(&["--out", "file/run"], folder.path()), 1, &["file/run"]);
    refused(
        &program(&["run", "polynomial", "--resume", "nowhere"], folder.path()),
        1,
        &["nowhere", "a run that was begun"],
    );
}

#[test]
fn a_run_that_was_cut_short_can_be_finished() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = json(&short(&["--out", "run", "--format", "json"], folder.path()));
    let path = folder.path().join("run/metrics.jsonl");
    let text = std::fs::read_to_string(&path).expect("metrics");
    // As a killed program leaves it: some runs whole, one in part.
    let kept: Vec<&str> = text.lines().take(16).collect();
    std::fs::write(&path, kept.join("\n") + "\n").expect("written");
    std::fs::remove_file(folder.path().join("run/summary.json")).expect("removed");
    let resumed = json(&program(&["run", "polynomial", "--resume", "run", "--format", "json"], folder.path()));
    assert_eq!(losses(&whole), losses(&resumed));
    assert_eq!(std::fs::read_to_string(&path).expect("metrics").lines().count(), text.lines().count());
    assert!(folder.path().join("run/summary.json").exists());
}

#[test]
fn a_resumed_run_takes_more_seeds() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(short(&["--out", "run"], folder.path()).status.success());
    let resume =
        |seeds| program(&["run", "polynomial", "--resume", "run", "--seeds", seeds, "--format", "json"], folder.path());
    let grown = json(&resume("0..3"));
    let anew = [&SMALL[..8], &["--power", "1.5,2.7", "--seeds", "0..3", "--format", "json"]].concat();
    assert_eq!(losses(&grown), losses(&json(&program(&[&["run", "polynomial"], &anew[..]].concat(), folder.path()))));
    refused(&resume("0..2"), 2, &["seeds = '0..2'", "0..3 already"]);
    refused(&program(&["run", "polynomial", "--resume", "run", "--lr", "0.5"], folder.path()), 2, &["--lr"]);
}

/// Of an even number of epochs the mean of the two in the middle.
#[test]
fn the_time_of_a_step_is_the_median_over_epochs() {
    let folder = tempfile::tempdir().expect("a folder");
    for epochs in ["3", "4"] {
        let options = ["--epochs", epochs, "--latents", "2", "--seed", "0", "--estimator", "st", "--format", "json"];
        let report = json(&program(&[&["run", "polynomial", "--out", epochs], &options[..]].concat(), folder.path()));
        let metrics = std::fs::read_to_string(folder.path().join(epochs).join("metrics.jsonl")).expect("metrics");
        let time = |line| number(&serde_json::from_str::<Value>(line).expect("JSON")["microseconds_per_step"]);
        let mut times: Vec<f64> = metrics.lines().map(time).collect();
        times.sort_by(f64::total_cmp);
        let half = times.len() / 2;
        let median = if times.len() % 2 == 1 { times[half] } else { (times[half - 1] + times[half]) / 2.0 };
        assert_eq!(number(&report["results"][0]["microseconds_per_step"]), median);
    }
}

#[test]
fn resuming_reads_losses_back_to_the_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    // Long enough that a parser that rounds would change the last digit of some of the numbers.
    let options =
        ["--estimator", "exact", "--latents", "7", "--epochs", "60", "--steps-per-epoch", "30", "--seed", "0"];
    let run = ["run", "polynomial", "--out", "run"];
    assert!(program(&[&run[..], &options].concat(), folder.path()).status.success());
    // As text, before any parser of this test's own.
    let metrics = || std::fs::read_to_string(folder.path().join("run/metrics.jsonl")).expect("metrics");
    let before = metrics();
    assert_eq!(before.lines().count(), 60);
    assert!(program(&["run", "polynomial", "--resume", "run"], folder.path()).status.success());
    // All of it was finished: nothing runs again, not even times change.
    assert_eq!(metrics(), before);
}

/// Files whose names only resemble a run's stay.
#[test]
fn only_a_runs_own_files_are_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(short(&["--out", "run"], folder.path()).status.success());
    let file = |name: &str| folder.path().join("run").join(name);
    let others = ["curve-fit.svg", "curves.svg", "curve-p2.0.svg", "curve-pinf.svg", "curve-p2.svg.svg", "notes.txt"];
    for name in others {
        std::fs::write(file(name), "mine").expect("written");
    }
    let again = ["run", "polynomial", "--out", "run", "--overwrite", "--epochs", "1", "--steps-per-epoch", "1"];
    assert!(program(&again, folder.path()).status.success());
    for name in others {
        assert_eq!(std::fs::read_to_string(file(name)).expect(name), "mine");
    }
    assert!(file("curve.svg").exists() && !file("curve-p1.5.svg").exists() && !file("curve-p2.7.svg").exists());
}

#[test]
fn a_folder_that_is_no_runs_is_not_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = "base_url = \"https://example.org\"\n";
    let cases = [
        ("config.toml", site, "base_url"),
        ("config.toml", "", "no version"),
        ("config.toml", "epochs = 3\n", "no version"),
        ("curve.svg", "mine", "config.toml"),
    ];
    for (at, (name, content, why)) in cases.into_iter().enumerate() {
        let out = format!("other-{at}");
        let path = folder.path().join(&out);
        std::fs::create_dir(&path).expect("a folder");
        std::fs::write(path.join(name), content).expect("written");
        std::fs::write(path.join("metrics.jsonl"), "mine").expect("written");
        refused(&short(&["--out", &out, "--overwrite"], folder.path()), 1, &[&out, why, "another --out"]);
        assert_eq!(std::fs::read_to_string(path.join(name)).expect("read"), content);
        assert_eq!(std::fs::read_to_string(path.join("metrics.jsonl")).expect("read"), "mine");
    }
}

#[test]
fn a_run_of_another_version_is_not_resumed() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(short(&["--out", "run"], folder.path()).status.success());
    of_version_zero(&folder.path().join("run/config.toml"));
    let resumed = program(&["run", "polynomial", "--resume", "run"], folder.path());
    refused(&resumed, 1, &["version 0.0.0", env!("CARGO_PKG_VERSION"), "--out run --overwrite"]);
    assert!(short(&["--out", "run", "--overwrite"], folder.path()).status.success());
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_run_that_can_be_resumed() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["run", "polynomial", "--out", "run", "--threads", "1", "--epochs", "100000", "--format", "json"];
    let child = started(&options, folder.path(), "run/config.toml");
    interrupt(&child);
    let output = child.wait_with_output().expect("its output");
    refused(&output, 130, &["stopping after this epoch", "again", "--resume run"]);
    assert!(folder.path().join("run/metrics.jsonl").exists());
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_does_not_wait_for_the_epoch() {
    let folder = tempfile::tempdir().expect("a folder");
    // An epoch of hours.
    let options = ["run", "polynomial", "--out", "run", "--epochs", "1", "--steps-per-epoch", "4000000000", "--quiet"];
    let mut child = started(&options, folder.path(), "run/config.toml");
    // An epoch should have begun; were it not so, the first Ctrl-C would be enough, and this test would look at
    // nothing.
    std::thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    while child.try_wait().expect("a status").is_none() && begun.elapsed() < Duration::from_secs(60) {
        interrupt(&child);
        std::thread::sleep(Duration::from_millis(200));
    }
    // In vain where it has ended.
    let _ = child.kill();
    refused(&child.wait_with_output().expect("its output"), 130, &["stopping after this epoch", "again"]);
    // What stands there is whole.
    let config = std::fs::read_to_string(folder.path().join("run/config.toml")).expect("a configuration");
    assert!(config.contains("steps_per_epoch = 4000000000"), "{config}");
}
