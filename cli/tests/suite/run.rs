//! `run polynomial`: its results, its options, its errors.

use crate::{SMALL, command, json, losses, program, refused, short, short_arguments, text};

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

/// The table of final losses in README.md: one seed lies within six of the standard deviations of ten.
#[test]
fn the_readme_says_what_the_experiment_finds() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = json(&program(&["run", "polynomial", "--seed", "3", "--format", "json", "--quiet"], folder.path()));
    let readme = include_str!("../../../README.md");
    let table = readme.split("| estimator | final loss |\n").nth(1).expect("the table");
    let rows: Vec<&str> = table.lines().skip(1).take_while(|line| line.starts_with('|')).collect();
    let results = report["results"].as_array().expect("results");
    assert_eq!(rows.len(), results.len());
    for (row, result) in rows.iter().zip(results) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(result["estimator"], cells[1]);
        let (mean, deviation) = cells[2].split_once(" ± ").expect("mean ± standard deviation");
        let (mean, deviation): (f64, f64) = (mean.parse().expect("a number"), deviation.parse().expect("a number"));
        let loss = result["final_loss"].as_f64().expect("a loss");
        // The mean is rounded to five digits.
        assert!((loss - mean).abs() <= 6.0 * deviation + 5e-6, "{row}: {loss}");
    }
}

#[test]
fn a_configuration_file_is_read_and_the_command_line_wins() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "estimator = [\"st\"]\nlatents = 3\nepochs = 2\nsteps_per_epoch = 2\nseeds = \"4..5\"\nbatch = 2\n";
    std::fs::write(folder.path().join("c.toml"), config).expect("written");
    let options = ["run", "polynomial", "--config", "c.toml", "--epochs", "1", "--format", "json"];
    let report = json(&program(&options, folder.path()));
    assert_eq!(report["config"]["latents"], 3);
    assert_eq!(report["results"][0]["loss_per_epoch"].as_array().expect("a curve").len(), 1);
    assert_eq!(report["results"][0]["seed"], 4);
    std::fs::write(folder.path().join("c.toml"), config.replace("seeds = \"4..5\"", "seed = 4")).expect("written");
    assert_eq!(json(&program(&options, folder.path()))["results"][0]["seed"], 4);
    for seeds in ["seeds = 4", "seeds = \"4\""] {
        std::fs::write(folder.path().join("c.toml"), config.replace("seeds = \"4..5\"", seeds)).expect("written");
        refused(&program(&options, folder.path()), 2, &["seeds = '4'", "0..4 for 4", "4..5 for number 4 alone"]);
    }
}

#[test]
fn one_value_is_as_good_as_a_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = |text: &str| {
        std::fs::write(folder.path().join("c.toml"), text).expect("written");
        let options = ["--latents", "3", "--epochs", "1", "--steps-per-epoch", "1", "--format", "json"];
        json(&program(&[&["run", "polynomial", "--config", "c.toml"], &options[..]].concat(), folder.path()))
    };
    let one = config("estimator = \"reinmax\"\npower = 2\nseed = 1\n");
    let list = config("estimator = [\"reinmax\"]\npower = [2]\nseeds = \"1..2\"\n");
    assert_eq!((losses(&one), &one["config"]), (losses(&list), &list["config"]));
}

#[test]
fn a_configuration_file_that_is_wrong_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = |text: &str| {
        std::fs::write(folder.path().join("c.toml"), text).expect("written");
        program(&["run", "polynomial", "--config", "c.toml"], folder.path())
    };
    let wrong: [(&str, &[&str]); 8] = [
        ("seeds = [4]\n", &["line 1", "seeds", "0..10"]),
        ("latens = 3\n", &["latens", "latents"]),
        ("epochs = 3\nlatents = \"x\"\n", &["line 2", "latents"]),
        ("power = \"x\"\n", &["line 1", "power", "one value, or a list of them"]),
        ("latents = 0\n", &["latents = 0", "at least 1"]),
        ("out = \"x\"\n", &["out is no setting", "--out on the command line"]),
        ("threads = 2\n", &["threads is no setting", "--threads"]),
        ("seed = 1\nseeds = \"0..2\"\n", &["seed and seeds", "one of them"]),
    ];
    for (text, words) in wrong {
        refused(&config(text), 2, words);
    }
    refused(&config("latents 3\n"), 1, &["c.toml", "line 1"]);
    refused(&program(&["run", "polynomial", "--config", "missing.toml"], folder.path()), 1, &["missing.toml"]);
    assert!(!folder.path().join("runs").exists(), "nothing was begun");
}

/// There is no bar where stderr is no terminal.
#[test]
fn each_estimator_that_is_finished_has_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["--estimator", "exact", "--estimator", "reinmax", "--threads", "1", "--out", "run"];
    let stderr = |more: &[&str]| text(&short(&[&options[..], more].concat(), folder.path()).stderr);
    let lines = "exact p = 1.5: done, 25 % of all\nexact p = 2.7: done, 50 % of all\n\
                 reinmax:tau=1 p = 1.5: done, 75 % of all\nreinmax:tau=1 p = 2.7: done, 100 % of all\nwrote run\n";
    assert_eq!(stderr(&[]), lines);
    assert_eq!(stderr(&["--overwrite", "--quiet"]), "");
}

#[test]
fn where_results_are_is_said_after_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let laboratory = ["compare", "gradients", "--latents", "2", "--draws", "500", "--out", "here"];
    for arguments in [short_arguments(&["--out", "here", "--overwrite"]), laboratory.to_vec()] {
        let path = folder.path().join("both");
        let file = std::fs::File::create(&path).expect("a file");
        let (stdout, stderr) = (file.try_clone().expect("the same"), file);
        assert!(command(&arguments, folder.path()).stdout(stdout).stderr(stderr).status().expect("it ran").success());
        let both = std::fs::read_to_string(&path).expect("text");
        assert!(both.contains("estimator") && both.ends_with("\nwrote here\n"), "{both}");
    }
}

#[test]
fn wrong_usage_names_what_was_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let wrong: [(&[&str], &[&str]); 28] = [
        (&["--estimator", "vimco"], &["vimco", "reinmax", "straight_through (st)", "mve", "disarm"]),
        (&["--estimator", "reinmax:tau=0"], &["tau", "positive"]),
        (&["--estimator", "reinmax:gap=1"], &["reinmax", "gap"]),
        (&["--estimator", "st:tau"], &["tau", "parameter=value"]),
        (
            &["--estimator", "gr_mck:relaxed_samples=1,relaxed_samples=2"],
            &["'gr_mck:relaxed_samples=1,relaxed_samples=2'", "relaxed_samples is given twice"],
        ),
        (&["--estimator", "gr_mck:draws=2"], &["no parameter 'draws'", "it has relaxed_samples, tau"]),
        (&["--estimator", "gst:tau=1,gap=1,tau=1"], &["tau is given twice"]),
        (&["--estimator", "reinmax:"], &["'reinmax:'", "parameter 1 is empty"]),
        (&["--estimator", "darn:"], &["'darn:'", "parameter 1 is empty"]),
        (&["--estimator", "reinmax:tau=1,,"], &["'reinmax:tau=1,,'", "parameter 2 is empty"]),
        (&["--estimator", "gst:tau=1,gap=1,"], &["parameter 3 is empty"]),
        (&["--estimator", "gst:gap=-1"], &["gap = '-1'", "adaptive"]),
        (&["--estimator", "gr_mck:relaxed_samples=0.5"], &["relaxed_samples = '0.5'", "65536"]),
        (&["--estimator", "darn:tau=1"], &["darn", "it has none"]),
        (&["--estimator", "arm", "--categories", "3"], &["arm", "2 categories (k = 2)", "3"]),
        (&["--estimator", "ReinMax:tau=2"], &["no estimator 'ReinMax'", "did you mean reinmax?"]),
        (&["--estimator", "Gumbel-Softmax"], &["did you mean gumbel_softmax?"]),
        (&["--estimator", "reinmax,st"], &["more than one", "--estimator reinmax --estimator st"]),
        (&["--estimator", "reinmax:tau=1,st:tau=2"], &["more than one", "--estimator reinmax --estimator st"]),
        (&["--tau", "0.5,1"], &["--tau", "--estimator reinmax:tau=0.5 --estimator reinmax:tau=1"]),
        (&["--tau", "x"], &["--tau", "give a number"]),
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
    refused(&program(&["run", "polynomial", "--seeds", "3"], folder.path()), 2, &["0..3 for 3", "3..4 for number 3"]);
    refused(&program(&["run", "polynomial", "--power", "0"], folder.path()), 2, &["power", "positive"]);
    let run = ["run", "polynomial"];
    let wrong: [(&[&str], &[&str]); 9] = [
        (&["--estimator", "disarm", "--batch", "5"], &["batch = 5", "even"]),
        (&["--estimator", "rloo", "--batch", "1"], &["batch = 1", "at least 2"]),
        (&["--seeds", "0..18446744073709551615"], &["seeds", "1000000 runs"]),
        (&["--seed", "18446744073709551615"], &["seeds", "the greatest is"]),
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
    let many = ["--threads", "1000000000"];
    assert!(short(&many, folder.path()).status.success());
    let sweep = ["compare", "polynomial", "--estimator", "reinmax", "--tau", "1", "--out", "s"];
    assert!(program(&[&sweep, &SMALL[..], &many].concat(), folder.path()).status.success());
    let laboratory = ["compare", "gradients", "--estimator", "reinmax", "--latents", "2", "--draws", "500"];
    assert!(program(&[&laboratory[..], &many].concat(), folder.path()).status.success());
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
    let output = command(&short_arguments(&["--format", "json"]), folder.path()).stdout(full).output();
    refused(&output.expect("the program starts"), 1, &["stdout"]);
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
        "gr_mck:relaxed_samples=3",
        "darn",
        "reinmax_rao:relaxed_samples=3",
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
