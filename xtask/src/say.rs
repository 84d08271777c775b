//! What xtask prints. One place, so that a closed pipe ends the output and not the program.

use std::io::Write as _;

/// Prints one line on standard output. A reader that went away is not an error.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").is_ok() {
        let _ = out.flush();
    }
}
