//! Commands as a person would type them, and what they really print.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::say;

/// Characters of a line that are shown; arguments of a call can be long.
const LINE_CHARS_MAX: usize = 150;

/// Runs commands in one environment.
#[derive(Debug)]
pub(super) struct Shell {
    programs: PathBuf,
    environment: Vec<(&'static str, PathBuf)>,
}

/// A command that ended.
#[derive(Debug)]
pub(super) struct Ran {
    /// Its exit code; -1 after a signal.
    pub(super) code: i32,
    /// Everything that it printed, standard error too.
    pub(super) text: String,
}

impl Shell {
    /// `programs` is the folder of ours; git and others come from the search path.
    pub(super) fn new(programs: PathBuf, environment: Vec<(&'static str, PathBuf)>) -> Self {
        Self { programs, environment }
    }

    /// A command of ours, or another's, in the environment of the demonstration.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let (program, arguments) = words.split_first().map_or(("", [].as_slice()), |(program, rest)| (*program, rest));
        let ours = ["scalbotics", "scalboticsd", "repo-review"].contains(&program);
        let mut command = if ours { Command::new(self.programs.join(program)) } else { Command::new(program) };
        command.args(arguments).stdin(Stdio::null()).env("NO_COLOR", "1");
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    /// Prints the command, runs it, and prints what it says as it says it: the first `lines` lines, the last
    /// one, and how many were between.
    pub(super) fn show(&self, words: &[&str], lines: usize) -> Result<Ran> {
        say::line(&format!("$ {}", typed(words)));
        let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
        let mut command = self.command(words);
        command.stdout(writer.try_clone().context("cannot share a pipe")?).stderr(writer);
        let mut child = command.spawn().with_context(|| format!("cannot start `{}`", typed(words)))?;
        // The command holds the pipe's other end, which must close for the output to end.
        drop(command);
        let (mut text, mut count) = (String::new(), 0_usize);
        for line in BufReader::new(reader).lines() {
            let line = line.with_context(|| format!("`{}` printed no text", typed(words)))?;
            count += 1;
            if count <= lines {
                say::line(&shortened(&line));
            }
            text.push_str(&line);
            text.push('\n');
        }
        if count > lines {
            say::line(&format!("… {} lines", count - lines - 1));
            say::line(&shortened(text.lines().last().unwrap_or_default()));
        }
        let status = child.wait().context("cannot wait for a command")?;
        let code = status.code().unwrap_or(-1);
        if code != 0 {
            say::line(&format!("(exit code {code})"));
        }
        Ok(Ran { code, text })
    }

    /// Runs a command of ours without showing it; its standard output is JSON.
    pub(super) fn ask(&self, words: &[&str]) -> Result<Value> {
        let done = self.command(words).output().with_context(|| format!("cannot start `{}`", typed(words)))?;
        let complaint = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        serde_json::from_slice(&done.stdout).with_context(|| format!("`{}` answered no JSON: {complaint}", typed(words)))
    }

    /// Whether a command succeeds, without showing anything.
    pub(super) fn succeeds(&self, words: &[&str]) -> bool {
        let mut command = self.command(words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

/// The words as a shell would take them.
fn typed(words: &[&str]) -> String {
    let plain = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:=@,".contains(&b));
    let quoted =
        words.iter().map(|word| if plain(word) { (*word).to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) });
    quoted.collect::<Vec<_>>().join(" ")
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LINE_CHARS_MAX) {
        None => line.to_owned(),
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Shell, shortened, typed};

    #[test]
    fn commands_can_be_typed_as_they_are_printed() {
        assert_eq!(typed(&["scalbotics", "task", "run", "review it"]), "scalbotics task run 'review it'");
        assert_eq!(typed(&["a", "", "it's", "--x=/y"]), r"a '' 'it'\''s' --x=/y");
    }

    #[test]
    fn both_streams_and_the_code_are_kept() {
        let shell = Shell::new("/nonexistent".into(), Vec::new());
        let ran = shell.show(&["sh", "-c", "echo a; echo b >&2; echo c; exit 3"], 1).unwrap();
        assert_eq!((ran.code, ran.text.as_str()), (3, "a\nb\nc\n"));
        assert!(shell.show(&["scalbotics"], 1).is_err());
        assert!(shell.succeeds(&["true"]) && !shell.succeeds(&["false"]));
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        assert_eq!(shortened("é"), "é");
        assert_eq!(shortened(&"é".repeat(200)).chars().count(), 151);
    }
}
