//! `scalbotics`, the command line.
//!
//! **Boundary:** speaks only the public API; verbs that need the installation's keys exec `scalboticsd`.
//! **Invariant:** stdout is data only; progress, notes and errors go to stderr.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::allow_attributes,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice,
        reason = "tests may unwrap"
    )
)]

mod clock;
mod codes;
mod commands;
mod context;
mod failure;
mod issuer;
mod output;
mod session;
mod tree;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches as _;

use crate::failure::Failure;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|word| word == commands::agent::GUARD) {
        return commands::agent::guard();
    }
    let tree = tree::command();
    if let Some(words) = commands::handed_on(&tree, &arguments) {
        return ended(commands::exec(words), output::Format::Table);
    }
    let parsed = tree.try_get_matches_from(&arguments).and_then(|matches| tree::Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error, &arguments),
    };
    let format = cli.globals.output;
    cli.globals.color.apply();
    ended(run(cli), format)
}

fn ended(outcome: Result<(), Failure>, format: output::Format) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(format);
            failure.exit.into()
        }
    }
}

fn run(cli: tree::Cli) -> Result<(), Failure> {
    if let Some(done) = commands::offline(&cli) {
        return done;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal("the runtime does not start", &error))?;
    let wanted = cli.globals.progress() && !commands::is_stream(&cli.command);
    runtime.block_on(output::while_waiting(wanted, commands::online(cli)))
}
