//! One `scalbotics login` that runs, and the person who does what it says.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStderr, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use super::installation::Installation;
use crate::cargo;

/// A login that waits for its person; killed when it is dropped.
pub(super) struct Attempt {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

/// How a login ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The exit code.
    pub(super) code: i32,
    /// All that it said.
    pub(super) said: String,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _gone = self.child.kill();
            let _ended = self.child.wait();
        }
    }
}

impl Attempt {
    /// Begins a login; half a minute is enough for a person that is a program.
    pub(super) fn begin(installation: &Installation<'_>, context: &str, words: &[&str]) -> Result<Self> {
        let always = ["--context", context, "login", "--timeout", "40s"];
        let mut command = installation.scalbotics(&[&always, words].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start a login")?;
        let stderr = child.stderr.take().context("a login has no standard error")?;
        Ok(Self { child, stderr: BufReader::new(stderr), said: String::new() })
    }

    /// The address that the person is to open; what stands behind it in its line comes too.
    pub(super) fn address(&mut self) -> Result<(String, String)> {
        loop {
            let mut line = String::new();
            if self.stderr.read_line(&mut line).context("cannot read what a login says")? == 0 {
                bail!("the login ended before it said an address: {}", self.said);
            }
            self.said.push_str(&line);
            if let Some(at) = line.find("http://127.0.0.1:") {
                let (_, rest) = line.split_at(at);
                let (address, behind) = rest.trim_end().split_once(' ').unwrap_or((rest.trim_end(), ""));
                return Ok((address.to_owned(), behind.to_owned()));
            }
        }
    }

    /// Types a line.
    pub(super) fn types(&mut self, line: &str) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("a login has no standard input")?;
        writeln!(stdin, "{line}").context("a login does not read")
    }

    /// Waits for its end.
    pub(super) fn end(mut self) -> Result<Ended> {
        loop {
            let mut line = String::new();
            if self.stderr.read_line(&mut line).context("cannot read what a login says")? == 0 {
                break;
            }
            self.said.push_str(&line);
        }
        let code = self.child.wait().context("cannot wait for a login")?.code().context("a login was killed")?;
        Ok(Ended { code, said: std::mem::take(&mut self.said) })
    }
}

impl Ended {
    /// It went well.
    pub(super) fn well(self) -> Result<()> {
        ensure!(self.code == 0 && self.said.contains("logged in as "), "a login failed ({}): {}", self.code, self.said);
        Ok(())
    }

    /// It was refused with this exit code, and says these words.
    pub(super) fn refused(self, code: i32, words: &str) -> Result<()> {
        let fits = self.code == code && self.said.contains(words);
        ensure!(fits, "a login was to end with {code} and say `{words}`, and ended with {}: {}", self.code, self.said);
        Ok(())
    }
}

/// The person opens an address; answers what they see in the end.
pub(super) fn opens(installation: &Installation<'_>, person: &str, address: &str, more: &[&str]) -> Result<String> {
    cargo::output(&mut installation.node.script("person.mjs", &[&[person, address], more].concat()))
}
