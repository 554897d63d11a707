//! The runs of a folder or of many, side by side: finished curves are kept and written now and then, Ctrl-C ends the
//! others after their epoch. A run that fails leaves the others alone; what cannot be written ends all.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use reinmax::Host;

use crate::folder::Folder;
use crate::progress::Progress;
use crate::task::{Done, Run, Task};
use crate::{Failure, interrupt, machine};

/// How often metrics.jsonl is brought up to date while runs go on.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// The runs of one folder.
pub(crate) struct Runs<'a, T: Task> {
    pub(crate) folder: Folder,
    config: &'a T,
    data: &'a T::Data,
    jobs: &'a [T::Job],
    /// For each job the number of its group, which differs in seeds only.
    groups: Vec<usize>,
    kept: Mutex<Kept<T>>,
}

/// What is known of them.
struct Kept<T: Task> {
    /// In the order of the jobs.
    curves: Vec<Option<Vec<T::Epoch>>>,
    /// How many are missing.
    left: usize,
    /// Of each group.
    left_of_group: Vec<usize>,
    /// Why runs failed.
    failed: Vec<String>,
    /// Whether the folder may lack something.
    unsaved: bool,
    /// When it was last written.
    saved: Instant,
}

impl<'a, T: Task> Runs<'a, T> {
    /// With the curves that the folder holds already.
    pub(crate) fn read(folder: Folder, config: &'a T, data: &'a T::Data, jobs: &'a [T::Job]) -> Result<Self, String> {
        let curves = Folder::read_metrics(folder.path(), config, jobs)?;
        let left = curves.iter().filter(|curve| curve.is_none()).count();
        let same = |a: &T::Job, b: &T::Job| T::group(a) == T::group(b);
        let groups: Vec<usize> =
            jobs.chunk_by(same).enumerate().flat_map(|(group, jobs)| jobs.iter().map(move |_| group)).collect();
        let mut left_of_group = vec![0; groups.last().map_or(0, |last| last + 1)];
        for (group, _) in groups.iter().zip(&curves).filter(|(_, curve)| curve.is_none()) {
            left_of_group[*group] += 1;
        }
        // Its results may be missing where its curves are not: a program can be killed between the two.
        let kept =
            Mutex::new(Kept { curves, left, left_of_group, failed: Vec::new(), unsaved: true, saved: Instant::now() });
        Ok(Runs { folder, config, data, jobs, groups, kept })
    }

    /// How many are not finished.
    pub(crate) fn left(&self) -> usize {
        self.kept().left
    }

    /// All runs that are finished.
    pub(crate) fn into_done(self) -> Vec<Done<T>> {
        let curves = std::mem::take(&mut self.kept().curves);
        self.jobs.iter().zip(curves).filter_map(|(job, epochs)| Some((*job, epochs?))).collect()
    }

    /// Which jobs have no curve yet.
    fn missing(&self) -> Vec<usize> {
        let curves = &self.kept().curves;
        (0..curves.len()).filter(|at| curves[*at].is_none()).collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Trains one; a curve that is cut short is dropped, and a run that fails is noted.
    fn finish_one(&self, at: usize, host: Host, progress: &Progress) -> Result<(), String> {
        if interrupt::stopped() {
            return Ok(());
        }
        let job = self.jobs[at];
        let go_on = || {
            progress.steps(1);
            !interrupt::stopped()
        };
        let run = Run { job, data: self.data, host, folder: &self.folder };
        let epochs = match self.config.train(run, go_on) {
            Ok(epochs) => epochs,
            Err(error) => {
                self.kept().failed.push(format!("{job}: {error}"));
                return Ok(());
            }
        };
        if epochs.len() < self.config.epochs() as usize {
            return Ok(());
        }
        if self.keep(at, epochs)? {
            progress.finished(&T::group(&job));
        }
        Ok(())
    }

    /// Keeps a finished curve, and now and then writes what there is: also a killed program can be resumed. Whether it
    /// was the last of its group.
    fn keep(&self, at: usize, epochs: Vec<T::Epoch>) -> Result<bool, String> {
        let mut kept = self.kept();
        kept.curves[at] = Some(epochs);
        kept.left -= 1;
        kept.left_of_group[self.groups[at]] -= 1;
        kept.unsaved = true;
        if kept.left == 0 || kept.saved.elapsed() >= SAVE_EVERY {
            self.save(&mut kept)?;
        }
        Ok(kept.left_of_group[self.groups[at]] == 0)
    }

    /// Writes the curves; a folder that is complete gets its results.
    fn save(&self, kept: &mut Kept<T>) -> Result<(), String> {
        self.folder.write_metrics::<T>(self.jobs, &kept.curves)?;
        if kept.left == 0 {
            let done: Vec<Done<T>> = self.jobs.iter().copied().zip(kept.curves.iter().flatten().cloned()).collect();
            self.config.write_results(self.data, &self.folder, &done)?;
        }
        (kept.unsaved, kept.saved) = (false, Instant::now());
        Ok(())
    }
}

/// Finishes all runs, over the cores. `go_on` says after an interruption or a failure how to go on.
pub(crate) fn finish<T: Task>(
    all: &[Runs<'_, T>],
    host: Host,
    threads: Option<u32>,
    progress: &Progress,
    go_on: &str,
) -> Result<(), Failure> {
    let left: Vec<_> = all.iter().flat_map(|runs| runs.missing().into_iter().map(move |at| (runs, at))).collect();
    // A large run that is alone has all threads; among several a kernel that waits for its parts could take up another
    // run.
    let alone = T::LARGE && left.len() == 1;
    let pool = machine::pool(threads, if alone { machine::cores() } else { left.len() })?;
    let host = if alone { host.with_threads(pool.current_num_threads()) } else { host };
    let one =
        |(runs, at): &(&Runs<'_, T>, usize)| runs.finish_one(*at, host, progress).inspect_err(|_| interrupt::stop());
    // One job at a time: jobs are long and of different lengths.
    let outcome = pool.install(|| left.par_iter().with_max_len(1).try_for_each(one));
    progress.clear();
    let saved = all.iter().try_for_each(|runs| {
        let mut kept = runs.kept();
        if kept.unsaved { runs.save(&mut kept) } else { Ok(()) }
    });
    // The first error is the one to tell.
    outcome.and(saved).map_err(Failure::error)?;
    let jobs: usize = all.iter().map(|runs| runs.jobs.len()).sum();
    let finished = jobs - all.iter().map(Runs::left).sum::<usize>();
    let failed: Vec<String> = all.iter().flat_map(|runs| std::mem::take(&mut runs.kept().failed)).collect();
    if let [first, others @ ..] = &failed[..] {
        let others =
            if others.is_empty() { String::new() } else { format!("; and {} other runs failed", others.len()) };
        return Err(Failure::error(format!("{first}{others}; {finished} of {jobs} runs are finished{go_on}")));
    }
    if finished == jobs {
        return Ok(());
    }
    Err(Failure::interrupted(format!("interrupted with {finished} of {jobs} runs finished{go_on}")))
}

/// The progress of jobs of so many epochs each.
pub(crate) fn progress(quiet: bool, jobs: usize, epochs: u32) -> Progress {
    let template = "{bar:40} {pos}/{len} epochs, {elapsed} (left: {eta})";
    Progress::new(!quiet, jobs as u64 * u64::from(epochs), template)
}
