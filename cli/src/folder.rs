//! A run's folder: its configuration, the metrics of every finished run, a summary, pictures, models. Every file is
//! written under a temporary name, synced and renamed, so none is ever half there. While a process writes there the
//! folder is locked, where the system can lock one.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::settings;
use crate::task::Task;

/// The file of a run's settings.
const CONFIG: &str = "config.toml";
/// The file of the finished runs.
const METRICS: &str = "metrics.jsonl";

/// What the names of temporary files begin with.
const TEMPORARY: &str = ".reinmax-";

/// Where a run writes.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The lock, for as long as this lives.
    _lock: Option<File>,
}

/// A line of metrics.jsonl: one epoch of one run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
struct Line<T: Task> {
    #[serde(flatten)]
    job: T::Job,
    epoch: u32,
    #[serde(flatten)]
    values: T::Epoch,
}

impl Folder {
    /// `--out`, or the first free `runs/TASK-N`; never an earlier run unless it is to be replaced.
    pub(crate) fn create<T: Task>(out: Option<&Path>, overwrite: bool) -> Result<Self, String> {
        let Some(path) = out else { return Self::first_free(Path::new("runs"), T::NAME) };
        let name = |error| format!("{}: {error}", path.display());
        let mut ours = Vec::new();
        if path.is_dir() {
            for entry in std::fs::read_dir(path).map_err(name)? {
                ours.push(entry.map_err(name)?.path());
            }
            ours.retain(|file| is_ours::<T>(file));
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
            begun::<T>(path).map_err(|error| {
                format!(
                    "{error}; --overwrite replaces only a run's folder: give another --out, or move {} away yourself",
                    file.display()
                )
            })?;
        }
        let folder = path.is_dir().then(|| Folder { path: path.to_owned(), _lock: None }.locked()).transpose()?;
        // The configuration last: until then this is a run's folder.
        ours.sort_by_key(|file| file.ends_with(CONFIG));
        for file in ours {
            std::fs::remove_file(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        std::fs::create_dir_all(path).map_err(|error| format!("cannot make the folder {}: {error}", path.display()))?;
        match folder {
            Some(folder) => Self::writable(path.to_owned()).map(|_| folder),
            None => Self::writable(path.to_owned())?.locked(),
        }
    }

    fn first_free(parent: &Path, task: &str) -> Result<Self, String> {
        let failed =
            |path: &Path, error| format!("cannot make the folder {}: {error}; --out names another", path.display());
        std::fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        for n in 1_u32.. {
            let path = parent.join(format!("{task}-{n}"));
            match std::fs::create_dir(&path) {
                Ok(()) => return Self::writable(path)?.locked(),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&path, error)),
            }
        }
        Err("no free folder name is left in runs".to_owned())
    }

    /// The folder of a run that was begun, with its configuration. `anew` are the options that begin another.
    pub(crate) fn open<T: Task>(path: &Path, anew: &str) -> Result<(Self, T), String> {
        let config = begun_by_this_version(path, anew)?;
        Ok((Self::writable(path.to_owned())?.locked()?, config))
    }

    /// The settings of the finished runs of a folder, if there are any; nothing is made or written. What was begun and
    /// never got so far is in nobody's way.
    pub(crate) fn settings<T: Task>(path: &Path, anew: &str) -> Result<Option<T>, String> {
        if !path.join(CONFIG).exists() && !path.join(METRICS).exists() {
            return Ok(None);
        }
        let finished = path.join(METRICS).metadata().is_ok_and(|file| file.len() > 0);
        if finished { begun_by_this_version(path, anew).map(Some) } else { begun::<T>(path).map(|_| None) }
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
        Ok(Folder { path, _lock: None })
    }

    /// The folder for this process alone; what killed ones left half-written is removed.
    pub(crate) fn locked(self) -> Result<Self, String> {
        // A folder can be opened and locked on Unix; where it cannot, two processes are the user's to keep apart.
        let lock = File::open(&self.path).ok();
        if let Some(Err(TryLockError::WouldBlock)) = lock.as_ref().map(File::try_lock) {
            return Err(format!(
                "{}: another process is running there; wait for it, or give another --out",
                self.path.display()
            ));
        }
        for entry in std::fs::read_dir(&self.path).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                // One that cannot be removed is in nobody's way.
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(Folder { _lock: lock, ..self })
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
    pub(crate) fn write_config<T: Task>(&self, config: &T) -> Result<(), String> {
        self.write(CONFIG, settings::text(config)?.as_bytes())
    }

    /// All finished runs, in the order of the jobs.
    pub(crate) fn write_metrics<T: Task>(
        &self,
        jobs: &[T::Job],
        curves: &[Option<Vec<T::Epoch>>],
    ) -> Result<(), String> {
        let mut text = Vec::new();
        for (job, epochs) in jobs.iter().zip(curves) {
            for (epoch, values) in (1..).zip(epochs.iter().flatten()) {
                let line = Line::<T> { job: *job, epoch, values: *values };
                serde_json::to_writer(&mut text, &line).map_err(|error| error.to_string())?;
                text.push(b'\n');
            }
        }
        self.write(METRICS, &text)
    }

    /// The runs that a folder's metrics.jsonl holds whole.
    pub(crate) fn read_metrics<T: Task>(
        path: &Path,
        config: &T,
        jobs: &[T::Job],
    ) -> Result<Vec<Option<Vec<T::Epoch>>>, String> {
        let path = path.join(METRICS);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let places: HashMap<_, _> = jobs.iter().enumerate().map(|(at, job)| (job.to_string(), at)).collect();
        let mut curves = vec![Vec::new(); jobs.len()];
        for (number, line) in (1..).zip(text.lines()) {
            let line: Line<T> =
                serde_json::from_str(line).map_err(|error| format!("{} line {number}: {error}", path.display()))?;
            let place = places.get(&line.job.to_string());
            if let Some(epochs) = place.and_then(|at| curves.get_mut(*at)) {
                // Epochs in order, or the run counts as unfinished and is run again.
                if line.epoch as usize == epochs.len() + 1 {
                    epochs.push(line.values);
                } else {
                    epochs.clear();
                }
            }
        }
        let whole = |epochs: Vec<_>| (epochs.len() == config.epochs() as usize).then_some(epochs);
        Ok(curves.into_iter().map(whole).collect())
    }
}

/// A file under a name of its own, with the permissions that the user's files have.
fn temporary(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// The settings that the run of a folder was begun with.
fn begun<T: Task>(folder: &Path) -> Result<T, String> {
    let file = folder.join(CONFIG);
    let config: T = settings::read(&file).map_err(|failure| failure.message)?;
    if config.version().is_empty() {
        return Err(format!("{}: no version stands there, so no run has written it", file.display()));
    }
    Ok(config)
}

/// The same, where this version goes on with it. `anew` are the options that begin another.
fn begun_by_this_version<T: Task>(path: &Path, anew: &str) -> Result<T, String> {
    let config =
        begun(path).and_then(T::finish).map_err(|error| format!("{error}; give the folder of a run that was begun"))?;
    let (theirs, ours) = (config.version(), env!("CARGO_PKG_VERSION"));
    if theirs == ours {
        return Ok(config);
    }
    Err(format!(
        "{} was begun with version {theirs}, and this is version {ours}, whose results may differ; finish it with version \
         {theirs}, or begin anew with {anew}",
        path.display()
    ))
}

/// Whether a run may have written this file, and so may replace it.
fn is_ours<T: Task>(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("");
    [CONFIG, METRICS].contains(&name) || T::is_result(name)
}
