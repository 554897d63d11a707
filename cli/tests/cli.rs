//! The program from end to end: short runs, their folders, interruptions, wrong usage.

use std::path::Path;
use std::process::{Command, Output};

use reinmax_tests::tolerance::GOLDEN;
use serde_json::Value;

/// A run of a few steps.
const SHORT: [&str; 14] = [
    "run",
    "polynomial",
    "--latents",
    "6",
    "--batch",
    "4",
    "--epochs",
    "3",
    "--steps-per-epoch",
    "5",
    "--seeds",
    "0..2",
    "--power",
    "1.5,2.7",
];

fn program(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reinmax-cli"));
    command.args(arguments).current_dir(folder).output().expect("the program starts")
}

fn short(more: &[&str], folder: &Path) -> Output {
    program(&[&SHORT[..], more].concat(), folder)
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

#[test]
fn json_holds_every_run_in_order_whatever_the_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let all = ["exact", "reinmax:tau=1.1", "st", "stgs:tau=0.5", "reinforce"];
    let chosen: Vec<&str> = all.iter().flat_map(|name| ["--estimator", name]).collect();
    let run = |threads: &str| {
        let options = ["--format", "json", "--quiet", "--threads", threads];
        json(&short(&[&chosen[..], &options].concat(), folder.path()))
    };
    let one = run("1");
    assert_eq!(losses(&one), losses(&run("2")));
    assert_eq!(one["task"], "polynomial");
    assert_eq!(one["config"]["latents"], 6);
    let results = one["results"].as_array().expect("results");
    assert_eq!(results.len(), 5 * 2 * 2);
    let names = ["exact", "reinmax", "straight_through", "gumbel_softmax", "reinforce"];
    for (at, entry) in results.iter().enumerate() {
        assert_eq!(entry["estimator"], names[at / 4]);
        assert_eq!(entry["seed"], at as u64 % 2);
        let curve = entry["loss_per_epoch"].as_array().expect("a curve");
        assert_eq!(curve.len(), 3);
        assert_eq!(entry["final_loss"], curve[2]);
        assert!(entry["microseconds_per_step"].as_f64().expect("a time") > 0.0);
        let loss = entry["final_loss"].as_f64().expect("a loss");
        assert!(loss > 0.0 && loss < 0.5, "{loss}");
    }
    assert!((results[4]["parameters"]["tau"].as_f64().expect("tau") - 1.1).abs() < 1e-6);
    assert!(folder.path().join("runs/polynomial-1/summary.json").exists());
    assert!(folder.path().join("runs/polynomial-2/summary.json").exists());
}

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

#[test]
fn a_configuration_file_is_read_and_the_command_line_wins() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "estimator = [\"st\"]\nlatents = 3\nepochs = 2\nsteps_per_epoch = 2\nseeds = \"4\"\nbatch = 2\n";
    std::fs::write(folder.path().join("c.toml"), config).expect("written");
    let options = ["run", "polynomial", "--config", "c.toml", "--epochs", "1", "--format", "json"];
    let report = json(&program(&options, folder.path()));
    assert_eq!(report["config"]["latents"], 3);
    assert_eq!(report["results"][0]["loss_per_epoch"].as_array().expect("a curve").len(), 1);
    assert_eq!(report["results"][0]["seed"], 4);
    for seed in ["seed = 4", "seeds = 4", "seed = \"4\""] {
        std::fs::write(folder.path().join("c.toml"), config.replace("seeds = \"4\"", seed)).expect("written");
        assert_eq!(json(&program(&options, folder.path()))["results"][0]["seed"], 4);
    }
    std::fs::write(folder.path().join("c.toml"), "seeds = [4]\n").expect("written");
    refused(&program(&options, folder.path()), 2, &["c.toml", "seeds", "0..10"]);
    std::fs::write(folder.path().join("c.toml"), "latens = 3\n").expect("written");
    refused(&program(&options, folder.path()), 2, &["c.toml", "latens"]);
}

#[test]
fn wrong_usage_names_what_was_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let wrong: [(&[&str], &[&str]); 15] = [
        (&["--estimator", "vimco"], &["vimco", "reinmax", "straight_through (st)", "mve", "disarm"]),
        (&["--estimator", "reinmax:tau=0"], &["tau", "positive"]),
        (&["--estimator", "reinmax:gap=1"], &["reinmax", "gap"]),
        (&["--estimator", "st:tau"], &["tau", "parameter=value"]),
        (&["--estimator", "gst:gap=-1"], &["gap = '-1'", "adaptive"]),
        (&["--estimator", "gr_mck:draws=0.5"], &["draws = '0.5'", "65536"]),
        (&["--estimator", "darn:tau=1"], &["darn", "it has none"]),
        (&["--estimator", "arm", "--categories", "3"], &["arm", "k must be 2", "3"]),
        (&["--tau", "-1"], &["tau"]),
        (&["--lr", "nan"], &["lr"]),
        (&["--categories", "1"], &["categories", "at least 2"]),
        (&["--threads", "0"], &["threads"]),
        (&["--optimizer", "adamw"], &["adamw", "radam"]),
        (&["--overwrite"], &["--out"]),
        (&["--format", "xml"], &["xml", "json"]),
    ];
    for (options, words) in wrong {
        refused(&short(options, folder.path()), 2, words);
    }
    refused(&program(&["run", "polynomial", "--seeds", "3..3"], folder.path()), 2, &["3..3", "empty"]);
    refused(&program(&["run", "polynomial", "--power", "0"], folder.path()), 2, &["power", "positive"]);
    let run = ["run", "polynomial"];
    let wrong: [(&[&str], &[&str]); 9] = [
        (&["--estimator", "disarm", "--batch", "5"], &["batch = 5", "even"]),
        (&["--estimator", "rloo", "--batch", "1"], &["batch = 1", "at least 2"]),
        (&["--seeds", "0..18446744073709551615"], &["seeds", "1000000 runs"]),
        (&["--seed", "18446744073709551615"], &["seeds", "greatest seed"]),
        (&["--latents", "4000000000"], &["latents", "categories", "2^32"]),
        (&["--latents", "70000", "--batch", "70000"], &["latents", "batch", "2^32"]),
        (&["--epochs", "70000", "--steps-per-epoch", "70000"], &["epochs", "steps-per-epoch", "2^32"]),
        (&["--estimator", "st", "--estimator", "straight_through"], &["straight_through:tau=1", "twice"]),
        (&["--power", "2,3,2"], &["power 2", "twice"]),
    ];
    for (options, words) in wrong {
        refused(&program(&[&run, options].concat(), folder.path()), 2, words);
    }
    assert!(!folder.path().join("runs").exists(), "nothing was begun");
}

#[test]
fn more_threads_than_runs_are_not_started() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(short(&["--threads", "1000000000"], folder.path()).status.success());
}

#[test]
fn a_loss_that_is_not_finite_is_a_failure_that_names_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["run", "polynomial", "--estimator", "st", "--target", "1e30", "--power", "3", "--seed", "5"];
    let one_step = ["--epochs", "1", "--steps-per-epoch", "1"];
    refused(
        &program(&[&options[..], &one_step].concat(), folder.path()),
        1,
        &["straight_through", "seed 5", "epoch 1"],
    );
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_written_are_a_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("the device");
    let mut command = Command::new(env!("CARGO_BIN_EXE_reinmax-cli"));
    command.args(SHORT).args(["--format", "json"]).current_dir(folder.path()).stdout(full);
    refused(&command.output().expect("the program starts"), 1, &["stdout"]);
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
    refused(&program(&["run", "polynomial", "--resume", "nowhere"], folder.path()), 2, &["nowhere"]);
}

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
    refused(&run(), 1, &["v.json", "vimco", "stgs", "mve"]);
    file(&format!(r#"{{"estimator":"stgs","cases":[{{{case}}}]}}"#));
    refused(&run(), 1, &["case 'a'", "gumbel"]);
    file(&format!(r#"{{"estimator":"stgs","cases":[{{{case},"gumbel":[0.0,1.0]}}]}}"#));
    refused(&run(), 1, &["case 'a'", "row 0"]);
    file(&format!(r#"{{"estimator":"st","cases":[{{{}}}]}}"#, case.replace("\"k\":2", "\"k\":3")));
    refused(&run(), 1, &["case 'a'", "3 logits"]);
    file(r#"{"estimator":"st","cases":[{"id":"a"}]}"#);
    refused(&run(), 1, &["v.json", "case 'a'", "rows"]);
    file(&format!(r#"{{"estimator":"st","cases":[{{{}}}]}}"#, case.replace("\"id\":\"a\",", "")));
    refused(&run(), 1, &["case 0", "id"]);
    // What f32 cannot hold must not come out as null.
    for (estimator, from, to, words) in [
        ("st", "[1.0,0.0]", "[1.0,1e39]", ["upstream[1]", "finite"]),
        ("reinmax", "[1.0,0.0]", "[3e38,-3e38]", ["grad[", "f32"]),
        ("st", "[1.0,0.0]", "[1.0]", ["upstream has 1", "2 are needed"]),
        ("st", "\"tau\":1.0", "\"tau\":-1.0", ["tau = -1", "positive"]),
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

#[test]
fn every_command_has_help_with_examples() {
    let folder = tempfile::tempdir().expect("a folder");
    for command in [&["--help"][..], &["run", "polynomial", "--help"], &["gradient", "--help"]] {
        let output = program(command, folder.path());
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("Example"), "{command:?}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_run_that_can_be_resumed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(env!("CARGO_BIN_EXE_reinmax-cli"))
        .args(["run", "polynomial", "--out", "run", "--threads", "1", "--epochs", "100000", "--format", "json"])
        .current_dir(folder.path())
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    while !folder.path().join("run/config.toml").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // The handler is set right after the configuration is written.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill").success());
    let status = child.wait().expect("it ends");
    let output = child.wait_with_output().expect("its output");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(status.code(), Some(130), "{message}");
    assert!(message.contains("--resume run"), "{message}");
    assert!(folder.path().join("run/metrics.jsonl").exists());
}

/// The reference vectors, by way of a file and standard output.
#[test]
fn every_file_of_reference_vectors_has_an_estimator() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    let mut files = 0;
    for file in std::fs::read_dir(&vectors).expect("vectors") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let Ok(reference) = serde_json::from_str::<Value>(&text) else { continue };
        if reference["cases"][0]["grad"].is_null() {
            continue;
        }
        let report = json(&program(&["gradient", path.to_str().expect("a name")], &vectors));
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

/// A few steps of each: the losses are finite and fall within their range, and one and two threads give equal bits.
#[test]
fn every_estimator_trains() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = [
        "exact",
        "reinmax",
        "st",
        "stgs",
        "decoupled_stgs",
        "decoupled_st:tau_forward=0.5",
        "gst",
        "gst:gap=adaptive",
        "gr_mck:draws=3",
        "darn",
        "reinmax_rao:draws=3",
        "mve",
        "reinforce",
        "rloo",
        "arm",
        "disarm",
    ];
    let estimators: Vec<&str> = names.iter().flat_map(|name| ["--estimator", name]).collect();
    let report = |threads: &str| {
        let options = ["--format", "json", "--threads", threads, "--lr", "0.05"];
        json(&short(&[&estimators[..], &options].concat(), folder.path()))
    };
    let (one, two) = (report("1"), report("2"));
    assert_eq!(losses(&one), losses(&two));
    for entry in one["results"].as_array().expect("results") {
        let losses = entry["loss_per_epoch"].as_array().expect("losses");
        let (first, last) = (losses[0].as_f64().expect("a loss"), losses[losses.len() - 1].as_f64().expect("a loss"));
        // The target is 0.45: either bound belongs to all variables equal.
        let power = entry["power"].as_f64().expect("a power");
        assert!(first >= 0.45_f64.powf(power) && first <= 0.55_f64.powf(power), "{entry}");
        assert!(last >= 0.45_f64.powf(power) - 1e-6 && last <= 0.55_f64.powf(power), "{entry}");
    }
}
