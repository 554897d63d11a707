//! `run`: a task's folder, its runs, and results at the end.

use crate::args::{Format, RunArgs};
use crate::folder::Folder;
use crate::jobs::{self, Runs};
use crate::progress::say;
use crate::task::{Done, Task};
use crate::{Failure, interrupt, machine, print, settings};

/// Runs a task: `apply` replaces settings by those of the command line, `show` makes the text for stdout.
pub(crate) fn run<T: Task>(
    args: &RunArgs,
    apply: impl FnOnce(&mut T),
    show: impl FnOnce(&T, &[Done<T>], Format) -> Result<String, String>,
) -> Result<(), Failure> {
    let host = machine::host()?;
    interrupt::listen();
    let (folder, config, data) = match &args.resume {
        Some(path) => {
            let anew = format!("--out {} --overwrite, or another --out", path.display());
            let (folder, config) = Folder::open::<T>(path, &anew).map_err(Failure::error)?;
            let config = match &args.seeds {
                Some(seeds) => settings::with_more_seeds(&config, seeds).map_err(Failure::usage)?,
                None => config,
            };
            let of_folder = |error| Failure::error(format!("{}/config.toml: {error}", path.display()));
            let data = config.load().map_err(of_folder)?;
            (folder, config, data)
        }
        None => {
            let config = resolve(args, apply)?;
            // Before a folder is made.
            let data = config.load().map_err(Failure::error)?;
            let folder = Folder::create::<T>(args.out.as_deref(), args.overwrite).map_err(Failure::error)?;
            (folder, config, data)
        }
    };
    let jobs = config.jobs().map_err(Failure::usage)?;
    let runs = Runs::read(folder, &config, &data, &jobs).map_err(Failure::error)?;
    runs.folder.write_config(&config).map_err(Failure::error)?;
    let progress = jobs::progress(args.quiet, jobs.len(), config.epochs());
    progress.steps((jobs.len() - runs.left()) as u64 * u64::from(config.epochs()));
    let path = runs.folder.path().display().to_string();
    let go_on = format!("; go on with: reinmax-cli run {} --resume {path}", T::NAME);
    jobs::finish(std::slice::from_ref(&runs), host, args.threads, &progress, &go_on)?;
    let results = show(&config, &runs.into_done(), args.format).map_err(Failure::error)?;
    print(&results).map_err(Failure::error)?;
    say(args.quiet, &format!("wrote {path}"));
    Ok(())
}

/// Defaults, the file of `--config`, then what the command line says.
fn resolve<T: Task>(args: &RunArgs, apply: impl FnOnce(&mut T)) -> Result<T, Failure> {
    let mut config: T = match &args.config {
        Some(path) => settings::read(path)?,
        None => T::default(),
    };
    apply(&mut config);
    let common = config.common();
    env!("CARGO_PKG_VERSION").clone_into(common.version);
    if let Some(seeds) = args.seeds.clone().or(args.seed.map(settings::one_seed)) {
        *common.seeds = seeds;
    }
    config.finish().map_err(Failure::usage)
}
