//! `compare polynomial`: every estimator at every temperature, one run folder for each. What is done stays done: the
//! same command again goes on, and then has nothing left to do.

use std::path::PathBuf;
use std::str::FromStr;

use reinmax::Host;

use super::args::{Format, SweepArgs};
use super::table;
use crate::estimators::Choice;
use crate::folder::Folder;
use crate::jobs::{self, Runs};
use crate::polynomial::config::Config;
use crate::polynomial::{Job, picture};
use crate::progress::say;
use crate::task::{Done, Task};
use crate::{Failure, interrupt, machine, print, settings};

/// An estimator at a temperature: a folder below --out, with a run for each seed.
pub(crate) struct Member {
    pub(crate) choice: Choice,
    pub(crate) config: Config,
    pub(crate) jobs: Vec<Job>,
    path: PathBuf,
}

/// Runs the sweep, or this shard's part of it, as the command line says.
pub(crate) fn polynomial(args: &SweepArgs) -> Result<(), Failure> {
    let host = machine::host()?;
    let (shard, shards) = shard(&args.shard).map_err(Failure::usage)?;
    let members = members(args).map_err(Failure::usage)?;
    // All of them before any is made: a refusal leaves nothing behind.
    members.iter().try_for_each(Member::check).map_err(Failure::error)?;
    interrupt::listen();
    let out = Folder::at(&args.out).map_err(Failure::error)?;
    let mine: Vec<&Member> = members.iter().skip(shard).step_by(shards).collect();
    run(args, host, &mine)?;
    finish(args, &members, &out).map_err(Failure::error)
}

/// `I/N`, I from 1: I - 1 and N.
fn shard(text: &str) -> Result<(usize, usize), String> {
    let numbers: Option<(usize, usize)> =
        text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match numbers {
        Some((i, n)) if (1..=n).contains(&i) => Ok((i - 1, n)),
        _ => Err(format!("--shard {text}: give I/N with I from 1 to N, as in 2/8")),
    }
}

/// Every estimator with every temperature; an estimator without one has one folder.
fn members(args: &SweepArgs) -> Result<Vec<Member>, String> {
    let given: Vec<Choice> = if args.estimator.is_empty() {
        let (all, left_out) = Choice::all(&[args.categories as usize], Some(args.batch as usize));
        left_out.iter().for_each(|line| say(args.quiet, line));
        all
    } else {
        args.estimator.iter().map(|name| Choice::from_str(name)).collect::<Result<_, _>>()?
    };
    let mut members: Vec<Member> = Vec::new();
    for choice in given {
        for tau in &args.tau {
            let config = Config {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                estimator: vec![choice.spelled()],
                power: vec![args.power],
                latents: args.latents,
                categories: args.categories,
                batch: args.batch,
                epochs: args.epochs,
                steps_per_epoch: args.steps_per_epoch,
                lr: args.lr,
                target: args.target,
                seeds: args.seeds.clone(),
                tau: *tau,
                ..Config::default()
            };
            let mut config = config.finish()?;
            let jobs = config.jobs()?;
            let choice = choice.with_defaults(*tau);
            // The temperature stands in the estimator's own parameters; this one would only tell equal runs apart.
            config.tau = 1.0;
            if !members.iter().any(|member| member.choice == choice) {
                let path = args.out.join(choice.file_stem());
                members.push(Member { choice, config, jobs, path });
            }
        }
    }
    if members.is_empty() {
        return Err("there must be at least one estimator and one tau".to_owned());
    }
    Ok(members)
}

impl Member {
    /// Refuses a folder with runs of other settings; seeds may be added. Makes and writes nothing.
    fn check(&self) -> Result<(), String> {
        let Some(begun) = Folder::settings::<Config>(&self.path, "another --out")? else { return Ok(()) };
        let begun = settings::with_more_seeds(&begun, &self.config.seeds).unwrap_or(begun);
        match settings::differences(&begun, &self.config)? {
            none if none.is_empty() => Ok(()),
            differences => {
                Err(format!("{} was begun with {differences}; give the same, or another --out", self.path.display()))
            }
        }
    }

    /// Opens the folder, or begins it.
    fn runs(&self) -> Result<Runs<'_, Config>, String> {
        let folder = Folder::at(&self.path)?.locked()?;
        folder.write_config(&self.config)?;
        Runs::read(folder, &self.config, &(), &self.jobs)
    }

    /// The runs of a folder that is done.
    fn done(&self) -> Result<Option<Vec<Done<Config>>>, String> {
        self.check()?;
        let curves = Folder::read_metrics(&self.path, &self.config, &self.jobs)?;
        Ok(self.jobs.iter().zip(curves).map(|(job, epochs)| Some((*job, epochs?))).collect())
    }
}

/// Runs what is left of these members.
fn run(args: &SweepArgs, host: Host, members: &[&Member]) -> Result<(), Failure> {
    let all = members.iter().map(|member| member.runs()).collect::<Result<Vec<_>, _>>().map_err(Failure::error)?;
    let left = all.iter().map(Runs::left).sum();
    if left == 0 {
        let jobs: usize = members.iter().map(|member| member.jobs.len()).sum();
        say(args.quiet, &format!("nothing left to do: all {jobs} runs are done"));
    }
    let progress = jobs::progress(args.quiet, left, args.epochs);
    let go_on = format!(" in {}; the same command goes on", args.out.display());
    jobs::finish(&all, host, args.threads, &progress, &go_on)
}

/// The table and the picture, once every folder is done (by this shard or by others).
fn finish(args: &SweepArgs, members: &[Member], out: &Folder) -> Result<(), String> {
    let mut done = Vec::new();
    for member in members {
        if let Some(runs) = member.done()? {
            done.push((member, runs));
        }
    }
    if done.len() < members.len() {
        let (done, all) = (done.len(), members.len());
        say(args.quiet, &format!("{done} of {all} folders are done; the results come with the last shard"));
        return Ok(());
    }
    let rows = table::rows(&done);
    let chosen = rows.iter().zip(&done).filter(|(row, _)| row.chosen);
    let chosen: Vec<_> = chosen.flat_map(|(_, (_, runs))| runs.iter().cloned()).collect();
    if let Some(member) = members.first() {
        let picture = picture::curves(&member.config, args.power, &chosen)?;
        out.write("comparison.svg", picture.as_bytes())?;
    }
    let json = table::json(&rows)? + "\n";
    out.write("comparison.json", json.as_bytes())?;
    print(&match args.format {
        Format::Human => table::human(&rows),
        Format::Json => json,
        Format::Csv => table::csv(&rows),
        Format::Markdown => table::markdown(&rows),
    })
}
