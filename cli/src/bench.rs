//! `bench`: what each kernel and one training step cost on this machine, beside the cost of copying memory.
//!
//! All measurements of a shape are interleaved: a round times each of them once, so that a busy machine slows all
//! alike, and the median over rounds is reported.

mod kernels;
mod polynomial;
mod tape;
mod timing;

use reinmax::{Host, Level, Numerics};
use serde::Serialize;

use crate::args::{BenchArgs, BenchFormat, BenchSubject};
use crate::{Failure, machine, print};

pub(crate) use kernels::names as kernel_names;
use timing::Timing;

/// What `--format json` prints.
#[derive(Serialize)]
struct Report {
    machine: Machine,
    results: Vec<Measurement>,
}

#[derive(Serialize)]
struct Machine {
    cpu: String,
    cores: usize,
    arch: &'static str,
    os: &'static str,
    levels: Vec<&'static str>,
    version: &'static str,
}

/// One measurement: what ran, on what, and what it took.
#[derive(Serialize)]
struct Measurement {
    kernel: String,
    /// rows x k; `linear` has `cols` too: (rows x k) times (k x cols).
    rows: usize,
    k: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    cols: Option<usize>,
    level: &'static str,
    numerics: &'static str,
    threads: usize,
    /// The median.
    ns_per_element: f64,
    min: f64,
    median: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    gflops: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    microseconds_per_step: Option<f64>,
}

impl Measurement {
    /// `elements` in a call that took `timing`.
    fn new(kernel: String, (rows, k): (usize, usize), host: &Host, timing: Timing) -> Self {
        let per_element = |nanoseconds: f64| nanoseconds / (rows * k) as f64;
        let median = per_element(timing.median);
        Measurement {
            kernel,
            rows,
            k,
            cols: None,
            level: host.level().name(),
            numerics: host.numerics().name(),
            threads: host.threads(),
            ns_per_element: median,
            min: per_element(timing.min),
            median,
            gflops: None,
            microseconds_per_step: None,
        }
    }
}

/// Measures as the command line says.
pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    let levels = hosts(&args.level)?;
    let numerics = args.numerics.iter().map(|name| Numerics::from(*name));
    let hosts: Vec<Host> = numerics
        .flat_map(|n| levels.iter().map(move |host| host.with_numerics(n)))
        .flat_map(|host| args.threads.iter().map(move |threads| host.with_threads(usize::from(*threads))))
        .collect();
    let subject = subject(args).map_err(Failure::usage)?;
    let mut results = Vec::new();
    if subject != Some(BenchSubject::Polynomial) {
        results.extend(kernels::measure(args, &hosts)?);
        if (args.kernel.is_empty() && args.shape.is_empty()) || args.kernel.iter().any(|name| name == "tape") {
            results.extend(tape::measure_tape(args, &hosts).map_err(|error| Failure::error(error.to_string()))?);
        }
    }
    if subject != Some(BenchSubject::Kernels) {
        results.extend(polynomial::measure(args, &hosts)?);
    }
    let report = Report { machine: Machine::this(), results };
    let text = match args.format {
        BenchFormat::Json => serde_json::to_string(&report).map_err(|error| Failure::error(error.to_string()))? + "\n",
        BenchFormat::Human => report.table(),
    };
    print(&text).map_err(Failure::error)
}

/// What is to be measured; none is both. Refuses options that do not go together.
fn subject(args: &BenchArgs) -> Result<Option<BenchSubject>, String> {
    let option = match (args.kernel.first(), args.shape.first()) {
        (Some(kernel), _) => format!("--kernel {kernel}"),
        (None, Some((rows, k))) => format!("--shape {rows}x{k}"),
        (None, None) => return Ok(args.subject),
    };
    if args.subject == Some(BenchSubject::Polynomial) {
        return Err(format!("{option} does not go with polynomial: it is for kernels; leave one of the two out"));
    }
    kernels::check(args)?;
    Ok(Some(BenchSubject::Kernels))
}

/// The levels asked for: the widest where none is named.
fn hosts(names: &[String]) -> Result<Vec<Host>, Failure> {
    if names.is_empty() {
        return Ok(vec![machine::host()?]);
    }
    let mut hosts = Vec::new();
    for name in names {
        let wrong = |error| Failure::usage(format!("--level: {error}"));
        let levels = if name == "all" { Level::available() } else { vec![name.parse().map_err(wrong)?] };
        for level in levels {
            hosts.push(Host::new(level).map_err(wrong)?);
        }
    }
    Ok(hosts)
}

impl Machine {
    fn this() -> Self {
        Machine {
            cpu: cpu_name().unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            arch: std::env::consts::ARCH,
            os: std::env::consts::OS,
            levels: Level::available().into_iter().map(Level::name).collect(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// The processor's name, where the system says it in a file.
fn cpu_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

impl Report {
    /// A line for each measurement.
    fn table(&self) -> String {
        let machine = &self.machine;
        let mut text = format!("{}, {} cores, {}\n", machine.cpu, machine.cores, machine.levels.join(" "));
        let width = self.results.iter().map(|m| m.kernel.len()).fold("kernel".len(), usize::max);
        text += &format!(
            "{:<width$} {:>14}  {:<8} {:<8} {:>7} {:>12} {:>12}\n",
            "kernel", "shape", "level", "numerics", "threads", "ns/element", "min"
        );
        for m in &self.results {
            let shape = match m.cols {
                Some(cols) => format!("{}x{}x{cols}", m.rows, m.k),
                None => format!("{}x{}", m.rows, m.k),
            };
            let extra = match (m.gflops, m.microseconds_per_step) {
                (Some(gflops), _) => format!("  {gflops:.1} GFLOP/s"),
                (_, Some(step)) => format!("  {step:.1} us a step"),
                _ => String::new(),
            };
            text += &format!(
                "{:<width$} {shape:>14}  {:<8} {:<8} {:>7} {:>12.4} {:>12.4}{extra}\n",
                m.kernel, m.level, m.numerics, m.threads, m.median, m.min
            );
        }
        text
    }
}
