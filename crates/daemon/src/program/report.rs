//! What the program prints: data on stdout, errors in four parts on stderr, as JSON where JSON was asked for.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::OnceLock;

use scalbotics_core::in_words;
use serde_json::json;

use super::Format;
use crate::{StartError, setup};

/// What a program exits with that failed.
const FAILED: u8 = 1;

/// The format that was asked for; nothing has to be told before the arguments are read.
static FORMAT: OnceLock<Format> = OnceLock::new();

/// Tells errors in this format from now on; the first word counts.
pub(crate) fn speak(format: Format) {
    let _told_before = FORMAT.set(format);
}

/// Prints data.
pub(super) fn print(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads no more is told nothing.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            let next = "write to a place with free space, or through a pipe that is read".to_owned();
            say(&Told { code: "CLI_STDOUT", what: "cannot write to stdout".to_owned(), why: error.to_string(), next }, FAILED)
        }
    }
}

/// Says on stderr why the program ends, in four parts.
pub(super) fn fail(error: &StartError) -> ExitCode {
    say(&Told { code: error.code().name(), what: error.to_string(), why: error.why(), next: error.next_step() }, FAILED)
}

/// Says why a verb that makes an installation ends.
pub(super) fn fail_setup(error: &setup::Error) -> ExitCode {
    let why = error.why().unwrap_or_else(|| why_of(error));
    say(&Told { code: error.code(), what: error.to_string(), why, next: error.next().to_owned() }, error.exit())
}

/// Says why the program ends, under a code.
pub(super) fn fail_as(code: &str, error: &dyn std::error::Error, next: impl std::fmt::Display) -> ExitCode {
    say(&Told { code, what: error.to_string(), why: why_of(error), next: next.to_string() }, FAILED)
}

fn why_of(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), in_words)
}

/// Why the program ends, as the command line tells it, too.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    /// The code, with a page in the docs.
    pub(crate) code: &'a str,
    /// What was attempted on what.
    pub(crate) what: String,
    /// Why.
    pub(crate) why: String,
    /// The next step.
    pub(crate) next: String,
}

impl Told<'_> {
    /// The four parts, for people.
    pub(crate) fn text(&self) -> String {
        let Self { code, what, why, next } = self;
        format!("error: {what} [{code}]\n  why: {why}\n next: {next}\n  ref: docs: errors/{code}")
    }

    /// The same for programs: the object that `scalbotics -o json` prints.
    fn json(&self, exit: u8) -> String {
        let Self { code, what, why, next } = self;
        let docs = format!("errors/{code}");
        let error = json!({ "what": what, "code": code, "why": why, "next": next, "ref": "", "docs": docs, "exit": exit });
        json!({ "error": error }).to_string()
    }
}

/// Says why the program ends; answers how.
pub(crate) fn say(told: &Told<'_>, exit: u8) -> ExitCode {
    let text = match FORMAT.get() {
        Some(Format::Json) => told.json(exit),
        Some(Format::Table) | None => told.text(),
    };
    let _closed = writeln!(std::io::stderr().lock(), "{text}");
    ExitCode::from(exit)
}
