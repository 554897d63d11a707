//! `compare gradients`: every problem, every estimator, one report.

use std::str::FromStr;

use reinmax::Host;

use super::args::{Format, GradientsArgs};
use super::measure::{Laboratory, PARTS, exact};
use super::moments::dot;
use super::picture;
use super::problem::Problem;
use super::report::{Entry, Report, Section};
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
    let problems = match &args.file {
        Some(path) => Problem::read(path, args.case.as_deref()).map_err(Failure::error)?,
        None => {
            let problem = Problem::builtin(args.problem, args.latents, args.categories, args.degree, args.seed);
            vec![problem.map_err(Failure::usage)?]
        }
    };
    let choices = choices(args, &problems).map_err(Failure::usage)?;
    // Known before anything is computed.
    let folder = args.out.as_deref().map(Folder::at).transpose().map_err(Failure::error)?;
    let pool = machine::pool(args.threads, PARTS)?;
    // A step for each estimator on each problem; a machine that reads gets none.
    let steps = (problems.len() * choices.len()) as u64;
    let progress =
        Progress::new(args.format == Format::Human && !args.quiet, steps, "{bar:40} {pos}/{len} {msg}, {eta} left");
    let all =
        || problems.iter().map(|problem| section(host, problem, &choices, args, &progress)).collect::<Result<_, _>>();
    let sections = pool.install(all);
    progress.clear();
    let report = Report::new(args.seed, sections.map_err(Failure::error)?);
    finish(args, &report, folder.as_ref()).map_err(Failure::error)
}

/// The estimators, each once, with temperature 1 where none is given.
fn choices(args: &GradientsArgs, problems: &[Problem]) -> Result<Vec<Choice>, String> {
    let given: Vec<Choice> = if args.estimator.is_empty() {
        let categories: Vec<usize> = problems.iter().map(|problem| problem.k).collect();
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
        suits(&choice, problems)?;
        choices.push(choice);
    }
    Ok(choices)
}

/// Refuses an estimator that one of the problems has too many categories for.
fn suits(choice: &Choice, problems: &[Problem]) -> Result<(), String> {
    let check = |problem: &Problem| choice.check_categories(problem.k).map_err(|e| format!("{}: {e}", problem.name));
    problems.iter().try_for_each(check)
}

fn section(
    host: Host,
    problem: &Problem,
    choices: &[Choice],
    args: &GradientsArgs,
    progress: &Progress,
) -> Result<Section, String> {
    let (exact, expected_loss) = exact(problem);
    if !exact.iter().all(|g| g.is_finite()) {
        return Err(format!("{}: the exact gradient is not finite", problem.name));
    }
    if dot(&exact, &exact) == 0.0 {
        return Err(format!("{}: the exact gradient is 0, and nothing can be relative to it", problem.name));
    }
    let mut entries = Vec::new();
    for choice in choices {
        progress.now(choice.label());
        let laboratory = Laboratory { host, problem, exact: &exact, draws: args.draws, seed: args.seed };
        let measured = choice.visit(laboratory);
        let named = |error: String| format!("{}: {}: {error}", problem.name, choice.spelled());
        let measured = measured.map_err(|error| named(error.to_string()))?;
        entries.push(Entry::new(*choice, &measured, &exact, args.draws).map_err(named)?);
        progress.steps(1);
        progress.finished(&format!("{}: {}", problem.name, choice.label()));
    }
    Ok(Section::new(problem, exact, expected_loss, entries))
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
