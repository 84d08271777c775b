//! The `git` program, for what our library does not do.

use std::process::{Command, Stdio};

/// A call of the `git` program that is found in `programs` (directories as in `PATH`): it reads no configuration of the machine or of
/// anybody's home, asks nobody anything, and hears nothing.
pub(super) fn program(programs: &str) -> Command {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", programs).env("HOME", "/nonexistent");
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_ASKPASS", "/bin/false");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.stdin(Stdio::null());
    command
}
