//! The table of a sweep: final losses over seeds, and the temperature that each estimator does best with.

use std::fmt::Write as _;

use serde::Serialize;

use super::sweep::Member;
use crate::polynomial::config::Config;
use crate::polynomial::report::optimum;
use crate::statistics::{deviation, fixed, mean_sd};
use crate::task::Done;

/// One estimator at one temperature.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// With parameters, but no temperature.
    estimator: String,
    /// As the command line spells it.
    spelled: String,
    tau: Option<f32>,
    /// Whether no other temperature of this estimator gives a lower mean final loss.
    pub(crate) chosen: bool,
    /// Mean over seeds of the last epoch's loss.
    final_loss: f64,
    standard_deviation: f64,
    above_optimum: f64,
    seeds: usize,
}

/// A row for each folder, in their order. Of equal losses the first is chosen.
pub(crate) fn rows(done: &[(&Member, Vec<Done<Config>>)]) -> Vec<Row> {
    let row = |(member, runs): &(&Member, Vec<Done<Config>>)| {
        let losses: Vec<f64> = runs.iter().filter_map(|(_, epochs)| Some(epochs.last()?.loss)).collect();
        let (final_loss, standard_deviation) = mean_sd(&losses);
        let power = member.config.power.first().copied().unwrap_or(f32::NAN);
        Row {
            estimator: member.choice.spelled_without_tau(),
            spelled: member.choice.spelled(),
            tau: member.choice.tau(),
            chosen: false,
            final_loss,
            standard_deviation,
            above_optimum: final_loss - optimum(&member.config, power),
            seeds: losses.len(),
        }
    };
    let mut rows: Vec<Row> = done.iter().map(row).collect();
    for at in 0..rows.len() {
        let mine = &rows[at];
        let better = |(other, row): (usize, &Row)| {
            let (loss, least) = (row.final_loss, mine.final_loss);
            row.estimator == mine.estimator && (loss < least || (loss == least && other < at))
        };
        let chosen = !rows.iter().enumerate().any(better);
        rows[at].chosen = chosen;
    }
    rows
}

pub(crate) fn json(rows: &[Row]) -> Result<String, String> {
    #[derive(Serialize)]
    struct Comparison<'a> {
        task: &'static str,
        version: &'static str,
        results: &'a [Row],
    }
    let comparison = Comparison { task: "compare polynomial", version: env!("CARGO_PKG_VERSION"), results: rows };
    serde_json::to_string(&comparison).map_err(|error| error.to_string())
}

pub(crate) fn csv(rows: &[Row]) -> String {
    let mut text = "estimator,tau,chosen,final_loss,standard_deviation,above_optimum,seeds\n".to_owned();
    for row in rows {
        let tau = row.tau.map_or_else(String::new, |tau| tau.to_string());
        let Row { estimator, chosen, final_loss, standard_deviation, above_optimum, seeds, .. } = row;
        let _ = writeln!(text, "{estimator},{tau},{chosen},{final_loss},{standard_deviation},{above_optimum},{seeds}");
    }
    text
}

const HEADER: [&str; 6] = ["estimator", "best tau", "final loss", "± sd", "above optimum", "seeds"];

/// The chosen rows, the lowest loss first.
fn chosen(rows: &[Row]) -> Vec<[String; 6]> {
    let mut chosen: Vec<&Row> = rows.iter().filter(|row| row.chosen).collect();
    chosen.sort_by(|a, b| a.final_loss.total_cmp(&b.final_loss));
    let cells = |row: &&Row| {
        [
            row.estimator.clone(),
            row.tau.map_or_else(|| "-".to_owned(), |tau| tau.to_string()),
            format!("{:.5}", row.final_loss),
            deviation(row.standard_deviation, row.seeds),
            fixed(row.above_optimum, 5),
            row.seeds.to_string(),
        ]
    };
    chosen.iter().map(cells).collect()
}

pub(crate) fn human(rows: &[Row]) -> String {
    let mut text = String::new();
    let rows: Vec<_> = std::iter::once(HEADER.map(str::to_owned)).chain(chosen(rows)).collect();
    let width = rows.iter().map(|[name, ..]| name.len()).max().unwrap_or(0);
    for cells in rows {
        let [name, tau, loss, sd, distance, seeds] = cells;
        let _ = writeln!(text, "{name:<width$} {tau:>8} {loss:>11} {sd:>9} {distance:>14} {seeds:>6}");
    }
    text
}

pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = format!("| {} |\n|---|---:|---:|---:|---:|---:|\n", HEADER.join(" | "));
    for cells in chosen(rows) {
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}
