//! `run polynomial`: all jobs over the cores, the folder kept up to date, results at the end.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use reinmax::Host;

use crate::args::{Format, PolynomialArgs};
use crate::config::{Config, Job};
use crate::folder::{Folder, picture_name};
use crate::interrupt;
use crate::machine;
use crate::plot;
use crate::polynomial::{Curve, train};
use crate::report::Report;
use crate::{Failure, print};

/// How often metrics.jsonl is brought up to date while runs go on.
pub(crate) const SAVE_EVERY: Duration = Duration::from_secs(1);

/// Runs the task as the command line says.
pub(crate) fn polynomial(args: &PolynomialArgs) -> Result<(), Failure> {
    let host = machine::host()?;
    interrupt::listen();
    let (folder, config) = match &args.resume {
        Some(path) => {
            let anew = format!("--out {} --overwrite, or another --out", path.display());
            Folder::open(path, &anew).map_err(Failure::error)?
        }
        None => {
            let config = Config::resolve(args)?;
            (Folder::create(args.out.as_deref(), args.overwrite).map_err(Failure::error)?, config)
        }
    };
    let jobs = config.jobs().map_err(Failure::usage)?;
    let done = folder.read_metrics(&config, &jobs).map_err(Failure::error)?;
    folder.write_config(&config).map_err(Failure::error)?;
    let curves = run_jobs(args, host, &config, &jobs, done, &folder)?;
    finish(args, &config, &jobs, &curves, &folder).map_err(Failure::error)
}

/// Runs what is not done yet. All curves, in the order of the jobs.
fn run_jobs(
    args: &PolynomialArgs,
    host: Host,
    config: &Config,
    jobs: &[Job],
    done: Vec<Option<Curve>>,
    folder: &Folder,
) -> Result<Vec<Curve>, Failure> {
    let progress = epochs_progress(args.quiet, jobs.len(), config.epochs);
    let left: Vec<usize> = (0..jobs.len()).filter(|at| done[*at].is_none()).collect();
    progress.inc((jobs.len() - left.len()) as u64 * u64::from(config.epochs));
    let state = Mutex::new((done, Instant::now()));
    let failed = Mutex::new(None);
    let one = |at: &usize| {
        let job = jobs[*at];
        let go_on = || {
            progress.inc(1);
            !interrupt::stopped()
        };
        if interrupt::stopped() {
            return;
        }
        let outcome = train(config, host, job.choice, job.power, job.seed, go_on)
            .map_err(|error| format!("{} p = {} seed {}: {error}", job.choice.spelled(), job.power, job.seed));
        let outcome = outcome.and_then(|curve| keep(curve, *at, config, jobs, &state, folder));
        if let Err(message) = outcome {
            interrupt::stop();
            failed.lock().unwrap_or_else(|poison| poison.into_inner()).get_or_insert(message);
        }
    };
    let pool = machine::pool(args.threads, left.len())?;
    // One job at a time: jobs are long and of different lengths.
    pool.install(|| left.par_iter().with_max_len(1).for_each(one));
    progress.finish_and_clear();
    let (curves, _) = state.into_inner().unwrap_or_else(|poison| poison.into_inner());
    folder.write_metrics(jobs, &curves).map_err(Failure::error)?;
    if let Some(message) = failed.into_inner().unwrap_or_else(|poison| poison.into_inner()) {
        return Err(Failure::error(message));
    }
    let finished = curves.iter().flatten().count();
    if finished < jobs.len() {
        return Err(Failure::interrupted(format!(
            "interrupted with {finished} of {} runs finished; go on with: reinmax-cli run polynomial --resume {}",
            jobs.len(),
            folder.path().display()
        )));
    }
    Ok(curves.into_iter().flatten().collect())
}

/// Keeps a finished curve, and now and then writes what there is: also a killed program can be resumed.
fn keep(
    curve: Curve,
    at: usize,
    config: &Config,
    jobs: &[Job],
    state: &Mutex<(Vec<Option<Curve>>, Instant)>,
    folder: &Folder,
) -> Result<(), String> {
    if curve.loss.len() < config.epochs as usize {
        return Ok(());
    }
    let Job { choice, power, seed } = jobs[at];
    not_finite(&curve, || format!("{} p = {power} seed {seed}", choice.spelled()))?;
    let mut state = state.lock().unwrap_or_else(|poison| poison.into_inner());
    let (curves, saved) = &mut *state;
    curves[at] = Some(curve);
    if saved.elapsed() >= SAVE_EVERY {
        folder.write_metrics(jobs, curves)?;
        *saved = Instant::now();
    }
    Ok(())
}

/// Refuses a curve with a number that neither JSON nor a picture holds.
pub(crate) fn not_finite(curve: &Curve, run: impl Fn() -> String) -> Result<(), String> {
    match curve.loss.iter().position(|loss| !loss.is_finite()) {
        Some(epoch) => {
            Err(format!("{}: the loss of epoch {} is not finite; try a smaller lr, power or target", run(), epoch + 1))
        }
        None => Ok(()),
    }
}

/// A bar with the time left. It draws on stderr, and nothing where that is no terminal or where it is not shown.
pub(crate) fn progress(shown: bool, steps: u64, template: &str) -> ProgressBar {
    if !shown {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(steps).with_style(style)
}

/// The bar of jobs of so many epochs each.
pub(crate) fn epochs_progress(quiet: bool, jobs: usize, epochs: u32) -> ProgressBar {
    let template = "{bar:40} {pos}/{len} epochs, {elapsed} (left: {eta})";
    progress(!quiet, jobs as u64 * u64::from(epochs), template)
}

/// Summary and pictures of a folder that is done; the summary.
pub(crate) fn write_results(
    config: &Config,
    jobs: &[Job],
    curves: &[Curve],
    folder: &Folder,
) -> Result<String, String> {
    let json = Report::new(config, jobs, curves).json()?;
    folder.write("summary.json", json.as_bytes())?;
    for power in &config.power {
        let power_of_several = (config.power.len() > 1).then_some(*power);
        folder.write(&picture_name(power_of_several), plot::curves(config, *power, jobs, curves)?.as_bytes())?;
    }
    Ok(json)
}

/// Results into the folder and onto stdout.
fn finish(
    args: &PolynomialArgs,
    config: &Config,
    jobs: &[Job],
    curves: &[Curve],
    folder: &Folder,
) -> Result<(), String> {
    let report = Report::new(config, jobs, curves);
    let json = write_results(config, jobs, curves, folder)?;
    let text = match args.format {
        Format::Human => report.table(),
        Format::Json => json + "\n",
        Format::Csv => report.csv(),
    };
    print(&text)?;
    if !args.quiet {
        eprintln!("wrote {}", folder.path().display());
    }
    Ok(())
}
