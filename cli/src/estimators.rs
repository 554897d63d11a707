//! The estimators that the command line knows: names, short names, parameters. A new one is an entry here (with its
//! arm in `visit`, which is all that the laboratory asks for), an arm in `polynomial::train`, and where it has reference vectors an arm in `gradient`.

use std::collections::BTreeMap;
use std::str::FromStr;

use reinmax::{Estimator, GumbelSoftmax, ReinMax, Reinforce, ScoreEstimator, StraightThrough};

/// What a command does with the estimator that stands behind a choice.
pub(crate) trait Visitor {
    type Out;

    /// Enumeration in place of an estimate.
    fn exact(self) -> Self::Out;

    /// An estimator that works from the upstream gradient.
    fn upstream<E: Estimator + Sync>(self, estimator: E) -> Self::Out;

    /// An estimator that works from losses; one gradient takes `draws` draws of each variable.
    fn score<E: ScoreEstimator + Sync>(self, estimator: E, draws: usize) -> Self::Out;
}

/// An estimator with its parameters, as given by `NAME` or `NAME:parameter=value,..`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Choice {
    Exact,
    StraightThrough { tau: Option<f32> },
    ReinMax { tau: Option<f32> },
    GumbelSoftmax { tau: Option<f32> },
    Reinforce { baseline: f32 },
}

/// Full name, and the short names of the papers.
const NAMES: [(&str, &[&str]); 5] = [
    ("exact", &[]),
    ("straight_through", &["st"]),
    ("reinmax", &[]),
    ("gumbel_softmax", &["stgs", "gumbel"]),
    ("reinforce", &[]),
];

impl Choice {
    /// What runs without `--estimator`.
    pub(crate) const DEFAULTS: [Choice; 4] = [
        Choice::Exact,
        Choice::ReinMax { tau: None },
        Choice::StraightThrough { tau: None },
        Choice::GumbelSoftmax { tau: None },
    ];

    /// Every estimator, with its own default parameters.
    pub(crate) fn all() -> Vec<Choice> {
        NAMES.iter().filter_map(|(name, _)| name.parse().ok()).collect()
    }

    /// Hands the estimator itself to `visitor`; a temperature that was not given is 1.
    pub(crate) fn visit<V: Visitor>(self, visitor: V) -> V::Out {
        let or_one = |tau: Option<f32>| tau.unwrap_or(1.0);
        match self {
            Choice::Exact => visitor.exact(),
            Choice::StraightThrough { tau } => visitor.upstream(StraightThrough { tau: or_one(tau) }),
            Choice::ReinMax { tau } => visitor.upstream(ReinMax { tau: or_one(tau) }),
            Choice::GumbelSoftmax { tau } => visitor.upstream(GumbelSoftmax { tau: or_one(tau) }),
            Choice::Reinforce { baseline } => visitor.score(Reinforce { baseline }, 1),
        }
    }

    /// The full name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Choice::Exact => "exact",
            Choice::StraightThrough { .. } => "straight_through",
            Choice::ReinMax { .. } => "reinmax",
            Choice::GumbelSoftmax { .. } => "gumbel_softmax",
            Choice::Reinforce { .. } => "reinforce",
        }
    }

    /// Fills in the temperature where the choice has one and none was given.
    pub(crate) fn with_default_tau(self, default: f32) -> Self {
        match self {
            Choice::StraightThrough { tau } => Choice::StraightThrough { tau: tau.or(Some(default)) },
            Choice::ReinMax { tau } => Choice::ReinMax { tau: tau.or(Some(default)) },
            Choice::GumbelSoftmax { tau } => Choice::GumbelSoftmax { tau: tau.or(Some(default)) },
            other => other,
        }
    }

    /// Parameters by name, as results report them.
    pub(crate) fn parameters(self) -> BTreeMap<&'static str, f32> {
        match self {
            Choice::Exact => BTreeMap::new(),
            Choice::StraightThrough { tau } | Choice::ReinMax { tau } | Choice::GumbelSoftmax { tau } => {
                tau.map(|tau| ("tau", tau)).into_iter().collect()
            }
            Choice::Reinforce { baseline } => BTreeMap::from([("baseline", baseline)]),
        }
    }

    /// `NAME:parameter=value,..`: what the command line and the configuration file read.
    pub(crate) fn spelled(self) -> String {
        let parameters: Vec<_> = self.parameters().iter().map(|(name, value)| format!("{name}={value}")).collect();
        if parameters.is_empty() { self.name().to_owned() } else { format!("{}:{}", self.name(), parameters.join(",")) }
    }

    /// The one parameter that this choice takes.
    fn set(&mut self, parameter: &str, value: f32) -> Result<(), String> {
        let positive = value > 0.0 && value.is_finite();
        match (&mut *self, parameter) {
            (Choice::StraightThrough { tau } | Choice::ReinMax { tau } | Choice::GumbelSoftmax { tau }, "tau") => {
                if !positive {
                    return Err(format!("tau = {value}: a temperature is positive and finite"));
                }
                *tau = Some(value);
            }
            (Choice::Reinforce { baseline }, "baseline") if value.is_finite() => *baseline = value,
            _ => return Err(format!("{} has no parameter '{parameter}' that could be {value}", self.name())),
        }
        Ok(())
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, parameters) = text.split_once(':').unwrap_or((text, ""));
        let known = NAMES.iter().find(|(full, short)| *full == name || short.contains(&name)).map(|(full, _)| *full);
        let mut choice = match known {
            Some("exact") => Choice::Exact,
            Some("straight_through") => Choice::StraightThrough { tau: None },
            Some("reinmax") => Choice::ReinMax { tau: None },
            Some("gumbel_softmax") => Choice::GumbelSoftmax { tau: None },
            Some("reinforce") => Choice::Reinforce { baseline: 0.0 },
            _ => return Err(format!("no estimator '{name}'; available are {}", available())),
        };
        for parameter in parameters.split(',').filter(|text| !text.is_empty()) {
            let (key, value) =
                parameter.split_once('=').ok_or_else(|| format!("'{parameter}' is not of the form parameter=value"))?;
            let value = value.parse().map_err(|_| format!("{key} = '{value}' is not a number"))?;
            choice.set(key, value)?;
        }
        Ok(choice)
    }
}

/// All names, for messages.
fn available() -> String {
    let spelled = |(full, short): &(&str, &[&str])| match short {
        [] => (*full).to_owned(),
        short => format!("{full} ({})", short.join(", ")),
    };
    NAMES.iter().map(spelled).collect::<Vec<_>>().join(", ")
}
