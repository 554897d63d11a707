//! Progress on stderr.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar. It draws nothing where stderr is no terminal, or where it is not shown.
pub(crate) fn bar(shown: bool, steps: u64, template: &str) -> ProgressBar {
    if !shown {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(steps).with_style(style)
}

/// A line, unless all is to be quiet.
pub(crate) fn say(quiet: bool, line: &str) {
    if !quiet {
        eprintln!("{line}");
    }
}
