//! `compare gradients`: its figures against reference values, and its handling of options and files.

use reinmax_tests::tolerance::{ENUMERATION, QUANTILE};
use serde_json::Value;

use crate::{here, json, list, number, program, refused, text};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/exact_enumeration.json");

/// The laboratory's report on `options`.
fn report(options: &[&str]) -> Value {
    json(&here(&[&["compare", "gradients", "--format", "json"], options].concat()))
}

/// Sets every time to null.
fn without_times(mut report: Value) -> Value {
    for problem in report["problems"].as_array_mut().expect("problems") {
        for entry in problem["results"].as_array_mut().expect("results") {
            entry["microseconds_per_gradient"].take();
        }
    }
    report
}

/// Chi-squared of a mean of draws against the enumerated one lies below its 99.9 % quantile; where it is one of many
/// comparisons, their chances of a false alarm together are 0.1 %.
fn agrees(entry: &Value, problem: &Value, comparisons: u32) {
    let (chi, rank) = (number(&entry["chi_squared"]), number(&entry["degrees_of_freedom"]));
    let level = 1.0 - (1.0 - QUANTILE) / f64::from(comparisons);
    let quantile = if rank == 0.0 { 0.0 } else { 2.0 * puruspe::invgammp(level, rank / 2.0) };
    assert!(chi <= quantile, "{problem}: {}: chi-squared {chi} of {rank} degrees of freedom", entry["estimator"]);
}

#[test]
fn enumerated_means_are_those_of_the_reference() {
    let reference: Value = serde_json::from_str(&std::fs::read_to_string(GOLDEN).expect("vectors")).expect("JSON");
    let estimators =
        ["reinmax", "st", "reinmax:tau=1.25", "st:tau=1.25", "reinmax:tau=2", "st:tau=2", "exact", "reinforce"];
    let options: Vec<&str> = estimators.iter().flat_map(|name| ["--estimator", name]).collect();
    let report = report(&[&options[..], &["--file", GOLDEN, "--draws", "1000"]].concat());
    let cases = list(&reference["cases"]);
    assert_eq!(cases.len(), list(&report["problems"]).len());
    for (case, problem) in cases.iter().zip(list(&report["problems"])) {
        assert_eq!(case["id"], problem["problem"]);
        assert!((number(&case["expected_f"]) - number(&problem["expected_loss"])).abs() < 1e-9);
        let at_tau =
            2 * [1.0, 1.25, 2.0].iter().position(|tau| *tau == number(&case["tau"])).expect("a tau of the list");
        let expected = [
            (0, "mean_reinmax_tau1"),
            (1, "mean_st_tau1"),
            (at_tau, "mean_reinmax_tau"),
            (at_tau + 1, "mean_st_tau"),
            (6, "exact_grad"),
            (7, "exact_grad"),
        ];
        let greatest = list(&case["exact_grad"]).iter().map(|g| number(g).abs()).fold(1.0, f64::max);
        for (at, field) in expected {
            let entry = &problem["results"][at];
            assert_eq!(entry["method"], "enumerated");
            assert_eq!(list(&entry["mean"]).len(), list(&case[field]).len());
            for (mean, expected) in list(&entry["mean"]).iter().zip(list(&case[field])) {
                let error = (number(mean) - number(expected)).abs();
                assert!(error <= ENUMERATION * greatest, "{}: {field}: off by {error}", case["id"]);
            }
        }
        // ReinMax is exact up to degree 2; Straight-Through is not beyond degree 1.
        let bias = |at: usize| number(&problem["results"][at]["relative_bias"]);
        let degree = number(&case["max_degree"]);
        if degree <= 2.0 {
            assert!(bias(0) <= ENUMERATION, "{}: ReinMax's bias is {}", case["id"], bias(0));
        }
        if degree == 2.0 {
            assert!(bias(1) > 1e-3, "{}: Straight-Through's bias is {}", case["id"], bias(1));
        }
    }
}

#[test]
fn built_in_problems_have_the_biases_of_the_theory() {
    for (problem, reinmax_exact, st_exact) in [
        ("linear", true, true),
        ("multilinear", true, true),
        ("quadratic", true, false),
        ("toy", true, false),
        ("cubic", false, false),
        ("quartic", false, false),
    ] {
        let options = ["--problem", problem, "--latents", "3", "--categories", "3", "--draws", "20000"];
        let report = report(&options);
        let problem = &report["problems"][0];
        for entry in list(&problem["results"]) {
            let bias = number(&entry["relative_bias"]);
            match entry["estimator"].as_str().expect("a name") {
                "exact" | "reinforce" => assert!(bias <= ENUMERATION, "{entry}"),
                "reinmax" => assert_eq!(bias <= ENUMERATION, reinmax_exact, "{entry}"),
                "straight_through" => assert_eq!(bias <= 1e-3, st_exact, "{entry}"),
                "mve" => assert_eq!(bias <= ENUMERATION, reinmax_exact, "{entry}"),
                "darn" | "decoupled_st" => assert_eq!(bias <= 1e-3, st_exact, "{entry}"),
                "gumbel_softmax" | "decoupled_gumbel" | "gumbel_rao" | "reinmax_rao" => {
                    assert_eq!(entry["method"], "Monte Carlo");
                }
                // Unbiased: five standard errors.
                "rloo" => assert!(bias <= 5.0 * number(&entry["relative_bias_noise"]), "{entry}"),
                _ => {}
            }
            if entry["estimator"] != "exact" && entry["method"] == "enumerated" {
                // Six problems, eight estimators whose mean can be enumerated.
                agrees(entry, &problem["problem"], 48);
            }
        }
    }
}

#[test]
fn a_million_draws_agree_with_the_enumeration() {
    for case in ["poly9", "poly27"] {
        let options = ["--estimator", "st", "--estimator", "reinmax", "--estimator", "reinforce", "--draws", "1000000"];
        let report = report(&[&options[..], &["--file", GOLDEN, "--case", case]].concat());
        let results = list(&report["problems"][0]["results"]);
        assert_eq!(results.len(), 3);
        for entry in results {
            assert!(number(&entry["degrees_of_freedom"]) > 0.0);
            agrees(entry, &report["problems"][0]["problem"], 1);
        }
    }
}

#[test]
fn results_do_not_depend_on_the_threads() {
    let options = ["--draws", "20000", "--latents", "3", "--problem", "cubic", "--threads"];
    let run = |threads| without_times(report(&[&options[..], &[threads]].concat()));
    assert_eq!(run("1"), run("3"));
}

#[test]
fn every_format_has_every_estimator() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["compare", "gradients", "--draws", "500", "--latents", "2", "--out", "lab", "--format"];
    let run = |format| {
        let output = program(&[&options[..], &[format]].concat(), folder.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let (csv, human, markdown) = (run("csv"), run("human"), run("markdown"));
    for text in [&human, &markdown] {
        assert!(text.contains("noise floor"), "{text}");
    }
    let columns = csv.lines().next().expect("a header").split(',').count();
    assert!(csv.lines().all(|line| line.split(',').count() == columns), "{csv}");
    let picture = std::fs::read_to_string(folder.path().join("lab/gradients.svg")).expect("a picture");
    let file: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("lab/gradients.json")).expect("results"))
            .expect("JSON");
    let results = list(&file["problems"][0]["results"]);
    assert!(results.len() >= 5);
    // Equal marks share one: their names are joined.
    let named: Vec<&str> = picture.lines().flat_map(|line| line.split(" = ")).collect();
    for entry in results {
        let name = entry["estimator"].as_str().expect("a name");
        for text in [&csv, &human, &markdown] {
            assert!(text.contains(name), "{name} is not in: {text}");
        }
        // Without variance there is nothing to see.
        assert_eq!(named.contains(&name), name != "exact", "{name}: {picture}");
    }
}

#[test]
fn wrong_options_are_named() {
    let gradients = |options: &[&str]| here(&[&["compare", "gradients"], options].concat());
    refused(&gradients(&["--latents", "30", "--categories", "2"]), 2, &["2^30", "1048576"]);
    refused(&gradients(&["--latents", "0"]), 2, &["latents"]);
    refused(&gradients(&["--estimator", "nobody"]), 2, &["nobody", "reinmax"]);
    refused(&gradients(&["--estimator", "st", "--estimator", "st:tau=1"]), 2, &["twice"]);
    refused(&gradients(&["--estimator", "st:tau=0"]), 2, &["tau"]);
    refused(&gradients(&["--problem", "cubic", "--degree", "4"]), 2, &["degree"]);
    refused(&gradients(&["--problem", "sextic"]), 2, &["sextic", "quartic"]);
    refused(&gradients(&["--draws", "1"]), 2, &["--draws"]);
    refused(&gradients(&["--threads", "0"]), 2, &["--threads"]);
    refused(&gradients(&["--file", "missing.json"]), 1, &["missing.json"]);
    refused(&gradients(&["--file", GOLDEN, "--case", "poly99"]), 1, &["poly99"]);
    refused(&gradients(&["--file", GOLDEN, "--latents", "3"]), 2, &["--latents"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "").expect("a file");
    let output = program(&["compare", "gradients", "--out", "file/lab"], folder.path());
    refused(&output, 1, &["file/lab", "--out"]);
}

#[test]
fn estimators_that_do_not_fit_are_left_out_with_a_word() {
    let gradients = |options: &[&str]| here(&[&["compare", "gradients", "--draws", "500"], options].concat());
    let line = "left out, as made for 2 categories (k = 2): arm, disarm\n";
    assert!(text(&gradients(&["--format", "csv"]).stderr).contains(line));
    assert_eq!(text(&gradients(&["--format", "csv", "--quiet"]).stderr), "");
    let many = text(&gradients(&["--categories", "33", "--latents", "1"]).stderr);
    assert!(many.contains(line) && many.contains("up to 32 categories: mve"), "{many}");
    assert!(!text(&gradients(&["--categories", "2"]).stderr).contains("left out"));
    refused(&gradients(&["--estimator", "disarm"]), 2, &["disarm", "2 categories", "4"]);
}

#[test]
fn quiet_is_quiet() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["compare", "gradients", "--estimator", "st", "--draws", "500", "--out", "lab"];
    let run = |more: &[&str]| text(&program(&[&options[..], more].concat(), folder.path()).stderr);
    assert!(run(&[]).contains("wrote lab"));
    assert_eq!(run(&["--quiet"]), "");
}
