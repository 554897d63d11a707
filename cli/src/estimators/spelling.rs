//! How the command line spells an estimator: reading `NAME:parameter=value,..`, and the list of names.

use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::settings::is_positive;

use super::{ADAPTIVE, Choice, Entry, Rule, TABLE, Value, spelled_parameters};

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, parameters) = match text.split_once(':') {
            Some((name, parameters)) => (name, parameters.split(',').collect()),
            None => (text, Vec::new()),
        };
        let entry = known(name).ok_or_else(|| unknown(text, name))?;
        let mut choice = Choice::of(entry);
        for (number, parameter) in (1..).zip(parameters) {
            if known(parameter.split(':').next().unwrap_or("")).is_some() {
                return Err(several(text));
            }
            let set = match parameter.split_once('=') {
                Some((key, value)) => choice.set(key, value),
                None if parameter.is_empty() => {
                    Err(format!("parameter {number} is empty; give parameter=value, or leave out its colon or comma"))
                }
                None => Err(format!("'{parameter}' is not of the form parameter=value")),
            };
            set.map_err(|error| format!("'{text}': {error}"))?;
        }
        Ok(choice)
    }
}

/// As the command line spells it.
impl Serialize for Choice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.spelled())
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Choice {
    /// Gives a parameter that has no value yet.
    pub(crate) fn set(&mut self, parameter: &str, text: &str) -> Result<(), String> {
        let known = self.entry.parameters.iter().zip(&mut self.values).find(|((name, _), _)| *name == parameter);
        let Some(((_, rule), value)) = known else {
            let names: Vec<_> = self.entry.parameters.iter().map(|(name, _)| *name).collect();
            let has = if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
            return Err(format!("{} has no parameter '{parameter}'; {has}", self.name()));
        };
        if value.is_some() {
            return Err(format!("{parameter} is given twice; give it once"));
        }
        *value = Some(rule.read(text).map_err(|right| format!("{parameter} = '{text}': {right}"))?);
        Ok(())
    }
}

impl Rule {
    /// The value, or what would be right.
    fn read(self, text: &str) -> Result<Value, &'static str> {
        let number = text.parse::<f32>().ok().filter(|number| number.is_finite());
        let (allowed, right) = match self {
            Rule::Temperature => (number.is_some_and(is_positive), "a temperature is positive and finite"),
            Rule::Finite(_) => (number.is_some(), "give a finite number"),
            Rule::Count(_) => {
                (number.is_some_and(|x| x.fract() == 0.0 && (1.0..=65_536.0).contains(&x)), "give 1 to 65536")
            }
            Rule::Gap if text == "adaptive" => return Ok(ADAPTIVE),
            Rule::Gap => (number.is_some_and(|x| x >= 0.0), "give a number of at least 0, or adaptive"),
        };
        number.filter(|_| allowed).map(Value::Number).ok_or(right)
    }
}

impl Entry {
    /// The name, and the short ones in brackets.
    fn names(&self) -> String {
        match self.short {
            [] => self.name.to_owned(),
            short => format!("{} ({})", self.name, short.join(", ")),
        }
    }
}

/// The line of the table with this name.
fn known(name: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.name == name || entry.short.contains(&name))
}

/// What is wrong with a name that there is not, and what may have been meant.
fn unknown(text: &str, name: &str) -> String {
    if name.split(',').any(|name| known(name).is_some()) {
        return several(text);
    }
    // ReinMax, gumbel-softmax.
    let plain = |name: &str| name.replace(['-', '_', ' '], "").to_lowercase();
    let meant = TABLE.iter().flat_map(|entry| entry.short.iter().chain([&entry.name]));
    match meant.into_iter().find(|meant| plain(meant) == plain(name)) {
        Some(meant) => format!("no estimator '{name}'; did you mean {meant}?"),
        None => format!("no estimator '{name}'; available are {}", available()),
    }
}

fn several(text: &str) -> String {
    format!(
        "'{text}': that is more than one estimator; repeat the option, as in --estimator reinmax --estimator st \
         (in a file, a list)"
    )
}

/// All names, for messages.
fn available() -> String {
    TABLE.iter().map(Entry::names).collect::<Vec<_>>().join(", ")
}

/// `text` and below it the table of all estimators: the end of a help page.
pub(crate) fn help(text: &str) -> String {
    help_on(text, |_| Some(1.0))
}

/// The same, of those for which there is a default temperature.
pub(crate) fn help_on(text: &str, tau: impl Fn(Choice) -> Option<f32>) -> String {
    let mut help = format!(
        "{text}\n\nEstimators (short names) with their parameters and defaults; parameters follow a colon, as in \
         gst:gap=adaptive,tau=0.5:"
    );
    for choice in TABLE.iter().map(Choice::of) {
        let Some(tau) = tau(choice) else { continue };
        let parameters = spelled_parameters(&choice.with_defaults(tau).parameters(), ", ");
        help += format!("\n  {:<34} {parameters}", choice.entry.names()).trim_end();
    }
    help + "\nThe draw and the gradient of decoupled_gumbel do not depend on tau_forward, its relaxed sample's temperature."
}
