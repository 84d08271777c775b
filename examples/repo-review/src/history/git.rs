//! Asking git about a repository that nobody vouches for: nothing of its configuration may start a program.

use std::io::BufReader;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::error::Error;

/// Where git is; a search path could be another's choice.
const PROGRAMS: [&str; 3] = ["/usr/bin/git", "/usr/local/bin/git", "/bin/git"];

/// Settings that override the repository's own: no hooks, no watchers, no signature program, no transport, no attributes from
/// elsewhere, and answers that do not depend on it. The two windows keep a large pack within the memory limit.
const SETTINGS: [&str; 11] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.commitGraph=false",
    "core.packedGitWindowSize=32m",
    "core.packedGitLimit=256m",
    "log.showSignature=false",
    "log.showRoot=true",
    "log.mailmap=false",
    "protocol.allow=never",
    "diff.ignoreSubmodules=all",
];

/// The whole environment.
const ENVIRONMENT: [(&str, &str); 8] = [
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("HOME", "/nonexistent"),
    ("LC_ALL", "C"),
];

/// git, asked one thing.
#[derive(Debug)]
pub(super) struct Question {
    asked: &'static str,
    child: Child,
}

impl Question {
    /// Starts git at the repository; its complaints go to standard error.
    ///
    /// # Errors
    /// [`Error::Git`] when there is no git.
    pub(super) fn ask(repo: &Path, asked: &'static str, arguments: &[&str]) -> Result<(Self, BufReader<ChildStdout>), Error> {
        let refused = |reason: String| Error::Git { asked, reason };
        let program = PROGRAMS.iter().find(|program| Path::new(program).is_file());
        let program = program.ok_or_else(|| refused(format!("none of {} is there", PROGRAMS.join(", "))))?;
        let mut command = Command::new(program);
        command.args(["--no-pager", "--no-replace-objects", "--literal-pathspecs"]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        // The folder was given by name, so whose it is does not matter; and no folder above it is looked at.
        command.arg("-c").arg(format!("safe.directory={}", repo.display()));
        command.arg("-C").arg(repo).args(arguments).env_clear().envs(ENVIRONMENT);
        if let Some(parent) = repo.parent() {
            command.env("GIT_CEILING_DIRECTORIES", parent);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().map_err(|error| refused(error.to_string()))?;
        let out = child.stdout.take().ok_or_else(|| refused("its output is not there".to_owned()))?;
        Ok((Self { asked, child }, BufReader::new(out)))
    }

    /// Waits for the end of an answer that was read whole.
    ///
    /// # Errors
    /// [`Error::Git`] when git failed.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let refused = |reason: String| Error::Git { asked: self.asked, reason };
        let status = self.child.wait().map_err(|error| refused(error.to_string()))?;
        if status.success() { Ok(()) } else { Err(refused(format!("it ended with {status}"))) }
    }
}

impl Drop for Question {
    /// Ends a git whose answer is not read on.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
