//! A run's folder: its configuration, the metrics of every finished run, a summary, the curves. Every file is written
//! under a temporary name, synced and renamed, so none is ever half there.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{Config, Job};
use crate::plot;
use crate::polynomial::Curve;
use crate::report::Report;

/// The file of a run's settings.
const CONFIG: &str = "config.toml";
/// The file of the finished runs.
const METRICS: &str = "metrics.jsonl";

/// Where a run writes.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// A line of metrics.jsonl: one epoch of one run.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    estimator: String,
    power: f32,
    seed: u64,
    epoch: u32,
    loss: f64,
    microseconds_per_step: f64,
}

impl Folder {
    /// `--out`, or the first free `runs/polynomial-N`; never an earlier run unless it is to be replaced.
    pub(crate) fn create(out: Option<&Path>, overwrite: bool) -> Result<Self, String> {
        let Some(path) = out else { return Self::first_free(Path::new("runs")) };
        let name = |error| format!("{}: {error}", path.display());
        let mut ours = Vec::new();
        if path.is_dir() {
            for entry in std::fs::read_dir(path).map_err(name)? {
                ours.push(entry.map_err(name)?.path());
            }
            ours.retain(|file| is_ours(file));
        }
        if let Some(file) = ours.first() {
            // Any file that a run would write counts: a lone summary.json or picture is somebody's result too.
            if !overwrite {
                return Err(format!(
                    "{} holds an earlier run ({}); --overwrite replaces it, --resume finishes it",
                    path.display(),
                    file.display()
                ));
            }
            begun(path).map_err(|error| {
                format!(
                    "{error}; --overwrite replaces only a run's folder: give another --out, or move {} away yourself",
                    file.display()
                )
            })?;
        }
        // The configuration last: until then this is a run's folder.
        ours.sort_by_key(|file| file.ends_with(CONFIG));
        for file in ours {
            std::fs::remove_file(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        std::fs::create_dir_all(path).map_err(|error| format!("cannot make the folder {}: {error}", path.display()))?;
        Self::writable(path.to_owned())
    }

    fn first_free(parent: &Path) -> Result<Self, String> {
        let failed =
            |path: &Path, error| format!("cannot make the folder {}: {error}; --out names another", path.display());
        std::fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        for n in 1_u32.. {
            let path = parent.join(format!("polynomial-{n}"));
            match std::fs::create_dir(&path) {
                Ok(()) => return Self::writable(path),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&path, error)),
            }
        }
        Err("no free folder name is left in runs".to_owned())
    }

    /// The folder of a run that was begun, with its configuration. `anew` are the options that begin another.
    pub(crate) fn open(path: &Path, anew: &str) -> Result<(Self, Config), String> {
        let config = begun_by_this_version(path, anew)?;
        Ok((Self::writable(path.to_owned())?, config))
    }

    /// The settings of the finished runs of a folder, if there are any; nothing is made or written. What was begun and
    /// never got so far is in nobody's way.
    pub(crate) fn settings(path: &Path, anew: &str) -> Result<Option<Config>, String> {
        if !path.join(CONFIG).exists() && !path.join(METRICS).exists() {
            return Ok(None);
        }
        let finished = path.join(METRICS).metadata().is_ok_and(|file| file.len() > 0);
        if finished { begun_by_this_version(path, anew).map(Some) } else { begun(path).map(|_| None) }
    }

    /// A folder that is made if need be; what stands there stays until it is written anew.
    pub(crate) fn at(path: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(path)
            .map_err(|error| format!("cannot make the folder {}: {error}; --out names another", path.display()))?;
        Self::writable(path.to_owned())
    }

    /// Finds out that nothing can be written before anything is computed.
    fn writable(path: PathBuf) -> Result<Self, String> {
        temporary(&path).map_err(|error| {
            format!("cannot write into the folder {}: {error}; --out names another", path.display())
        })?;
        Ok(Folder { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one file whole.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<(), String> {
        let target = self.path.join(name);
        let failed = |error: std::io::Error| format!("{}: {error}", target.display());
        let mut file = temporary(&self.path).map_err(failed)?;
        file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&target).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// The resolved configuration.
    pub(crate) fn write_config(&self, config: &Config) -> Result<(), String> {
        self.write(CONFIG, config.text()?.as_bytes())
    }

    /// All finished runs, in the order of the jobs.
    pub(crate) fn write_metrics(&self, jobs: &[Job], curves: &[Option<Curve>]) -> Result<(), String> {
        let mut text = Vec::new();
        for (job, curve) in jobs.iter().zip(curves) {
            let Some(curve) = curve else { continue };
            for (epoch, (loss, microseconds)) in (1..).zip(curve.loss.iter().zip(&curve.microseconds)) {
                let line = Line {
                    estimator: job.choice.spelled(),
                    power: job.power,
                    seed: job.seed,
                    epoch,
                    loss: *loss,
                    microseconds_per_step: *microseconds,
                };
                serde_json::to_writer(&mut text, &line).map_err(|error| error.to_string())?;
                text.push(b'\n');
            }
        }
        self.write(METRICS, &text)
    }

    /// Summary and pictures of a run that is done.
    pub(crate) fn write_results(&self, config: &Config, jobs: &[Job], curves: &[Curve]) -> Result<(), String> {
        self.write("summary.json", Report::new(config, jobs, curves).json()?.as_bytes())?;
        for power in &config.power {
            let power_of_several = (config.power.len() > 1).then_some(*power);
            self.write(&picture_name(power_of_several), plot::curves(config, *power, jobs, curves)?.as_bytes())?;
        }
        Ok(())
    }

    /// The runs that a folder's metrics.jsonl holds whole.
    pub(crate) fn read_metrics(path: &Path, config: &Config, jobs: &[Job]) -> Result<Vec<Option<Curve>>, String> {
        let path = path.join(METRICS);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let named = |(at, job): (usize, &Job)| ((job.choice.spelled(), job.power.to_bits(), job.seed), at);
        let places: HashMap<_, _> = jobs.iter().enumerate().map(named).collect();
        let mut curves = vec![Curve { loss: Vec::new(), microseconds: Vec::new() }; jobs.len()];
        for (number, line) in (1..).zip(text.lines()) {
            let line: Line =
                serde_json::from_str(line).map_err(|error| format!("{} line {number}: {error}", path.display()))?;
            let place = places.get(&(line.estimator, line.power.to_bits(), line.seed));
            if let Some(curve) = place.and_then(|at| curves.get_mut(*at)) {
                // Epochs in order, or the run counts as unfinished and is run again.
                if line.epoch as usize != curve.loss.len() + 1 {
                    curve.loss.clear();
                    curve.microseconds.clear();
                    continue;
                }
                curve.loss.push(line.loss);
                curve.microseconds.push(line.microseconds_per_step);
            }
        }
        let whole = |curve: Curve| (curve.loss.len() == config.epochs as usize).then_some(curve);
        Ok(curves.into_iter().map(whole).collect())
    }
}

/// A file under a name of its own, with the permissions that the user's files have.
fn temporary(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// The settings that the run of a folder was begun with.
fn begun(folder: &Path) -> Result<Config, String> {
    let file = folder.join(CONFIG);
    let config = Config::read(&file).map_err(|failure| failure.message)?;
    if config.version.is_empty() {
        return Err(format!("{}: no version stands there, so no run has written it", file.display()));
    }
    Ok(config)
}

/// The same, where this version goes on with it. `anew` are the options that begin another.
fn begun_by_this_version(path: &Path, anew: &str) -> Result<Config, String> {
    let config = begun(path)
        .and_then(Config::finish)
        .map_err(|error| format!("{error}; give the folder of a run that was begun, or another --out"))?;
    let (theirs, ours) = (&config.version, env!("CARGO_PKG_VERSION"));
    if theirs == ours {
        return Ok(config);
    }
    Err(format!(
        "{} was begun with version {theirs}, and this is version {ours}, whose results may differ; finish it with version \
         {theirs}, or begin anew with {anew}",
        path.display()
    ))
}

/// The picture of a power, or of the only one.
fn picture_name(power: Option<f32>) -> String {
    power.map_or_else(|| "curve.svg".to_owned(), |power| format!("curve-p{power}.svg"))
}

/// Files that a run writes, and so may replace.
fn is_ours(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let power = name.strip_prefix("curve-p").and_then(|rest| rest.strip_suffix(".svg")?.parse::<f32>().ok());
    let power = power.filter(|power| power.is_finite());
    [CONFIG, METRICS, "summary.json"].contains(&name) || name == picture_name(power)
}
