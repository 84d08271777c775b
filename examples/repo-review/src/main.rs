//! Own tools for an agent that reviews a repository: `history` reads, `report` composes, `publish` has the one effect.
//!
//! Each is one short run: flags and JSON in, JSON out on standard output, reasons on standard error. None starts a shell
//! or opens a socket, so all of them work inside the process sandbox.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::allow_attributes,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests may unwrap"
    )
)]

mod arguments;
mod error;
mod history;
mod input;
mod ledger;
mod report;

use std::io::{self, Write as _};
use std::process::ExitCode;

use serde::Serialize;

use arguments::Command;
use error::Error;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            // Standard error may be closed; the exit code tells then.
            let _ = writeln!(io::stderr(), "repo-review: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run() -> Result<ExitCode, Error> {
    match Command::parse(std::env::args().skip(1))? {
        Command::History { repo, top } => print(&history::read(&repo, top)?),
        Command::Report => print(&report::compose(&input::read(io::stdin().lock())?)?),
        Command::Publish { ledger, key, linger } => {
            let entry = input::read(io::stdin().lock())?;
            print(&ledger::publish(&ledger, &key, &entry, linger)?)
        }
        Command::Published { ledger, key } => {
            let found = ledger::find(&ledger, &key)?;
            print(&found)?;
            // As `verify:` of a manifest wants it: 0 landed, 1 not landed.
            Ok(if found.found { ExitCode::SUCCESS } else { ExitCode::from(1) })
        }
    }
}

fn print(answer: &impl Serialize) -> Result<ExitCode, Error> {
    let text = serde_json::to_string(answer).map_err(Error::Encode)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(Error::Output)?;
    Ok(ExitCode::SUCCESS)
}
