//! What the program prints: data on stdout, errors in four parts on stderr.

use std::io::Write as _;
use std::process::ExitCode;

use scalbotics_core::in_words;

use crate::{StartError, setup};

/// Prints data.
pub(super) fn print(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Says on stderr why the program ends, in four parts.
pub(super) fn fail(error: &StartError) -> ExitCode {
    say(&error.report())
}

/// Says why a verb that makes an installation ends.
pub(super) fn fail_setup(error: &setup::Error) -> ExitCode {
    match error.why() {
        Some(why) => say(&report(error.code(), error, &why, error.next())),
        None => fail_as(error.code(), error, error.next()),
    };
    ExitCode::from(error.exit())
}

/// Says why the program ends, under a code.
pub(super) fn fail_as(code: &str, error: &dyn std::error::Error, next: impl std::fmt::Display) -> ExitCode {
    let why = error.source().map_or_else(|| error.to_string(), in_words);
    say(&report(code, error, &why, next))
}

/// An error in its four parts.
pub(crate) fn report(code: &str, what: &dyn std::fmt::Display, why: &str, next: impl std::fmt::Display) -> String {
    format!("error: {what} [{code}]\n  why: {why}\n next: {next}\n  ref: docs: errors/{code}")
}

fn say(report: &str) -> ExitCode {
    let _closed = writeln!(std::io::stderr().lock(), "{report}");
    ExitCode::FAILURE
}
