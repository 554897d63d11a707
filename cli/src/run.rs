//! `run polynomial`: its folder, and results at the end.

use crate::args::{Format, PolynomialArgs};
use crate::config::{Config, Job};
use crate::folder::Folder;
use crate::jobs::{self, Runs};
use crate::polynomial::Curve;
use crate::progress::say;
use crate::report::Report;
use crate::{Failure, interrupt, machine, print};

/// Runs the task as the command line says.
pub(crate) fn polynomial(args: &PolynomialArgs) -> Result<(), Failure> {
    let host = machine::host()?;
    interrupt::listen();
    let (folder, config) = match &args.resume {
        Some(path) => {
            let anew = format!("--out {} --overwrite, or another --out", path.display());
            let (folder, config) = Folder::open(path, &anew).map_err(Failure::error)?;
            match &args.seeds {
                Some(seeds) => (folder, config.with_more_seeds(seeds).map_err(Failure::usage)?),
                None => (folder, config),
            }
        }
        None => {
            let config = Config::resolve(args)?;
            (Folder::create(args.out.as_deref(), args.overwrite).map_err(Failure::error)?, config)
        }
    };
    let jobs = config.jobs().map_err(Failure::usage)?;
    let runs = Runs::read(folder, &config, &jobs).map_err(Failure::error)?;
    runs.folder.write_config(&config).map_err(Failure::error)?;
    let progress = jobs::progress(args.quiet, jobs.len(), config.epochs);
    progress.steps((jobs.len() - runs.left()) as u64 * u64::from(config.epochs));
    let path = runs.folder.path().display().to_string();
    let go_on = format!("; go on with: reinmax-cli run polynomial --resume {path}");
    jobs::finish(std::slice::from_ref(&runs), host, args.threads, &progress, &go_on)?;
    show(args, &config, &jobs, &runs.into_curves().unwrap_or_default()).map_err(Failure::error)?;
    say(args.quiet, &format!("wrote {path}"));
    Ok(())
}

/// Results onto stdout.
fn show(args: &PolynomialArgs, config: &Config, jobs: &[Job], curves: &[Curve]) -> Result<(), String> {
    let report = Report::new(config, jobs, curves);
    print(&match args.format {
        Format::Human => report.table(),
        Format::Json => report.json()? + "\n",
        Format::Csv => report.csv(),
    })
}
