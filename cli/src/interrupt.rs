//! Ctrl-C: the first one asks all runs to stop after their epoch, the second ends the program.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of what was interrupted.
pub(crate) const CODE: u8 = 130;

static STOP: AtomicBool = AtomicBool::new(false);

/// Asks all runs to stop after their epoch.
pub(crate) fn stop() {
    STOP.store(true, Ordering::Relaxed);
}

/// Whether runs should stop.
pub(crate) fn stopped() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// Listens for Ctrl-C from here on.
pub(crate) fn listen() {
    let mut again = false;
    let handler = move || {
        if again {
            // Files are written under temporary names and renamed, so that none is half there.
            std::process::exit(i32::from(CODE));
        }
        again = true;
        stop();
        // On a line of its own: a progress bar and the terminal's ^C stand in this one. Where stderr is gone, nobody
        // reads.
        let _ = writeln!(
            std::io::stderr(),
            "\nreinmax-cli: stopping after this epoch, what is done is kept; press Ctrl-C again to stop now"
        );
    };
    // Where there is a handler already, Ctrl-C simply ends the program.
    let _ = ctrlc::set_handler(handler);
}
