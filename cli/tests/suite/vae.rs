//! `run vae`: what it learns, its models, its images, its errors.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use safetensors::SafeTensors;
use serde_json::Value;

use crate::{interrupt, json, list, losses, number, program, refused, started};

const RUN: [&str; 4] = ["run", "vae", "--format", "json"];
/// One run of a small network.
const ONE: [&str; 6] = ["--estimator", "reinmax", "--seed", "0", "--hidden", "24"];
/// For the images of `images`.
const HALVES: [&str; 4] = ["--data", "halves", "--batch", "20"];

fn vae(more: &[&[&str]], folder: &Path) -> Output {
    program(&[&RUN[..], &more.concat()].concat(), folder)
}

/// A file in the format of MNIST: images of `width` x `height` pixels, one half black and the other white in turn.
fn idx(images: u32, (width, height): (u32, u32)) -> Vec<u8> {
    let mut bytes: Vec<u8> = [0x0803, images, height, width].into_iter().flat_map(u32::to_be_bytes).collect();
    let pixel = |at: u32| if (at % width < width / 2) == (at / (width * height) % 2 == 0) { 255 } else { 0 };
    bytes.extend((0..images * width * height).map(pixel));
    bytes
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("written");
}

/// A folder `halves` with 40 images to train on and 7 to test on.
pub(crate) fn images(folder: &Path, name: &str) {
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    write(&folder.join("train-images-idx3-ubyte"), &idx(40, (6, 4)));
    write(&folder.join("t10k-images-idx3-ubyte"), &idx(7, (6, 4)));
}

/// One variable of two categories tells two images apart: at best ln 2 nats, and 24 ln 2 without it.
#[test]
fn it_learns_what_can_be_learned() {
    let folder = tempfile::tempdir().expect("a folder");
    images(folder.path(), "halves");
    let options = ["--latents", "1", "--categories", "2", "--lr", "0.01", "--epochs", "200"];
    for numerics in ["fast", "portable"] {
        let report = json(&vae(&[&ONE, &HALVES, &options, &["--numerics", numerics]], folder.path()));
        for loss in ["final_loss", "final_test_loss"] {
            let (loss, least) = (number(&report["results"][0][loss]), f64::ln(2.0));
            assert!(loss > least - 1e-3 && loss < least + 0.1, "{numerics}: {loss}");
        }
    }
}

#[test]
fn results_are_in_order_whatever_the_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |threads: &str| {
        let options = ["--estimator", "reinmax", "--estimator", "gst:gap=2", "--seeds", "4..6", "--hidden", "16,8"];
        let more = ["--epochs", "2", "--latents", "24", "--categories", "4", "--threads", threads, "--quiet"];
        json(&vae(&[&options, &more], folder.path()))
    };
    let one = run("1");
    assert_eq!(losses(&one), losses(&run("2")));
    assert_eq!(one["task"], "vae");
    let results = list(&one["results"]);
    let named: Vec<_> = results.iter().map(|run| (run["estimator"].as_str(), run["seed"].as_u64())).collect();
    let expected = ["reinmax", "gapped_st"].map(|name| [4, 5].map(|seed| (Some(name), Some(seed))));
    assert_eq!(named, expected.concat());
    for run in results {
        // Those of the paper for 4 x 24.
        let (lr, tau) = (number(&run["lr"]), number(&run["parameters"]["tau"]));
        let paper = if run["estimator"] == "reinmax" { 1.5 } else { 0.5 };
        assert!((lr - 5e-4).abs() < 1e-9 && tau == paper && run["optimizer"] == "radam", "{run}");
        assert_eq!(list(&run["loss_per_epoch"])[1], run["final_loss"]);
        assert_eq!(list(&run["test_loss_per_epoch"])[1], run["final_test_loss"]);
        assert!(number(&run["microseconds_per_step"]) > 0.0);
    }
    let folder = folder.path().join("runs/vae-2");
    for file in ["summary.json", "curve.svg", "images.svg", "gapped_st-gap=2,tau=0.5-seed-5.safetensors"] {
        assert!(folder.join(file).exists(), "{file}");
    }
}

/// What a model's file has: its epochs, and names with shapes.
fn model(path: &Path) -> (usize, Vec<(String, Vec<usize>)>) {
    let file = std::fs::read(path).expect("a model");
    let (_, head) = SafeTensors::read_metadata(&file).expect("a head");
    let epochs: Value = serde_json::from_str(&head.metadata().as_ref().expect("entries")["epochs"]).expect("JSON");
    let tensors = SafeTensors::deserialize(&file).expect("tensors");
    let mut shapes: Vec<_> = tensors.iter().map(|(name, tensor)| (name.to_owned(), tensor.shape().to_vec())).collect();
    shapes.sort();
    (list(&epochs).len(), shapes)
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_as_if_it_had_not_been() {
    let folder = tempfile::tempdir().expect("a folder");
    images(folder.path(), "halves");
    let options = [&RUN[..], &ONE, &HALVES, &["--epochs", "2000"]].concat();
    let whole = json(&program(&[&options[..], &["--out", "whole"]].concat(), folder.path()));

    let child = started(&[&options[..], &["--out", "run"]].concat(), folder.path(), "run/config.toml");
    interrupt(&child);
    refused(&child.wait_with_output().expect("its output"), 130, &["stopping after this epoch", "--resume run"]);
    let path = folder.path().join("run/reinmax-tau=1.3-seed-0.safetensors");
    let (epochs, tensors) = model(&path);
    assert!((1..2000).contains(&epochs), "{epochs}");
    let state = ("optimizer.state".to_owned(), vec![2 * (24 * 24 + 24 + 24 * 32 + 32 + 32 * 24 + 24 + 24 * 24 + 24)]);
    assert!(tensors.contains(&state), "{tensors:?}");

    let resumed = json(&vae(&[&["--resume", "run"]], folder.path()));
    assert_eq!(losses(&resumed), losses(&whole));
    let tensors_of = |run: &str| {
        let path = folder.path().join(run).join("reinmax-tau=1.3-seed-0.safetensors");
        let file = std::fs::read(path).expect("a model");
        let tensors = SafeTensors::deserialize(&file).expect("tensors");
        tensors.iter().map(|(name, tensor)| (name.to_owned(), tensor.data().to_vec())).collect::<BTreeMap<_, _>>()
    };
    let (epochs, tensors) = model(&path);
    assert_eq!(epochs, 2000);
    let expected = [
        ("decoder.0.bias", vec![24]),
        ("decoder.0.weight", vec![24, 32]),
        ("decoder.1.bias", vec![24]),
        ("decoder.1.weight", vec![24, 24]),
        ("encoder.0.bias", vec![24]),
        ("encoder.0.weight", vec![24, 24]),
        ("encoder.1.bias", vec![32]),
        ("encoder.1.weight", vec![32, 24]),
    ];
    assert_eq!(tensors, expected.map(|(name, shape)| (name.to_owned(), shape)));
    assert!(tensors_of("run") == tensors_of("whole"), "parameters differ");
}

#[test]
fn a_model_that_does_not_fit_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    images(folder.path(), "halves");
    let begin = |hidden: &str, out: &str| {
        let options = ["--estimator", "st", "--seed", "0", "--hidden", hidden, "--epochs", "2", "--out", out];
        json(&vae(&[&HALVES, &options], folder.path()));
    };
    begin("24", "run");
    begin("8", "other");
    let name = "straight_through-tau=1.3-seed-0.safetensors";
    let (ours, theirs) = (folder.path().join("run").join(name), folder.path().join("other").join(name));
    std::fs::remove_file(folder.path().join("run/metrics.jsonl")).expect("removed");
    let resumed = || vae(&[&["--resume", "run"]], folder.path());
    std::fs::copy(theirs, &ours).expect("copied");
    refused(&resumed(), 1, &["seed 0", name, "encoder.0.weight", "[8, 24]", "[24, 24]", "move it away"]);
    write(&ours, b"mine");
    refused(&resumed(), 1, &[name, "move it away"]);
    std::fs::remove_file(&ours).expect("removed");
    json(&resumed());
}

#[test]
fn packed_images_are_as_good() {
    let folder = tempfile::tempdir().expect("a folder");
    images(folder.path(), "halves");
    std::fs::create_dir(folder.path().join("packed")).expect("a folder");
    for name in ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"] {
        let plain = std::fs::File::open(folder.path().join("halves").join(name)).expect("images");
        let mut packed = flate2::read::GzEncoder::new(plain, flate2::Compression::fast());
        let path = folder.path().join("packed").join(format!("{name}.gz"));
        std::io::copy(&mut packed, &mut std::fs::File::create(path).expect("a file")).expect("packed");
    }
    let run = |data: &str| json(&vae(&[&ONE, &["--epochs", "2", "--batch", "20", "--data", data]], folder.path()));
    assert_eq!(losses(&run("halves")), losses(&run("packed")));
}

#[test]
fn images_that_are_not_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |more: &[&str]| vae(&[&ONE, &["--epochs", "1", "--data", "images"], more], folder.path());
    refused(&run(&[]), 1, &["images", "neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz", "digits"]);
    images(folder.path(), "images");
    let (train, test) = ("train-images-idx3-ubyte", folder.path().join("images").join("t10k-images-idx3-ubyte"));
    refused(&run(&[]), 1, &["40 images to train on and 7 to test on", "a batch of 100"]);
    let with_test = |bytes: &[u8]| {
        write(&test, bytes);
        run(&["--batch", "20"])
    };
    refused(&with_test(&idx(7, (4, 6))), 1, &["6 x 4", "4 x 6"]);
    refused(&with_test(&idx(0, (6, 4))), 1, &["t10k-images", "0 images of 6 x 4"]);
    refused(&with_test(&idx(7, (6, 4))[..100]), 1, &["t10k-images", "7 images of 6 x 4", "84 bytes"]);
    refused(&with_test(b"mine"), 1, &["t10k-images", "0x6d696e65", "0x00000803"]);
    std::fs::remove_file(&test).expect("removed");
    refused(&run(&[]), 1, &["t10k-images-idx3-ubyte"]);
    write(&folder.path().join("images").join(format!("{train}.gz")), b"mine");
    std::fs::remove_file(folder.path().join("images").join(train)).expect("removed");
    refused(&run(&[]), 1, &["train-images-idx3-ubyte.gz"]);
    assert!(!folder.path().join("runs").exists(), "nothing was begun");
}

#[test]
fn wrong_usage_names_what_was_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let wrong: [(&[&str], &[&str]); 12] = [
        (&["--estimator", "exact"], &["exact", "upstream gradient"]),
        (&["--estimator", "rloo"], &["rloo", "upstream gradient"]),
        (&["--estimator", "mve", "--categories", "100"], &["mve", "categories"]),
        (&["--estimator", "st", "--estimator", "straight_through"], &["straight_through:tau=1.3", "twice"]),
        (&["--hidden", "64,0"], &["hidden = 0", "at least 1"]),
        (&["--categories", "1"], &["categories = 1", "at least 2"]),
        (&["--latents", "70000", "--categories", "70000"], &["latents", "categories", "2^32"]),
        (&["--lr", "0"], &["lr = 0", "positive"]),
        (&["--tau", "x"], &["--tau", "give a number"]),
        (&["--numerics", "exact"], &["numerics", "portable", "fast"]),
        (&["--seeds", "3"], &["0..3 for 3"]),
        (&["--resume", "run", "--epochs", "3"], &["--resume", "--epochs"]),
    ];
    for (options, words) in wrong {
        refused(&vae(&[options], folder.path()), 2, words);
    }
    let diverged = ["--estimator", "st", "--seed", "0", "--hidden", "8", "--epochs", "2", "--lr", "1e30"];
    refused(&vae(&[&diverged], folder.path()), 1, &["straight_through:tau=1.3 seed 0", "epoch 1", "smaller lr"]);
}

/// A folder of one task is not one of another.
#[test]
fn only_models_of_runs_are_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    images(folder.path(), "halves");
    let run = ["--epochs", "1", "--out", "run"];
    json(&vae(&[&ONE, &HALVES, &run], folder.path()));
    write(&folder.path().join("run/mine-seed-0.safetensors"), b"mine");
    let more = ["--estimator", "darn", "--seed", "0", "--overwrite"];
    json(&vae(&[&HALVES, &run, &more], folder.path()));
    let mut files: Vec<_> = std::fs::read_dir(folder.path().join("run"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .filter(|name| name.ends_with(".safetensors"))
        .collect();
    files.sort();
    assert_eq!(files, ["darn-seed-0.safetensors", "mine-seed-0.safetensors"]);
    let polynomial = program(&["run", "polynomial", "--resume", "run"], folder.path());
    refused(&polynomial, 1, &["run/config.toml", "data"]);
}

/// The table of README.md: another seed, and other numerics, lie within its spread.
#[test]
#[ignore = "half a minute: ./ci.sh exhaustive runs it"]
fn the_readme_says_what_it_finds() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = json(&vae(&[&["--seed", "3", "--numerics", "portable"]], folder.path()));
    let readme = include_str!("../../../README.md");
    let table = readme.split("| estimator | negative ELBO | of test images |\n").nth(1).expect("the table");
    let rows: Vec<&str> = table.lines().skip(1).take_while(|line| line.starts_with('|')).collect();
    let results = list(&report["results"]);
    assert_eq!(rows.len(), results.len());
    for (row, result) in rows.iter().zip(results) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(result["estimator"], cells[1]);
        for (cell, loss) in [(cells[2], "final_loss"), (cells[3], "final_test_loss")] {
            let (mean, _) = cell.split_once(" ± ").expect("mean ± standard deviation");
            let (mean, loss): (f64, f64) = (mean.parse().expect("a number"), number(&result[loss]));
            // Deviations of three seeds say little; the means of estimators lie 0.3 apart and more.
            assert!((loss - mean).abs() < 0.5, "{row}: {loss}");
        }
    }
}
