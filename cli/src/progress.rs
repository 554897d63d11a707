//! Progress and other lines on stderr.

use std::io::Write;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on a terminal, and elsewhere a line for each part that is finished; or nothing at all.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    lines: bool,
}

impl Progress {
    /// Of so many steps. It says nothing where it is not shown.
    pub(crate) fn new(shown: bool, steps: u64, template: &str) -> Self {
        if !shown {
            return Progress { bar: ProgressBar::hidden(), lines: false };
        }
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(steps).with_style(style);
        // Bars hide themselves where stderr is no terminal.
        Progress { lines: bar.is_hidden(), bar }
    }

    pub(crate) fn steps(&self, steps: u64) {
        self.bar.inc(steps);
    }

    /// What is being done, beside the bar.
    pub(crate) fn now(&self, part: String) {
        self.bar.set_message(part);
    }

    /// A line in place of the bar.
    pub(crate) fn finished(&self, part: &str) {
        if self.lines {
            let all = self.bar.length().unwrap_or(0).max(1);
            line(&format!("{part}: done, {} % of all", 100 * self.bar.position() / all));
        }
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Whoever closed stderr does not want it; the results are wanted all the same.
fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A line, unless all is to be quiet.
pub(crate) fn say(quiet: bool, line: &str) {
    if !quiet {
        self::line(line);
    }
}
