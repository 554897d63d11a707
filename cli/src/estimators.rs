//! The estimators that the command line knows: names, short names, parameters. A new one is a kind, a row of the table,
//! and an arm in `visit` (or `Scores`, where it works from losses); where its gradient takes noise besides the draw, an
//! arm in `gradient`.

mod spelling;

use std::collections::BTreeMap;

use reinmax::estimator::MAX_MVE_CATEGORIES;
use reinmax::{
    Arm, Darn, DecoupledGumbel, DecoupledSt, DisArm, Estimator, Gap, GappedSt, GumbelRao, GumbelSoftmax, Mve, ReinMax,
    ReinMaxRao, Reinforce, Rloo, ScoreEstimator, StraightThrough,
};
use serde::Serialize;

use crate::scores::Scores;

pub(crate) use spelling::{help, help_on};

/// What a command does with the estimator that stands behind a choice.
pub(crate) trait Visitor {
    type Out;

    /// Enumeration in place of an estimate.
    fn exact(self) -> Self::Out;

    /// An estimator that works from the upstream gradient.
    fn upstream<E: Estimator + Sync>(self, estimator: E) -> Self::Out;

    /// An estimator that works from losses.
    fn scores(self, scores: Scores) -> Self::Out;
}

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Exact,
    ReinMax,
    StraightThrough,
    GumbelSoftmax,
    DecoupledGumbel,
    DecoupledSt,
    GappedSt,
    GumbelRao,
    Darn,
    ReinMaxRao,
    Mve,
    Reinforce,
    Rloo,
    Arm,
    DisArm,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    /// Positive and finite; the run's temperature where none is given.
    Temperature,
    /// A finite number, with its default.
    Finite(f32),
    /// How many, with its default.
    Count(f32),
    /// A number of at least 0, or `adaptive`; 1 by default.
    Gap,
}

/// One line of the table of estimators.
#[derive(Debug)]
struct Entry {
    kind: Kind,
    name: &'static str,
    /// The short names of the papers.
    short: &'static [&'static str],
    parameters: &'static [(&'static str, Rule)],
}

const TAU: (&str, Rule) = ("tau", Rule::Temperature);
const TAUS: [(&str, Rule); 2] = [("tau_backward", Rule::Temperature), ("tau_forward", Rule::Temperature)];
const RELAXED_SAMPLES: (&str, Rule) = ("relaxed_samples", Rule::Count(100.0));

#[rustfmt::skip]
static TABLE: [Entry; 15] = [
    Entry { kind: Kind::Exact, name: "exact", short: &[], parameters: &[] },
    Entry { kind: Kind::ReinMax, name: ReinMax::NAME, short: &[], parameters: &[TAU] },
    Entry { kind: Kind::StraightThrough, name: StraightThrough::NAME, short: &["st"], parameters: &[TAU] },
    Entry { kind: Kind::GumbelSoftmax, name: GumbelSoftmax::NAME, short: &["stgs", "gumbel"], parameters: &[TAU] },
    Entry { kind: Kind::DecoupledGumbel, name: DecoupledGumbel::NAME, short: &["decoupled_stgs"], parameters: &TAUS },
    Entry { kind: Kind::DecoupledSt, name: DecoupledSt::NAME, short: &[], parameters: &TAUS },
    Entry { kind: Kind::GappedSt, name: GappedSt::NAME, short: &["gst"], parameters: &[("gap", Rule::Gap), TAU] },
    Entry { kind: Kind::GumbelRao, name: GumbelRao::NAME, short: &["gr_mck"], parameters: &[RELAXED_SAMPLES, TAU] },
    Entry { kind: Kind::Darn, name: Darn::NAME, short: &[], parameters: &[] },
    Entry { kind: Kind::ReinMaxRao, name: ReinMaxRao::NAME, short: &[], parameters: &[RELAXED_SAMPLES, TAU] },
    Entry { kind: Kind::Mve, name: Mve::NAME, short: &[], parameters: &[] },
    Entry { kind: Kind::Reinforce, name: Reinforce::NAME, short: &[], parameters: &[("baseline", Rule::Finite(0.0))] },
    Entry { kind: Kind::Rloo, name: Rloo::NAME, short: &[], parameters: &[] },
    Entry { kind: Kind::Arm, name: Arm::NAME, short: &[], parameters: &[] },
    Entry { kind: Kind::DisArm, name: DisArm::NAME, short: &[], parameters: &[] },
];

/// What runs without `--estimator`.
const DEFAULTS: [&str; 4] = ["exact", ReinMax::NAME, StraightThrough::NAME, GumbelSoftmax::NAME];

/// No estimator has more parameters.
const MAX_PARAMETERS: usize = 2;

/// The value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Value {
    Number(f32),
    Word(&'static str),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Number(number) => number.fmt(f),
            Value::Word(word) => word.fmt(f),
        }
    }
}

const ADAPTIVE: Value = Value::Word("adaptive");

/// An estimator with its parameters, as given by `NAME` or `NAME:parameter=value,..`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    entry: &'static Entry,
    /// In the order of the table; those that were not given are missing.
    values: [Option<Value>; MAX_PARAMETERS],
}

impl PartialEq for Choice {
    fn eq(&self, other: &Self) -> bool {
        self.entry.kind == other.entry.kind && self.values == other.values
    }
}

impl Choice {
    /// What runs without `--estimator`, spelled.
    pub(crate) fn defaults() -> Vec<String> {
        DEFAULTS.map(str::to_owned).to_vec()
    }

    /// Every estimator that takes each number of categories, and so many draws where their number is given; and lines
    /// that say which are left out.
    pub(crate) fn all(categories: &[usize], draws: Option<usize>) -> (Vec<Choice>, Vec<String>) {
        let (mut all, mut others) = (Vec::new(), BTreeMap::<String, Vec<&str>>::new());
        for choice in TABLE.iter().map(Choice::of) {
            let for_others = categories.iter().find_map(|k| choice.for_other_categories(*k));
            match for_others.or_else(|| Some(choice.for_other_draws(draws?)?.to_owned())) {
                Some(made_for) => others.entry(made_for).or_default().push(choice.name()),
                None => all.push(choice),
            }
        }
        let line =
            |(made_for, names): (String, Vec<&str>)| format!("left out, as made for {made_for}: {}", names.join(", "));
        (all, others.into_iter().map(line).collect())
    }

    fn of(entry: &'static Entry) -> Self {
        Choice { entry, values: [None; MAX_PARAMETERS] }
    }

    /// Hands the estimator itself, with all of its parameters, to `visitor`.
    pub(crate) fn visit<V: Visitor>(self, visitor: V) -> V::Out {
        let tau = self.number("tau");
        let (tau_forward, tau_backward) = (self.number("tau_forward"), self.number("tau_backward"));
        let relaxed_samples = self.number("relaxed_samples") as u32;
        match self.entry.kind {
            Kind::Exact => visitor.exact(),
            Kind::ReinMax => visitor.upstream(ReinMax { tau }),
            Kind::StraightThrough => visitor.upstream(StraightThrough { tau }),
            Kind::GumbelSoftmax => visitor.upstream(GumbelSoftmax { tau }),
            Kind::DecoupledGumbel => visitor.upstream(DecoupledGumbel { tau_forward, tau_backward }),
            Kind::DecoupledSt => visitor.upstream(DecoupledSt { tau_forward, tau_backward }),
            Kind::GappedSt => visitor.upstream(GappedSt { tau, gap: self.gap() }),
            Kind::GumbelRao => visitor.upstream(GumbelRao { tau, relaxed_samples }),
            Kind::Darn => visitor.upstream(Darn),
            Kind::ReinMaxRao => visitor.upstream(ReinMaxRao { tau, relaxed_samples }),
            Kind::Mve => visitor.upstream(Mve),
            Kind::Reinforce => visitor.scores(Scores::Reinforce { baseline: self.number("baseline") }),
            Kind::Rloo => visitor.scores(Scores::Rloo),
            Kind::Arm => visitor.scores(Scores::Arm),
            Kind::DisArm => visitor.scores(Scores::DisArm),
        }
    }

    /// What the estimator is made for, if that is not k categories.
    fn for_other_categories(self, k: usize) -> Option<String> {
        match self.entry.kind {
            Kind::Arm | Kind::DisArm if k != 2 => Some("2 categories (k = 2)".to_owned()),
            Kind::Mve if k > MAX_MVE_CATEGORIES => Some(format!("up to {MAX_MVE_CATEGORIES} categories")),
            _ => None,
        }
    }

    /// What the estimator is made for, if it cannot share out so many draws.
    fn for_other_draws(self, draws: usize) -> Option<&'static str> {
        match self.entry.kind {
            Kind::Arm | Kind::DisArm if draws % 2 == 1 => Some("antithetic pairs, an even number of draws"),
            Kind::Rloo if draws < 2 => Some("at least 2 draws"),
            _ => None,
        }
    }

    /// Refuses a number of categories that the estimator is not made for.
    pub(crate) fn check_categories(self, k: usize) -> Result<(), String> {
        let refusal = |made_for| format!("{} is made for {made_for}, and there are {k}", self.name());
        self.for_other_categories(k).map_or(Ok(()), |made_for| Err(refusal(made_for)))
    }

    /// Refuses a number of draws that the estimator cannot share out.
    pub(crate) fn check_draws(self, draws: usize) -> Result<(), String> {
        let refusal = |made_for| format!("{} is made for {made_for}", self.name());
        self.for_other_draws(draws).map_or(Ok(()), |made_for| Err(refusal(made_for)))
    }

    pub(crate) fn kind(self) -> Kind {
        self.entry.kind
    }

    /// The full name.
    pub(crate) fn name(self) -> &'static str {
        self.entry.name
    }

    /// Fills in the parameters that were not given; `tau` for temperatures.
    pub(crate) fn with_defaults(mut self, tau: f32) -> Self {
        for (value, (_, rule)) in self.values.iter_mut().zip(self.entry.parameters) {
            *value = value.or(Some(rule.default(tau)));
        }
        self
    }

    /// The parameters at hand by name, as results report them.
    pub(crate) fn parameters(self) -> BTreeMap<&'static str, Value> {
        let given = self.entry.parameters.iter().zip(self.values);
        given.filter_map(|((name, _), value)| Some((*name, value?))).collect()
    }

    /// `NAME:parameter=value,..`: what the command line and the configuration file read.
    pub(crate) fn spelled(self) -> String {
        spelled(self.name(), &self.parameters())
    }

    /// The same without temperatures: what the laboratory compares over temperatures.
    pub(crate) fn spelled_without_tau(mut self) -> String {
        for (value, (_, rule)) in self.values.iter_mut().zip(self.entry.parameters) {
            if *rule == Rule::Temperature {
                *value = None;
            }
        }
        self.spelled()
    }

    /// The name in a picture: parameters only where they are not the plain ones.
    pub(crate) fn label(self) -> String {
        let plain = Choice::of(self.entry).with_defaults(1.0);
        let mut unusual: Vec<(&str, Value)> = Vec::new();
        for (((name, _), value), usual) in self.entry.parameters.iter().zip(self.values).zip(plain.values) {
            if let Some(value) = value.filter(|value| Some(*value) != usual) {
                unusual.push((name, value));
            }
        }
        // Two temperatures that are one.
        if let [("tau_backward", backward), ("tau_forward", forward)] = unusual[..]
            && backward == forward
        {
            unusual = vec![("tau", backward)];
        }
        let unusual: Vec<String> = unusual.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if unusual.is_empty() { self.name().to_owned() } else { format!("{}:{}", self.name(), unusual.join(",")) }
    }

    /// Its name in names of files.
    pub(crate) fn file_stem(self) -> String {
        self.spelled().replace(':', "-")
    }

    /// The temperature of the distribution that is drawn from.
    pub(crate) fn tau_of_draws(self) -> f32 {
        if self.entry.kind == Kind::DecoupledSt { self.number("tau_forward") } else { 1.0 }
    }

    /// The temperature of the backward pass.
    pub(crate) fn tau(self) -> Option<f32> {
        let mut given = self.entry.parameters.iter().zip(self.values);
        given.find_map(|((_, rule), value)| match (rule, value) {
            (Rule::Temperature, Some(Value::Number(tau))) => Some(tau),
            _ => None,
        })
    }

    /// A parameter, or its default; 1 where the estimator has no such number.
    pub(crate) fn number(self, parameter: &str) -> f32 {
        match self.with_defaults(1.0).parameters().get(parameter) {
            Some(Value::Number(number)) => *number,
            _ => 1.0,
        }
    }

    fn gap(self) -> Gap {
        match self.with_defaults(1.0).parameters().get("gap") {
            Some(Value::Number(gap)) => Gap::Constant(*gap),
            _ => Gap::Adaptive,
        }
    }

    pub(crate) fn has(self, parameter: &str) -> bool {
        self.entry.parameters.iter().any(|(name, _)| *name == parameter)
    }
}

impl Rule {
    /// The value of a parameter that is not given.
    fn default(self, tau: f32) -> Value {
        Value::Number(match self {
            Rule::Temperature => tau,
            Rule::Finite(default) | Rule::Count(default) => default,
            Rule::Gap => 1.0,
        })
    }
}

/// `NAME:parameter=value,..`.
pub(crate) fn spelled(name: &str, parameters: &BTreeMap<&str, Value>) -> String {
    let parameters = spelled_parameters(parameters, ",");
    if parameters.is_empty() { name.to_owned() } else { format!("{name}:{parameters}") }
}

/// `parameter=value` one after the other.
pub(crate) fn spelled_parameters(parameters: &BTreeMap<&str, Value>, separator: &str) -> String {
    parameters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(separator)
}
