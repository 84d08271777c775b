//! Integration tests of the sandbox, from outside, and of model servers over loopback.
//!
//! This program plays four parts beside the test runner, by its first argument: the sandbox's helpers (as the daemon does), a
//! tool that misbehaves on demand, a daemon that is killed, and the check of a real model server.
#![forbid(unsafe_code)]
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests may unwrap"
)]

mod calls;
mod confinement;
mod endings;
mod fetch;
mod fixture;
mod hostile;
mod models;
mod pinned;
mod port;
mod program;
mod ready;
mod real;
mod tool;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use scalbotics_adapters::tool::process::{SUBCOMMAND, sandbox_main};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next().as_deref().and_then(|part| part.to_str()) {
        Some(SUBCOMMAND) => sandbox_main(args),
        Some(fixture::TOOL) => tool::main(&args.map(|arg| arg.into_string().unwrap()).collect::<Vec<_>>()),
        Some(fixture::DRIVER) => endings::driver(&args.map(|arg| arg.into_string().unwrap()).collect::<Vec<_>>()),
        Some(ready::READY_DRIVER) => ready::driver(&args.map(|arg| arg.into_string().unwrap()).collect::<Vec<_>>()),
        Some(real::REAL) => real::main(&args.map(|arg| arg.into_string().unwrap()).collect::<Vec<_>>()),
        Some(_) | None => {
            let trials = confinement::TESTS
                .iter()
                .chain(endings::TESTS)
                .chain(ready::TESTS)
                .chain(calls::TESTS)
                .chain(pinned::TESTS)
                .chain(models::TESTS)
                .chain(hostile::TESTS)
                .chain(fetch::TESTS)
                .chain(program::TESTS);
            let trials = trials
                .map(|(name, test)| {
                    Trial::test(*name, || {
                        test();
                        Ok(())
                    })
                })
                .collect();
            libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
        }
    }
}
