//! `scalbotics`, the command line.
//!
//! **Boundary:** speaks only the public API; verbs that need the installation's keys exec `scalboticsd`.
//! **Invariant:** stdout is data only; progress, notes and errors go to stderr.
#![forbid(unsafe_code)]

mod clock;
mod commands;
mod context;
mod failure;
mod output;
mod session;
mod tree;

use std::process::ExitCode;

use clap::Parser as _;

use crate::failure::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = tree::Cli::parse();
    let globals = cli.globals.clone();
    globals.color.apply();
    let outcome = run(cli);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(globals.output);
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
    runtime.block_on(commands::online(cli))
}
