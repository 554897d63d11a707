//! `compare gradients --model`: what a trained autoencoder loses at each code, against a twin in double precision that
//! reads the same file.

use std::path::Path;

use reinmax_tests::tolerance::ENUMERATION;
use safetensors::SafeTensors;
use serde_json::Value;

use crate::vae::{idx, images, vae, write};
use crate::{json, list, number, program, refused, text};

/// Latents and categories of the models here.
const CODE: (usize, usize) = (2, 3);

/// Trains on the images of `images` for a few steps, so that nothing is symmetric; the file that is left.
fn model(folder: &Path) -> &'static str {
    model_with(folder, "relu")
}

fn model_with(folder: &Path, activation: &str) -> &'static str {
    images(folder, "halves");
    let shape = ["--latents", "2", "--categories", "3", "--hidden", "8", "--data", "halves", "--batch", "20"];
    let run = ["--estimator", "reinmax", "--seed", "0", "--epochs", "5", "--lr", "0.05", "--out", "run"];
    json(&vae(&[&shape, &run, &["--activation", activation]], folder));
    "run/reinmax-tau=1.3-seed-0.safetensors"
}

fn report(model: &str, options: &[&str], folder: &Path) -> Value {
    let arguments = ["compare", "gradients", "--format", "json", "--draws", "2000", "--model", model];
    json(&program(&[&arguments[..], options].concat(), folder))
}

/// The layers of a file in double precision.
struct Twin {
    layers: Vec<(Vec<f64>, Vec<f64>)>,
    /// The slope of the rectifiers below 0.
    leak: f64,
}

impl Twin {
    fn read(path: &Path, leak: f64) -> Self {
        let file = std::fs::read(path).expect("a model");
        let tensors = SafeTensors::deserialize(&file).expect("tensors");
        let floats = |name: String| -> Vec<f64> {
            let tensor = tensors.tensor(&name).expect("a tensor");
            let four = |four: &[u8]| f64::from(f32::from_le_bytes(four.try_into().expect("four bytes")));
            tensor.data().chunks(4).map(four).collect()
        };
        let names = ["encoder.0", "encoder.2", "decoder.0", "decoder.2"];
        let layers = names.map(|name| (floats(format!("{name}.weight")), floats(format!("{name}.bias")))).to_vec();
        Twin { layers, leak }
    }

    fn layer(&self, at: usize, x: &[f64]) -> Vec<f64> {
        let (weight, bias) = &self.layers[at];
        let row = |(row, bias): (&[f64], &f64)| bias + row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
        weight.chunks(x.len()).zip(bias).map(row).collect()
    }

    fn logits(&self, image: &[f64]) -> Vec<f64> {
        self.layer(1, &self.rectified(&self.layer(0, image)))
    }

    /// Cross-entropy of an image at a code, and its gradient with respect to the code.
    fn loss(&self, code: &[f64], image: &[f64]) -> (f64, Vec<f64>) {
        let hidden = self.layer(2, code);
        let pixels = self.layer(3, &self.rectified(&hidden));
        let loss = pixels.iter().zip(image).map(|(x, t)| x.max(0.0) - x * t + (-x.abs()).exp().ln_1p()).sum();
        let of_pixels: Vec<f64> = pixels.iter().zip(image).map(|(x, t)| 1.0 / (1.0 + (-x).exp()) - t).collect();
        let of_hidden = transposed(&self.layers[3].0, &of_pixels);
        let of_hidden: Vec<f64> =
            of_hidden.iter().zip(&hidden).map(|(g, h)| if *h > 0.0 { *g } else { self.leak * g }).collect();
        (loss, transposed(&self.layers[2].0, &of_hidden))
    }

    fn rectified(&self, x: &[f64]) -> Vec<f64> {
        x.iter().map(|x| if *x > 0.0 { *x } else { self.leak * x }).collect()
    }
}

/// weight' y.
fn transposed(weight: &[f64], y: &[f64]) -> Vec<f64> {
    let inputs = weight.len() / y.len();
    (0..inputs).map(|at| weight.iter().skip(at).step_by(inputs).zip(y).map(|(w, y)| w * y).sum()).collect()
}

/// J(p) g of a row.
fn vjp(p: &[f64], g: &[f64]) -> Vec<f64> {
    let mean: f64 = p.iter().zip(g).map(|(p, g)| p * g).sum();
    p.iter().zip(g).map(|(p, g)| p * (g - mean)).collect()
}

/// Exact gradient, and means of Straight-Through and ReinMax at tau = 1, of one image; the expected loss, and the
/// greatest loss or gradient.
fn expected(twin: &Twin, image: &[f64]) -> ([Vec<f64>; 3], f64, f64) {
    let (latents, k) = CODE;
    let logits = twin.logits(image);
    let softmax = |row: &[f64]| -> Vec<f64> {
        let sum: f64 = row.iter().map(|x| x.exp()).sum();
        row.iter().map(|x| x.exp() / sum).collect()
    };
    let probs: Vec<f64> = logits.chunks(k).flat_map(softmax).collect();
    let mut sums = [0; 3].map(|_| vec![0.0; latents * k]);
    let (mut expected, mut greatest) = (0.0, 0.0_f64);
    for state in 0..k.pow(latents as u32) {
        let drawn = [state / k, state % k];
        let mut code = vec![0.0; latents * k];
        drawn.iter().enumerate().for_each(|(row, z)| code[row * k + z] = 1.0);
        let probability: f64 = drawn.iter().enumerate().map(|(row, z)| probs[row * k + z]).product();
        let (loss, g) = twin.loss(&code, image);
        expected += probability * loss;
        greatest = g.iter().fold(greatest.max(loss), |greatest, g| greatest.max(g.abs()));
        for (row, z) in drawn.iter().enumerate() {
            let range = row * k..(row + 1) * k;
            let (p, g, e) = (&probs[range.clone()], &g[range.clone()], &code[range.clone()]);
            let score: Vec<f64> = e.iter().zip(p).map(|(e, p)| loss * (e - p)).collect();
            let pi: Vec<f64> = p.iter().zip(e).map(|(p, e)| f64::midpoint(*p, *e)).collect();
            let second: Vec<f64> = vjp(&pi, g).iter().zip(vjp(p, g)).map(|(a, b)| 2.0 * a - b / 2.0).collect();
            assert_eq!(e[*z], 1.0);
            for (sum, one) in sums.iter_mut().zip([score, vjp(p, g), second]) {
                sum[range.clone()].iter_mut().zip(one).for_each(|(sum, x)| *sum += probability * x);
            }
        }
    }
    (sums, expected, greatest)
}

#[test]
fn gradients_are_those_of_the_model() {
    for (activation, leak) in [("relu", 0.0), ("leaky_relu", 0.01)] {
        agrees_with_its_twin(activation, leak);
    }
}

fn agrees_with_its_twin(activation: &str, leak: f64) {
    let folder = tempfile::tempdir().expect("a folder");
    let model = model_with(folder.path(), activation);
    let twin = Twin::read(&folder.path().join(model), leak);
    let options = ["--estimator", "exact", "--estimator", "st", "--estimator", "reinmax", "--images", "2..5"];
    let report = report(model, &options, folder.path());
    let table = &report["problems"][0];
    assert_eq!(table["problem"], "reinmax:tau=1.3 seed 0 after 5 epochs, test images 2..5");
    for (field, value) in [("images", 3.0), ("variables", 2.0), ("k", 3.0), ("states", 9.0)] {
        assert_eq!(number(&table[field]), value, "{field}");
    }
    let bytes = idx(7, (6, 4));
    let pixels: Vec<f64> = bytes[16..].iter().map(|x| f64::from(*x) / 255.0).collect();
    let images: Vec<_> = pixels.chunks(24).map(|image| expected(&twin, image)).collect();
    let images = &images[2..5];
    let mean_loss = images.iter().map(|(_, loss, _)| loss).sum::<f64>() / 3.0;
    assert!((number(&table["expected_loss"]) - mean_loss).abs() < ENUMERATION * mean_loss);
    let exact: Vec<f64> = images.iter().flat_map(|(sums, ..)| sums[0].clone()).collect();
    let norm = exact.iter().map(|x| x * x).sum::<f64>().sqrt();
    let greatest = images.iter().map(|(.., greatest)| *greatest).fold(0.0, f64::max);
    for (at, entry) in list(&table["results"]).iter().enumerate() {
        let mean: Vec<f64> = images.iter().flat_map(|(sums, ..)| sums[at].clone()).collect();
        assert_eq!(list(&entry["mean"]).len(), mean.len());
        for (ours, twins) in list(&entry["mean"]).iter().zip(&mean) {
            let error = (number(ours) - twins).abs();
            assert!(error <= ENUMERATION * greatest, "{}: off by {error}", entry["estimator"]);
        }
        let bias = mean.iter().zip(&exact).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt() / norm;
        let allowed = ENUMERATION * greatest * (mean.len() as f64).sqrt() / norm;
        assert!((number(&entry["relative_bias"]) - bias).abs() <= allowed, "{entry}: {bias}");
        assert_eq!(entry["method"], "enumerated");
    }
    for (ours, twins) in list(&table["exact"]).iter().zip(&exact) {
        assert!((number(ours) - twins).abs() <= ENUMERATION * greatest);
    }
}

/// The table of several images is the sum of theirs.
#[test]
fn images_make_one_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = model(folder.path());
    let estimators = ["--estimator", "reinmax", "--estimator", "stgs", "--estimator", "rloo"];
    let of = |images: &str| {
        let report = report(model, &[&estimators[..], &["--images", images]].concat(), folder.path());
        report["problems"][0].clone()
    };
    let both = of("3..5");
    let each = ["3..4", "4..5"].map(of);
    let numbers = |value: &Value| list(value).iter().map(number).collect::<Vec<f64>>();
    let squared = |table: &Value| numbers(&table["exact"]).iter().map(|x| x * x).sum::<f64>();
    let joined = |of: &dyn Fn(&Value) -> Vec<f64>| each.iter().flat_map(of).collect::<Vec<f64>>();
    assert_eq!(numbers(&both["exact"]), joined(&|table| numbers(&table["exact"])));
    for at in 0..3 {
        let result = |table: &Value| table["results"][at].clone();
        // Each image has draws of its own, whatever the others are.
        assert_eq!(numbers(&result(&both)["mean"]), joined(&|table| numbers(&result(table)["mean"])));
        for figure in ["relative_bias", "relative_std", "relative_bias_noise"] {
            let square = |table: &Value| number(&result(table)[figure]).powi(2) * squared(table);
            let sum: f64 = each.iter().map(square).sum();
            assert!((square(&both) - sum).abs() <= 1e-12 * sum, "{figure} of {}", result(&both));
        }
        let cosine = |table: &Value| number(&result(table)["cosine"]);
        assert!((cosine(&both) - each.iter().map(cosine).sum::<f64>() / 2.0).abs() < 1e-12);
    }
    let (enumerated, drawn) = (&both["results"][0], &both["results"][2]);
    assert_eq!((&enumerated["method"], &drawn["method"]), (&"enumerated".into(), &"Monte Carlo".into()));
    let freedom = |table: &Value| number(&table["results"][0]["degrees_of_freedom"]);
    assert_eq!(freedom(&both), each.iter().map(freedom).sum::<f64>());
    assert!(drawn["chi_squared"].is_null());
}

#[test]
fn wrong_usage_names_what_was_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = model(folder.path());
    let compared = |options: &[&str]| program(&[&["compare", "gradients"], options].concat(), folder.path());
    let wrong: [(&[&str], i32, &[&str]); 9] = [
        (&["--model", model, "--images", "0..8"], 2, &["images = '0..8'", "there are 7"]),
        (&["--model", model, "--images", "3"], 2, &["images = '3'", "0..3 for 3", "3..4"]),
        (&["--model", model, "--images", "3..3"], 2, &["images = '3..3'", "empty"]),
        (&["--model", model, "--latents", "2"], 2, &["--model", "--latents"]),
        (&["--images", "0..3"], 2, &["--model"]),
        (&["--model", model, "--case", "x"], 2, &["--model", "--case"]),
        (&["--model", model, "--estimator", "disarm"], 2, &["test images 0..7", "disarm", "k = 2"]),
        (&["--model", "no.safetensors"], 1, &["no.safetensors"]),
        (&["--model", "run/config.toml"], 1, &["run/config.toml"]),
    ];
    for (options, code, words) in wrong {
        refused(&compared(options), code, words);
    }
    // Other images than it was trained on are as good, if they have its pixels.
    std::fs::rename(folder.path().join("halves"), folder.path().join("moved")).expect("renamed");
    refused(&compared(&["--model", model]), 1, &["halves", "give the folder"]);
    let moved = report(model, &["--data", "moved", "--estimator", "st", "--images", "0..1"], folder.path());
    assert_eq!(list(&moved["problems"]).len(), 1);
    refused(&compared(&["--model", model, "--data", "digits"]), 1, &["encoder.0.weight", "[8, 24]", "[8, 64]"]);
    // A code with too many states.
    let shape = ["--latents", "24", "--categories", "4", "--hidden", "8", "--epochs", "1", "--out", "wide"];
    json(&vae(&[&shape, &["--estimator", "darn", "--seed", "0"]], folder.path()));
    refused(&compared(&["--model", "wide/darn-seed-0.safetensors"]), 2, &["4^24 states", "2^20"]);
    let shape = ["--latents", "1", "--categories", "65536", "--hidden", "1", "--epochs", "1", "--out", "many"];
    json(&vae(&[&shape, &["--estimator", "darn", "--seed", "0", "--data", "moved", "--batch", "20"]], folder.path()));
    let options = ["--model", "many/darn-seed-0.safetensors", "--data", "moved"];
    refused(&compared(&options), 2, &["65536^1 states", "2^26"]);
    // A file that somebody else wrote.
    let file = std::fs::read(folder.path().join(model)).expect("a model");
    let (_, head) = SafeTensors::read_metadata(&file).expect("a head");
    assert!(head.metadata().as_ref().is_some_and(|entries| entries.contains_key("settings")));
    let tensors = SafeTensors::deserialize(&file).expect("tensors");
    let theirs = safetensors::serialize(tensors.iter(), None).expect("a file");
    write(&folder.path().join("theirs.safetensors"), &theirs);
    refused(&compared(&["--model", "theirs.safetensors"]), 1, &["theirs.safetensors", "no settings", "no run"]);
}

/// README.md and docs/estimators.md: portable numerics, so these are the numbers on every machine.
#[test]
#[ignore = "half a minute: ./ci.sh exhaustive runs it"]
fn the_pages_say_what_it_finds() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = ["--estimator", "reinmax", "--seed", "0", "--numerics", "portable", "--out", "run"];
    json(&vae(&[&run], folder.path()));
    let arguments = ["compare", "gradients", "--model", "run/reinmax-tau=1.3-seed-0.safetensors", "--images", "0..100"];
    let options = ["--draws", "2", "--format", "markdown", "--estimator", "straight_through", "--estimator", "reinmax"];
    let output = program(&[&arguments[..], &options].concat(), folder.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (table, page) = (text(&output.stdout), include_str!("../../../docs/estimators.md"));
    let section = page.split("after 160 epochs").last().expect("the last table");
    // All but the time, which differs.
    let row = |name: &str, table: &str| {
        let row = table.lines().find(|line| line.starts_with(&format!("| {name}:tau=1 |"))).expect("a row");
        row.rsplit_once(" | ").expect("cells").0.to_owned()
    };
    for (name, norm) in [("straight_through", "0.96"), ("reinmax", "0.33")] {
        let ours = row(name, &table);
        assert_eq!(ours, row(name, section));
        let cell: f64 = ours.split(" | ").nth(2).expect("the bias").parse().expect("a number");
        assert_eq!(format!("{cell:.2}"), norm);
    }
    let sentence =
        "the mean of\nStraight-Through's gradient lies 0.96 of the exact gradient's norm away from it, ReinMax's 0.33";
    assert!(include_str!("../../../README.md").contains(sentence));
}

/// Losses of many nats, and a gradient that is small: what `f32` rounds is not taken for a bias.
#[test]
fn rounding_is_no_bias() {
    let folder = tempfile::tempdir().expect("a folder");
    let shape = ["--latents", "3", "--categories", "4", "--hidden", "16", "--epochs", "1", "--out", "run"];
    json(&vae(&[&shape, &["--estimator", "darn", "--seed", "0"]], folder.path()));
    let options = ["--estimator", "exact", "--estimator", "reinforce"];
    let report = report("run/darn-seed-0.safetensors", &options, folder.path());
    for entry in list(&report["problems"][0]["results"]) {
        assert!(entry["crossing"].is_null() && number(&entry["relative_bias"]) > 0.0, "{entry}");
    }
    assert!(number(&report["problems"][0]["expected_loss"]) > 20.0);
}

/// A decoder that does not look at the code has no gradient to compare with.
#[test]
fn a_decoder_that_ignores_the_code_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = model(folder.path());
    let path = folder.path().join(model);
    let mut file = std::fs::read(&path).expect("a model");
    let zeros = {
        let tensors = SafeTensors::deserialize(&file).expect("tensors");
        let data = tensors.tensor("decoder.0.weight").expect("a weight").data();
        let start = data.as_ptr().addr() - file.as_ptr().addr();
        start..start + data.len()
    };
    file[zeros].fill(0);
    write(&path, &file);
    refused(&program(&["compare", "gradients", "--model", model], folder.path()), 1, &["the exact gradient is 0"]);
}
