//! docs/estimators.md and the code: every estimator has a section, with the formula and the papers of its file, what a
//! draw takes and saves, and parameters with the defaults and ranges that the code has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use reinmax::estimator::{MAX_CATEGORIES, MAX_MVE_CATEGORIES};
use reinmax::{
    Arm, Darn, DecoupledGumbel, DecoupledSt, DisArm, Estimator, Gap, GappedSt, GradientInputs, GumbelRao,
    GumbelSoftmax, Mve, Portable, ReinMax, ReinMaxRao, Reinforce, Rloo, ScoreEstimator, ScoreInputs, StraightThrough,
};

const PAGE: &str = include_str!("../../../docs/estimators.md");

/// What two estimators share: a file beside theirs, but no estimator.
const SHARED: &str = "conditional";

/// Numbers that a parameter may have or may not have.
const PROBES: [f32; 26] = [
    f32::NEG_INFINITY,
    -1.0,
    -0.0,
    0.0,
    1e-45,
    2.93e-39,
    2.94e-39,
    f32::MIN_POSITIVE,
    0.5,
    1.0 - f32::EPSILON / 2.0,
    1.0,
    1.5,
    2.0,
    3.0,
    4.0,
    5.0,
    6.0,
    31.0,
    32.0,
    33.0,
    65_536.0,
    65_537.0,
    1e10,
    f32::MAX,
    f32::INFINITY,
    f32::NAN,
];

/// Whether the code takes a number as this parameter. `None` where it cannot even be said: not a count.
type Accepts = Box<dyn Fn(f32) -> Option<bool>>;

/// An estimator as the code knows it.
struct Known {
    name: &'static str,
    /// How its section tells what a draw takes and saves; empty where the caller draws.
    draw: String,
    /// The fields, with their defaults as `Debug` writes them.
    fields: BTreeMap<String, String>,
    ranges: BTreeMap<&'static str, Accepts>,
}

/// `Name { field: default, .. }`.
fn fields(default: &impl Debug) -> BTreeMap<String, String> {
    let text = format!("{default:?}");
    let Some((_, inner)) = text.split_once('{') else { return BTreeMap::new() };
    let fields = inner.trim_matches([' ', '}']).split(", ");
    let field = |field: &str| field.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    fields.map(|text| field(text).expect("a field and its value")).collect()
}

/// 1, 2 and k as the page writes them.
fn counted(of_k: impl Fn(usize) -> usize, what: &str) -> String {
    match (of_k(7), of_k(23)) {
        (0, 0) => "nothing".to_owned(),
        (1, 1) => format!("one {what}"),
        (2, 2) => format!("two {what}s"),
        (7, 23) => format!("k {what}s"),
        other => panic!("{other:?}: the page has no words for that"),
    }
}

impl Known {
    /// One that works from the upstream gradient; its temperatures are looked at by way of its configuration.
    fn upstream<E: Estimator + Default + Debug>(temperatures: &[&'static str]) -> Self {
        let default = E::default();
        let temperature = |at: usize| -> Accepts {
            Box::new(move |x| {
                let mut config = default.to_config();
                config[at] = x;
                Some(E::from_config(config).check().is_ok())
            })
        };
        let (uniforms, saved) =
            (counted(|k| default.uniforms_per_draw(k), "uniform"), counted(|k| default.saved_per_draw(k), "float"));
        let ranges = temperatures.iter().enumerate().map(|(at, name)| (*name, temperature(at)));
        Known {
            name: E::NAME,
            draw: format!("; {uniforms}, {saved} saved"),
            fields: fields(&default),
            ranges: ranges.collect(),
        }
    }

    fn scores<E: ScoreEstimator>(_: E, fields: BTreeMap<String, String>) -> Self {
        Known { name: E::NAME, draw: String::new(), fields, ranges: BTreeMap::new() }
    }

    fn with(mut self, parameter: &'static str, accepts: impl Fn(f32) -> Option<bool> + 'static) -> Self {
        self.ranges.insert(parameter, Box::new(accepts));
        self
    }
}

/// The number as a count of things that fit in memory.
fn count(x: f32) -> Option<usize> {
    ((0.0..=100_000.0).contains(&x) && x.fract() == 0.0).then_some(x as usize)
}

/// Whether an estimator that works from losses takes one row of so many categories and draws.
fn scores(estimator: impl ScoreEstimator, k: usize, draws: usize) -> bool {
    let (probs, index, losses, mut grad) = (vec![0.5; k], vec![0; draws], vec![1.0; draws], vec![0.0; k]);
    let inputs = ScoreInputs { probs: &probs, index: &index, losses: &losses, k, draws };
    estimator.gradient(&Portable, inputs, &mut grad).is_ok()
}

fn mve(k: usize) -> bool {
    let (row, mut grad) = (vec![1.0 / k as f32; k], vec![0.0; k]);
    let (logits, probs, upstream) = (&row, &row, &row);
    let inputs = GradientInputs { logits, probs, index: &[0], saved: &[], upstream, k, draws: 1, column: None };
    Mve.backward(&Portable, inputs, &mut grad).is_ok()
}

fn known() -> Vec<Known> {
    let relaxed_samples = |x: f32| count(x).map(|count| count as u32);
    vec![
        Known::upstream::<StraightThrough>(&["tau"]),
        Known::upstream::<ReinMax>(&["tau"]),
        Known::upstream::<GumbelSoftmax>(&["tau"]),
        Known::upstream::<DecoupledGumbel>(&["tau_forward", "tau_backward"]),
        Known::upstream::<DecoupledSt>(&["tau_forward", "tau_backward"]),
        Known::upstream::<GappedSt>(&["tau"])
            .with("gap", |x| Some(GappedSt { tau: 1.0, gap: Gap::Constant(x) }.check().is_ok())),
        Known::upstream::<GumbelRao>(&["tau"]).with("relaxed_samples", move |x| {
            Some(GumbelRao { tau: 1.0, relaxed_samples: relaxed_samples(x)? }.check().is_ok())
        }),
        Known::upstream::<Darn>(&[]),
        Known::upstream::<ReinMaxRao>(&["tau"]).with("relaxed_samples", move |x| {
            Some(ReinMaxRao { tau: 1.0, relaxed_samples: relaxed_samples(x)? }.check().is_ok())
        }),
        Known::upstream::<Mve>(&[]).with("k", |x| Some(mve(count(x)?))),
        Known::scores(Reinforce::default(), fields(&Reinforce::default()))
            .with("baseline", |baseline| Some(scores(Reinforce { baseline }, 3, 1))),
        Known::scores(Rloo, fields(&Rloo)).with("draws", |x| Some(scores(Rloo, 3, count(x)?))),
        // It has no default: its field is the uniforms of the draws.
        Known::scores(Arm { uniforms: &[] }, BTreeMap::new())
            .with("uniforms", |u| Some(scores(Arm { uniforms: &[u] }, 2, 2)))
            .with("draws", |x| Some(scores(Arm { uniforms: &vec![0.5; count(x)? / 2] }, 2, count(x)?)))
            .with("k", |x| Some(scores(Arm { uniforms: &[0.5] }, count(x)?, 2))),
        Known::scores(DisArm, fields(&DisArm))
            .with("draws", |x| Some(scores(DisArm, 2, count(x)?)))
            .with("k", |x| Some(scores(DisArm, count(x)?, 2))),
    ]
}

/// What the page's words for a range mean.
fn within(range: &str, x: f32) -> bool {
    let number = |text: &str| text.parse::<f32>().unwrap_or_else(|_| panic!("'{range}' is unknown to this test"));
    match range {
        "positive and finite" => (2.94e-39..=f32::MAX).contains(&x),
        "finite" => x.is_finite(),
        "finite and at least 0, or `adaptive`" => x.is_finite() && x >= 0.0,
        "in [0, 1)" => (0.0..1.0).contains(&x),
        "even and at least 2" => x >= 2.0 && x % 2.0 == 0.0,
        _ => match (range.split_once(" to "), range.strip_suffix(" or more")) {
            (Some((least, most)), _) => (number(least)..=number(most)).contains(&x),
            (_, Some(least)) => x >= number(least),
            _ => x == number(range),
        },
    }
}

/// The sections about estimators, in order: names and texts.
fn sections() -> Vec<(&'static str, &'static str)> {
    let (_, formulas) = PAGE.split_once("\n## Formulas").expect("the formulas");
    let (formulas, _) = formulas.split_once("\n## ").expect("what comes after them");
    let section = |text: &'static str| text.split_once("`\n").expect("a name in backticks");
    formulas.split("\n### `").skip(1).map(section).collect()
}

/// The bullets of a section, each on one line.
fn bullets(section: &str) -> Vec<String> {
    let bullets = section.split("\n- ").skip(1).map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    bullets.collect()
}

/// The formula between the fences, one word after the other.
fn formula(text: &str) -> Vec<&str> {
    let (_, text) = text.split_once("```text\n").expect("a formula");
    text.split_once("```").expect("its end").0.split_whitespace().collect()
}

/// Numbers such as 2304.08612.
fn papers(text: &str) -> BTreeSet<&str> {
    let candidates = text.split(|c: char| !(c.is_ascii_digit() || c == '.')).map(|number| number.trim_matches('.'));
    candidates.filter(|number| number.split_once('.').is_some_and(|(a, b)| a.len() == 4 && b.len() >= 4)).collect()
}

/// The documentation on top of each estimator's file, by its name.
fn files() -> BTreeMap<String, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/src/estimator");
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the estimators' folder") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("text");
            let head: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
            files.insert(path.file_stem().expect("a name").to_string_lossy().into_owned(), head.join("\n"));
        }
    }
    assert!(files.remove(SHARED).is_some());
    files
}

#[test]
fn every_estimator_has_its_row_and_its_section() {
    let sections: Vec<&str> = sections().iter().map(|(name, _)| *name).collect();
    let rows: Vec<&str> = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(sections, rows, "the table on top has the order of the sections");
    let of_files: BTreeSet<String> = files().into_keys().collect();
    let named: BTreeSet<String> = sections.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(named, of_files, "a file in core/src/estimator is a section");
    assert_eq!(named.len(), sections.len());
    let known: BTreeSet<&str> = known().iter().map(|known| known.name).chain(["exact"]).collect();
    assert_eq!(known, sections.into_iter().collect(), "and an estimator of this test");
}

#[test]
fn formulas_and_papers_are_those_of_the_files() {
    let files = files();
    for (name, section) in sections() {
        let head = &files[name];
        assert_eq!(formula(section), formula(head), "{name}");
        let source = bullets(section).into_iter().find(|bullet| bullet.starts_with("Source: ")).expect("its source");
        assert_eq!(papers(&source), papers(head), "{name}");
    }
    let numbers = papers("(arXiv 2304.08612): 1e-5, 0.35 and 12.3456; 1310.8499.");
    assert_eq!(numbers, BTreeSet::from(["1310.8499", "2304.08612"]));
}

#[test]
fn draws_and_parameters_are_those_of_the_code() {
    let sections: BTreeMap<&str, &str> = sections().into_iter().collect();
    for Known { name, draw, fields, ranges } in known() {
        let bullets = bullets(sections[name]);
        let drawn = bullets.iter().find(|bullet| bullet.starts_with("Draw: ")).expect("what is drawn");
        assert!(drawn.contains(&draw), "{name} does not say '{draw}': {drawn}");
        let mut stated = BTreeSet::new();
        for bullet in bullets.iter().filter_map(|bullet| bullet.strip_prefix('`')) {
            let (head, _) = bullet.split_once(": ").expect("a meaning after a colon");
            let (parameter, rest) = head.split_once('`').expect("a name in backticks");
            let (default, range) = rest.split_once(", ").expect("a range after a comma");
            let right = fields.get(parameter).map(|value| value.replace("Constant", ""));
            let right = right.map(|value| value.trim_matches(['(', ')']).parse::<f32>().expect("a number"));
            let stated_default = default.strip_prefix(" = ").map(|text| text.parse::<f32>().expect("a number"));
            assert_eq!(stated_default, right, "the default of {name}'s {parameter}");
            let accepts = ranges.get(parameter).unwrap_or_else(|| panic!("{name} has no parameter {parameter}"));
            let mut seen = [false; 2];
            for (x, accepted) in PROBES.iter().filter_map(|x| Some((*x, accepts(*x)?))) {
                assert_eq!(accepted, within(range, x), "{x:e} as {name}'s {parameter}: {range}");
                seen[usize::from(accepted)] = true;
            }
            assert_eq!(seen, [true; 2], "{name}'s {parameter}: some numbers are taken, some are not");
            stated.insert(parameter.to_owned());
        }
        let ranged = ranges.keys().map(|name| (*name).to_owned());
        let of_code: BTreeSet<String> = fields.into_keys().chain(ranged).collect();
        assert_eq!(stated, of_code, "the parameters of {name}");
    }
}

/// What the page says besides, once for all.
#[test]
fn sizes_are_those_of_the_code() {
    assert_eq!((MAX_CATEGORIES, MAX_MVE_CATEGORIES), (1 << 24, 32));
    let text = PAGE.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("any number of categories (2^24 at most for those that work from g)"));
    // A draw of this one saves nothing by default.
    assert_eq!(DecoupledSt { tau_forward: 0.5, tau_backward: 1.0 }.saved_per_draw(7), 7);
    assert!(text.contains("one uniform, nothing saved where tau_forward = 1, else k floats"));
}
