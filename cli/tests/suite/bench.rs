//! `bench`: its JSON, its options, its errors. No time is looked at.

use std::process::Output;

use serde_json::Value;

use crate::{here, json, list, refused};

fn bench(options: &[&str]) -> Output {
    here(&[&["bench"], options, &["--quiet", "--rounds", "1"]].concat())
}

fn report(options: &[&str]) -> Value {
    json(&bench(&[options, &["--format", "json"]].concat()))
}

fn results(report: &Value) -> &Vec<Value> {
    list(&report["results"])
}

fn levels(report: &Value) -> Vec<&str> {
    report["machine"]["levels"].as_array().expect("levels").iter().filter_map(Value::as_str).collect()
}

#[test]
fn every_kernel_has_its_entry() {
    let report = report(&["kernels", "--shape", "64x3", "--shape", "4x40"]);
    for field in ["cpu", "cores", "arch", "os", "version"] {
        assert!(!report["machine"][field].is_null(), "{field}");
    }
    let widest = *levels(&report).last().expect("a level");
    let kernels = [
        "memcpy",
        "exp",
        "uniform",
        "softmax",
        "log_softmax",
        "sample",
        "sample_index",
        "reinmax_backward",
        "reinmax_backward_tau1",
        "st_backward",
    ];
    assert_eq!(results(&report).len(), 2 * kernels.len());
    for (rows, k) in [(64, 3), (4, 40)] {
        for kernel in kernels {
            let is_it = |m: &&Value| m["kernel"] == kernel && m["rows"] == rows && m["k"] == k;
            let found: Vec<&Value> = results(&report).iter().filter(is_it).collect();
            let [entry] = found[..] else { panic!("{kernel} {rows}x{k}: {found:?}") };
            assert_eq!(entry["level"], if kernel == "memcpy" { "any" } else { widest });
            assert_eq!(entry["numerics"], "portable");
            assert_eq!(entry["threads"], 1);
            assert_eq!(entry["ns_per_element"], entry["median"]);
            let number = |field: &str| entry[field].as_f64().expect("a number");
            assert!(number("min") >= 0.0 && number("min") <= number("median"), "{entry}");
        }
    }
}

#[test]
fn levels_and_numerics_multiply() {
    let all = report(&[
        "kernels",
        "--shape",
        "16x2",
        "--kernel",
        "softmax",
        "--level",
        "all",
        "--numerics",
        "portable",
        "--numerics",
        "fast",
    ]);
    let found: Vec<(&str, &str)> = results(&all)
        .iter()
        .map(|m| (m["numerics"].as_str().expect("a name"), m["level"].as_str().expect("a name")))
        .collect();
    let expected: Vec<(&str, &str)> =
        ["portable", "fast"].iter().flat_map(|n| levels(&all).into_iter().map(move |level| (*n, level))).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_training_step_is_measured() {
    let report = report(&["polynomial"]);
    // Four estimators, three powers.
    assert_eq!(results(&report).len(), 12);
    assert!(results(&report).iter().all(|m| m["microseconds_per_step"].as_f64().is_some_and(|us| us > 0.0)));
}

#[test]
fn people_get_a_table() {
    let output = bench(&["kernels", "--shape", "16x2", "--kernel", "softmax"]);
    let table = String::from_utf8(output.stdout).expect("text");
    assert!(table.contains("softmax") && table.contains("16x2") && table.contains("ns/element"), "{table}");
}

#[test]
fn wrong_options_are_named() {
    refused(&bench(&["kernels", "--kernel", "sofmax"]), 2, &["sofmax", "softmax"]);
    refused(&bench(&["kernels", "--shape", "8192"]), 2, &["8192", "8192x2"]);
    refused(&bench(&["kernels", "--shape", "0x2"]), 2, &["0x2"]);
    refused(&bench(&["--level", "sse9"]), 2, &["sse9"]);
    refused(&bench(&["--threads", "0"]), 2, &["--threads"]);
    refused(&bench(&["--numerics", "exact"]), 2, &["exact", "portable"]);
    refused(&bench(&["everything"]), 2, &["everything", "kernels"]);
}

#[test]
fn a_kernel_or_a_shape_is_measured_alone() {
    let kernels = |options: &[&str]| -> Vec<String> {
        results(&report(options)).iter().map(|m| m["kernel"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(kernels(&["--kernel", "softmax", "--shape", "16x2"]), ["softmax"]);
    assert_eq!(kernels(&["--shape", "16x2"]), kernels(&["kernels", "--shape", "16x2"]));
    assert_eq!(kernels(&["--kernel", "tape"]), ["tape_record", "tape_replay", "tape_backward"]);
}

#[test]
fn options_that_do_not_go_together_are_named() {
    let shape = ["--shape", "8x8"];
    refused(&bench(&["polynomial", "--kernel", "softmax"]), 2, &["--kernel softmax", "polynomial"]);
    refused(&bench(&[&["polynomial"], &shape[..]].concat()), 2, &["--shape 8x8", "polynomial"]);
    for kernel in ["linear", "tape"] {
        let pair = [&["--kernel", kernel], &shape[..]].concat();
        refused(&bench(&[&["kernels"], &pair[..]].concat()), 2, &["--kernel", kernel, "--shape 8x8"]);
        // Nor is one that would be left out beside another.
        refused(&bench(&[&["--kernel", "softmax"], &pair[..]].concat()), 2, &["--kernel", kernel, "--shape 8x8"]);
    }
}
