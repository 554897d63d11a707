//! `gradient`: reference vectors, other files, and their errors.

use std::path::Path;
use std::process::Output;

use reinmax_tests::tolerance::GOLDEN;
use serde_json::Value;

use crate::{json, program, refused};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden");

#[test]
fn gradients_of_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |content: &str| std::fs::write(folder.path().join("v.json"), content).expect("written");
    let run = || program(&["gradient", "v.json"], folder.path());
    let case = r#""id":"a","rows":1,"k":2,"tau":1.0,"logits":[0.0,0.0],"upstream":[1.0,0.0],"sample":[0]"#;
    file(&format!(r#"{{"estimator":"reinmax","cases":[{{{case}}}]}}"#));
    let report = json(&run());
    assert_eq!(report["estimator"], "reinmax");
    // [p (g - g_D) + e_D (g_D - <p, g>)] / 2 with p = 1/2.
    assert_eq!(report["cases"][0], serde_json::json!({"id": "a", "grad": [0.25, -0.25]}));
    file(&format!(r#"{{"estimator":"vimco","cases":[{{{case}}}]}}"#));
    refused(&run(), 1, &["v.json", "vimco", "stgs", "rloo"]);
    file(&format!(r#"{{"estimator":"stgs","cases":[{{{case}}}]}}"#));
    refused(&run(), 1, &["case 'a'", "gumbel"]);
    file(&format!(r#"{{"estimator":"stgs","cases":[{{{case},"gumbel":[0.0,1.0]}}]}}"#));
    refused(&run(), 1, &["case 'a'", "sample[0] is 0", "gumbel are greatest 1"]);
    file(&format!(r#"{{"estimator":"st","cases":[{{{}}}]}}"#, case.replace("\"k\":2", "\"k\":3")));
    refused(&run(), 1, &["case 'a'", "3 logits"]);
    file(r#"{"estimator":"st","cases":[{"id":"a"}]}"#);
    refused(&run(), 1, &["v.json", "case 'a'", "rows"]);
    file(&format!(r#"{{"estimator":"st","cases":[{{{}}}]}}"#, case.replace("\"id\":\"a\",", "")));
    assert_eq!(json(&run())["cases"][0], serde_json::json!({"id": "0", "grad": [0.25, -0.25]}));
    file(&format!(r#"{{"estimator":"st","cases":[{{{}}}]}}"#, case.replace("\"a\"", "7")));
    refused(&run(), 1, &["case 0", "id: ", "expected a string"]);
    file(r#"{"estimator":"st","cases":[{"rows":1}]}"#);
    refused(&run(), 1, &["v.json", "case 0 (counted from 0)", "'k' is missing"]);
    // What f32 cannot hold must not come out as null.
    for (estimator, from, to, words) in [
        ("st", "[1.0,0.0]", "[1.0,1e39]", ["upstream[1]", "finite"]),
        ("reinmax", "[1.0,0.0]", "[3e38,-3e38]", ["grad[", "f32"]),
        ("st", "[1.0,0.0]", "[[1.0,0.0]]", ["upstream is nested", "flat and row-major"]),
        ("st", "[0.0,0.0]", "[0.0,\"x\"]", ["logits: ", "expected f32"]),
        ("st", "\"k\":2", "\"k\":-2", ["k: ", "usize"]),
        ("reinmax", "\"tau\":1.0,", "", ["'tau' is missing", "reinmax:tau=1"]),
        ("st", "[1.0,0.0]", "[1.0]", ["upstream has 1", "2 are needed"]),
        ("st", "\"tau\":1.0", "\"tau\":-1.0", ["tau = '-1'", "positive"]),
        ("st", "\"sample\":[0]", "\"sample\":[2]", ["sample[0] = 2", "below k = 2"]),
        ("st", "\"rows\":1", "\"rows\":9223372036854775808", ["rows", "too large"]),
        ("reinforce", "\"sample\"", "\"loss\":[1e39],\"sample\"", ["loss[0]", "finite"]),
        (
            "reinmax_with_prob_grad",
            "\"sample\"",
            "\"upstream_prob\":[1e39,0],\"sample\"",
            ["upstream_prob[0]", "finite"],
        ),
        ("stgs", "\"sample\"", "\"gumbel\":[1e39,0],\"sample\"", ["gumbel[0]", "finite"]),
        ("decoupled_st", "\"tau\"", "\"tau_forward\":1,\"tau\"", ["tau_backward", "missing"]),
        ("gr_mck", "\"tau\"", "\"exponential\":[1,1],\"tau\"", ["repeats", "missing"]),
        ("gr_mck", "\"tau\"", "\"repeats\":1,\"exponential\":[1],\"tau\"", ["exponential has 1", "2 are needed"]),
        ("reinmax_rao", "\"tau\"", "\"repeats\":1,\"exponential\":[1,0],\"tau\"", ["Exponentials[1]", "positive"]),
    ] {
        file(&format!(r#"{{"estimator":"{estimator}","cases":[{{{}}}]}}"#, case.replace(from, to)));
        refused(&run(), 1, &[&["v.json", "case 'a'"], &words[..]].concat());
    }
    file("{");
    refused(&run(), 1, &["v.json"]);
    refused(&program(&["gradient", "missing.json"], folder.path()), 1, &["missing.json"]);
}

/// The gradients of one case, row by row: p = 1/2 for both categories.
fn gradient_of(estimator: &str, fields: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let case = format!(r#""id":"a","rows":1,"k":2,"logits":[0.0,0.0],{fields}"#);
    let vectors = format!(r#"{{"estimator":"{estimator}","cases":[{{{case}}}]}}"#);
    std::fs::write(folder.path().join("v.json"), vectors).expect("written");
    program(&["gradient", "v.json"], folder.path())
}

#[test]
fn losses_have_gradients() {
    for (estimator, fields, first) in [
        // (f - baseline) (1 - p) = 2 / 2.
        ("reinforce:baseline=1", r#""sample":[0],"loss":[3]"#, 1.0),
        // (3 / 2 - 1 / 2) / 2, the mean over two draws.
        ("reinforce", r#""sample":[0,1],"loss":[3,1]"#, 0.5),
        // The mean of (1 - 3) / 2 and -(3 - 1) / 2.
        ("rloo", r#""sample":[0,1],"loss":[1,3]"#, -1.0),
        // (f(z') - f(z)) (u - 1/2) = 2 (-1/4), the mean over one pair or two.
        ("arm", r#""sample":[0,1],"loss":[1,3],"uniform":[0.25]"#, -0.5),
        ("arm", r#""sample":[0,1,0,1],"loss":[1,3,1,3],"uniform":[0.25,0.25]"#, -0.5),
        // (f(z) - f(z')) / 2 max(p).
        ("disarm", r#""sample":[0,1],"loss":[1,3]"#, -0.5),
    ] {
        let report = json(&gradient_of(estimator, fields));
        assert_eq!(report["cases"][0]["grad"], serde_json::json!([first, -first]), "{estimator}");
    }
}

#[test]
fn parameters_stand_in_the_name_or_in_the_case() {
    let upstream = r#""sample":[0],"upstream":[1,0]"#;
    let of_name = json(&gradient_of("reinmax:tau=1.5", upstream));
    let of_case = json(&gradient_of("reinmax", &format!(r#"{upstream},"tau":1.5"#)));
    assert_eq!(of_name["cases"], of_case["cases"]);
    assert_eq!(of_name["estimator"], "reinmax:tau=1.5");
    let both = gradient_of("reinmax:tau=1.5", &format!(r#"{upstream},"tau":1.25"#));
    refused(&both, 1, &["case 'a'", "tau = 1.25", "tau = 1.5", "one of them"]);
    assert!(gradient_of("reinmax:tau=1.5", &format!(r#"{upstream},"tau":1.5"#)).status.success());
    let noise = format!(r#"{upstream},"exponential":[1,2,3,4]"#);
    let of_name = json(&gradient_of("gumbel_rao:relaxed_samples=2,tau=1", &noise));
    let of_case = json(&gradient_of("gr_mck", &format!(r#"{noise},"tau":1,"repeats":2"#)));
    assert_eq!(of_name["cases"], of_case["cases"]);
    refused(
        &gradient_of("gr_mck:relaxed_samples=2,tau=1", &format!(r#"{noise},"repeats":3"#)),
        1,
        &["repeats = 3", "relaxed_samples = 2"],
    );
}

#[test]
fn a_gradient_that_a_case_does_not_give_is_refused() {
    for (estimator, fields, words) in [
        ("exact", r#""sample":[0],"loss":[1]"#, &["exact", "all states", "compare gradients"][..]),
        ("reinmax", r#""sample":[0,1],"upstream":[1,0],"tau":1"#, &["sample has 2", "1 are needed"]),
        ("rloo", r#""sample":[0],"loss":[1]"#, &["sample has 1 for each row", "rloo", "at least 2"]),
        ("rloo", r#""sample":[0,1]"#, &["loss", "missing"]),
        ("arm", r#""sample":[0,1],"loss":[1,3]"#, &["uniform", "missing"]),
        ("arm", r#""sample":[1,0],"loss":[1,3],"uniform":[0.25]"#, &["sample[0] is 1", "u and then 1 - u"]),
        ("disarm", r#""sample":[0,1,0],"loss":[1,3,1]"#, &["disarm", "pairs", "even"]),
        ("gst_gap1:tau=1", r#""sample":[0],"upstream":[1,0]"#, &["no estimator 'gst_gap1'", "gapped_st"]),
        ("rloo", r#""sample":[],"loss":[]"#, &["rows = 1", "there are 0"]),
    ] {
        refused(&gradient_of(estimator, fields), 1, words);
    }
}

/// Full names and those of `--estimator` give what the names of the reference vectors give.
#[test]
fn every_spelling_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, spellings) in [
        ("st", &["straight_through"][..]),
        ("stgs", &["gumbel_softmax", "gumbel"]),
        ("decoupled_stgs", &["decoupled_gumbel"]),
        ("gst_gap1", &["gst", "gapped_st", "gapped_st:gap=1"]),
        ("gst_gapp", &["gst:gap=adaptive", "gapped_st:gap=adaptive"]),
        ("gr_mck", &["gumbel_rao"]),
        ("reinforce", &["reinforce:baseline=0"]),
    ] {
        let text = std::fs::read_to_string(format!("{VECTORS}/{file}.json")).expect("vectors");
        let cases = |estimator: &str| {
            let mut vectors: Value = serde_json::from_str(&text).expect("JSON");
            vectors["estimator"] = estimator.into();
            std::fs::write(folder.path().join("v.json"), vectors.to_string()).expect("written");
            json(&program(&["gradient", "v.json"], folder.path()))["cases"].clone()
        };
        for spelling in spellings {
            assert_eq!(cases(spelling), cases(file), "{spelling}");
        }
    }
}

/// The reference vectors, by way of a file and standard output.
#[test]
fn every_file_of_reference_vectors_has_an_estimator() {
    let vectors = Path::new(VECTORS);
    let mut files = 0;
    for file in std::fs::read_dir(vectors).expect("vectors") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let Ok(reference) = serde_json::from_str::<Value>(&text) else { continue };
        if reference["cases"][0]["grad"].is_null() {
            continue;
        }
        let report = json(&program(&["gradient", path.to_str().expect("a name")], vectors));
        assert_eq!(report["estimator"], reference["estimator"]);
        let cases = |report: &Value| report["cases"].as_array().expect("cases").clone();
        let numbers = |x: &Value| -> Vec<f64> {
            x.as_array().map(|x| x.iter().filter_map(Value::as_f64).collect()).unwrap_or_default()
        };
        assert_eq!(cases(&report).len(), cases(&reference).len());
        for (ours, theirs) in cases(&report).iter().zip(&cases(&reference)) {
            let upstream = ["upstream", "upstream_prob", "loss"].map(|field| numbers(&theirs[field])).concat();
            let tau = ["tau", "tau_backward"].into_iter().find_map(|field| theirs[field].as_f64()).unwrap_or(1.0);
            let greatest = upstream.iter().fold(1e-30_f64, |greatest, g| greatest.max(g.abs()));
            let scale = greatest * (1.0 / tau).max(1.0);
            let (ours, theirs) = (numbers(&ours["grad"]), (numbers(&theirs["grad"]), &theirs["id"]));
            assert_eq!(ours.len(), theirs.0.len());
            for (a, b) in ours.iter().zip(&theirs.0) {
                assert!((a - b).abs() <= GOLDEN * scale, "{}: {}: {a} for {b}", path.display(), theirs.1);
            }
        }
        files += 1;
    }
    assert_eq!(files, 13);
}
