//! `compare gradients`: every problem, every estimator, one report.

use std::str::FromStr;

use reinmax::Host;

use super::args::{Format, GradientsArgs};
use super::measure::{Exact, Laboratory, PARTS, exact, stream};
use super::moments::norm;
use super::picture;
use super::report::{Entry, Report, Section};
use super::subject::{Group, Subject};
use super::tally::Tally;
use crate::estimators::Choice;
use crate::folder::Folder;
use crate::progress::{Progress, say};
use crate::{Failure, machine, print};

/// Fewer draws have no variance.
const MIN_DRAWS: u64 = 2;
/// So that the noise of the last gradient still has its own place in the stream.
const MAX_DRAWS: u64 = 1 << 40;

/// Runs the laboratory as the command line says.
pub(crate) fn gradients(args: &GradientsArgs) -> Result<(), Failure> {
    let host = machine::host()?;
    if !(MIN_DRAWS..=MAX_DRAWS).contains(&args.draws) {
        return Err(Failure::usage(format!("--draws {}: give {MIN_DRAWS} to {MAX_DRAWS}", args.draws)));
    }
    let subject = Subject::read(args)?;
    let groups = subject.groups();
    let choices = choices(args, &groups).map_err(Failure::usage)?;
    // Known before anything is computed.
    let folder = args.out.as_deref().map(Folder::at).transpose().map_err(Failure::error)?;
    let pool = machine::pool(args.threads, PARTS)?;
    // A step for each estimator on each problem; a machine that reads gets none.
    let problems: usize = groups.iter().map(|group| group.numbers().count()).sum();
    let steps = (problems * choices.len()) as u64;
    let progress =
        Progress::new(args.format == Format::Human && !args.quiet, steps, "{bar:40} {pos}/{len} {msg}, {eta} left");
    let all = || groups.iter().map(|group| section(host, *group, &choices, args, &progress)).collect::<Result<_, _>>();
    let sections = pool.install(all);
    progress.clear();
    let report = Report::new(args.seed, sections.map_err(Failure::error)?);
    finish(args, &report, folder.as_ref()).map_err(Failure::error)
}

/// The estimators, each once, with temperature 1 where none is given.
fn choices(args: &GradientsArgs, groups: &[Group<'_>]) -> Result<Vec<Choice>, String> {
    let given: Vec<Choice> = if args.estimator.is_empty() {
        let categories: Vec<usize> = groups.iter().map(|group| group.categories()).collect();
        let (all, left_out) = Choice::all(&categories, None);
        left_out.iter().for_each(|line| say(args.quiet, line));
        all
    } else {
        args.estimator.iter().map(|name| Choice::from_str(name)).collect::<Result<_, _>>()?
    };
    let mut choices = Vec::new();
    for choice in given.into_iter().map(|choice| choice.with_defaults(1.0)) {
        if choices.contains(&choice) {
            return Err(format!("estimator {} is given twice; give each once", choice.spelled()));
        }
        suits(&choice, groups)?;
        choices.push(choice);
    }
    Ok(choices)
}

/// Refuses an estimator that one of the problems has too many categories for.
fn suits(choice: &Choice, groups: &[Group<'_>]) -> Result<(), String> {
    let check =
        |group: &Group<'_>| choice.check_categories(group.categories()).map_err(|e| format!("{}: {e}", group.name()));
    groups.iter().try_for_each(check)
}

/// One table: every estimator on every problem of a group.
fn section(
    host: Host,
    group: Group<'_>,
    choices: &[Choice],
    args: &GradientsArgs,
    progress: &Progress,
) -> Result<Section, String> {
    let (mut exacts, mut expected_loss, mut losses, mut states, mut variables) = (Vec::new(), 0.0, Vec::new(), 0, 0);
    let mut tallies: Vec<Vec<Tally>> = choices.iter().map(|_| Vec::new()).collect();
    for number in group.numbers() {
        let problem = group.problem(host, number)?;
        let Exact { gradient, expected_loss: expected, greatest_loss } = exact(&problem);
        if !gradient.iter().all(|g| g.is_finite()) {
            return Err(format!("{}: the exact gradient is not finite", problem.name));
        }
        if group.images().is_none() {
            check_norm(&problem.name, &gradient, &[greatest_loss])?;
        }
        let stream = stream(args.seed, number);
        let laboratory = Laboratory { host, problem: &problem, exact: &gradient, draws: args.draws, stream };
        for (choice, tallies) in choices.iter().zip(&mut tallies) {
            progress.now(choice.label());
            tallies.push(tally(*choice, laboratory)?);
            progress.steps(1);
            if group.images().is_none() {
                progress.finished(&format!("{}: {}", problem.name, choice.label()));
            }
        }
        if group.images().is_some() {
            progress.finished(&problem.name);
        }
        (states, variables) = (problem.states, problem.variables);
        expected_loss += expected / group.numbers().count() as f64;
        exacts.extend(gradient);
        losses.push(greatest_loss);
    }
    check_norm(&group.name(), &exacts, &losses)?;
    // What f32 leaves of an unbiased gradient's mean.
    let rounding = f64::from(f32::EPSILON) * norm(&losses) / norm(&exacts);
    let entry = |(choice, tallies): (&Choice, &Vec<Tally>)| Entry::new(*choice, tallies, &exacts, args.draws, rounding);
    let results = choices.iter().zip(&tallies).map(entry).collect();
    let (images, k) = (group.images(), group.categories());
    Ok(Section { problem: group.name(), images, variables, k, states, expected_loss, exact: exacts, results })
}

/// Refuses an exact gradient that is 0, or no more than the rounding of sums of losses of this size.
fn check_norm(name: &str, exact: &[f64], losses: &[f64]) -> Result<(), String> {
    if norm(exact) <= 64.0 * f64::EPSILON * norm(losses) {
        return Err(format!("{name}: the exact gradient is 0, and nothing can be relative to it"));
    }
    Ok(())
}

fn tally(choice: Choice, laboratory: Laboratory<'_>) -> Result<Tally, String> {
    let measured = choice.visit(laboratory).map_err(|error| error.to_string());
    let tally = measured.and_then(|measured| Tally::of(&measured));
    tally.map_err(|error| format!("{}: {}: {error}", laboratory.problem.name, choice.spelled()))
}

fn finish(args: &GradientsArgs, report: &Report, folder: Option<&Folder>) -> Result<(), String> {
    if let Some(folder) = folder {
        folder.write("gradients.json", (report.json()? + "\n").as_bytes())?;
        for (at, section) in report.sections().iter().enumerate() {
            let one = report.sections().len() == 1;
            let name = if one { "gradients.svg".to_owned() } else { format!("gradients-{at}.svg") };
            folder.write(&name, picture::bias_and_spread(section)?.as_bytes())?;
        }
    }
    print(&match args.format {
        Format::Human => report.table(),
        Format::Json => report.json()? + "\n",
        Format::Csv => report.csv(),
        Format::Markdown => report.markdown(),
    })?;
    if let Some(folder) = folder {
        say(args.quiet, &format!("wrote {}", folder.path().display()));
    }
    Ok(())
}
