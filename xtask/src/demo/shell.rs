//! Commands as a person would type them, and what they really print.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::script::Script;
use crate::transcript::LEFT_OUT;

/// Variables of the caller that would change what commands do or print begin with one of these.
const NOT_HANDED_ON: [&str; 4] = ["SCALBOTICS", "GIT_", "CLICOLOR", "XDG_"];

/// Runs commands in one folder and one environment.
#[derive(Debug)]
pub(super) struct Shell {
    programs: PathBuf,
    folder: PathBuf,
    environment: Vec<(&'static str, PathBuf)>,
    script: Script,
}

/// How much of an output is shown: its first and its last lines. What is between is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    first: usize,
    last: usize,
}

/// All lines.
pub(super) const WHOLE: Part = part(usize::MAX, 0);

/// Only the first and the last lines.
pub(super) const fn part(first: usize, last: usize) -> Part {
    Part { first, last }
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
    /// `programs` is the folder of ours; git and others come from the search path. Commands run in `folder`.
    pub(super) fn new(programs: PathBuf, folder: PathBuf, environment: Vec<(&'static str, PathBuf)>) -> Self {
        let script = Script::without(&[&folder, &programs]);
        Self { programs, folder, environment, script }
    }

    /// Prints a line that no command prints.
    pub(super) fn say(&self, text: &str) {
        self.script.line(text);
    }

    /// Prints a command as it is typed, whole, so that it can be typed again.
    pub(super) fn say_command(&self, command: &str) {
        self.script.whole(&format!("$ {command}"));
    }

    /// What was printed so far.
    pub(super) fn printed(&self) -> Vec<String> {
        self.script.lines()
    }

    /// A command of ours, or another's, in the environment of the demonstration.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let (program, arguments) = words.split_first().map_or(("", [].as_slice()), |(program, rest)| (*program, rest));
        let ours = ["scalbotics", "scalboticsd", "scalbotics-verify", "repo-review"].contains(&program);
        let mut command = if ours { Command::new(self.programs.join(program)) } else { Command::new(program) };
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| NOT_HANDED_ON.iter().any(|start| name.starts_with(start))) {
                command.env_remove(name);
            }
        }
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null()).env("NO_COLOR", "1");
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    /// Prints the command, runs it, and prints a part of what it says, as it says it.
    pub(super) fn show(&self, words: &[&str], part: Part) -> Result<Ran> {
        self.say_command(&typed(words));
        self.run(self.command(words), words, part)
    }

    /// The same in a folder inside of the shell's.
    pub(super) fn show_in(&self, folder: &str, words: &[&str], part: Part) -> Result<Ran> {
        self.say_command(&format!("cd {folder} && {}", typed(words)));
        let mut command = self.command(words);
        command.current_dir(self.folder.join(folder));
        self.run(command, words, part)
    }

    fn run(&self, mut command: Command, words: &[&str], part: Part) -> Result<Ran> {
        let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
        command.stdout(writer.try_clone().context("cannot share a pipe")?).stderr(writer);
        let mut child = command.spawn().with_context(|| format!("cannot start `{}`", typed(words)))?;
        // The command holds the pipe's other end, which must close for the output to end.
        drop(command);
        let (mut text, mut shown, mut waiting) = (String::new(), 0, VecDeque::new());
        let mut left_out = 0_usize;
        for line in BufReader::new(reader).lines() {
            let line = line.with_context(|| format!("`{}` printed no text", typed(words)))?;
            text.push_str(&line);
            text.push('\n');
            if shown < part.first {
                shown += 1;
                self.say(&line);
                continue;
            }
            waiting.push_back(line);
            // A mark for one line would be as long as the line.
            if waiting.len() > part.last + usize::from(left_out == 0) {
                let more = if left_out == 0 { 2 } else { 1 };
                left_out += more;
                waiting.drain(..more.min(waiting.len()));
            }
        }
        let status = child.wait().context("cannot wait for a command")?;
        let code = status.code().unwrap_or(-1);
        let gap = (left_out > 0).then(|| format!("{LEFT_OUT} {left_out} lines"));
        let end = (code != 0).then(|| format!("(exit code {code})"));
        match (gap, end) {
            (Some(gap), Some(end)) if waiting.is_empty() => self.say(&format!("{gap} {end}")),
            (gap, end) => gap.iter().chain(&waiting).chain(&end).for_each(|line| self.say(line)),
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
pub(super) fn typed(words: &[&str]) -> String {
    let plain = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:=@,".contains(&b));
    let quoted =
        words.iter().map(|word| if plain(word) { (*word).to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Part, Shell, WHOLE, part, typed};

    fn shell() -> Shell {
        Shell::new("/nonexistent".into(), "/".into(), Vec::new())
    }

    #[test]
    fn commands_can_be_typed_as_they_are_printed() {
        assert_eq!(typed(&["scalbotics", "task", "run", "review it"]), "scalbotics task run 'review it'");
        assert_eq!(typed(&["a", "", "it's", "--x=/y"]), r"a '' 'it'\''s' --x=/y");
    }

    #[test]
    fn both_streams_and_the_code_are_kept() {
        let shell = shell();
        let ran = shell.show(&["sh", "-c", "echo a; echo b >&2; echo c; exit 3"], part(1, 0)).unwrap();
        assert_eq!((ran.code, ran.text.as_str()), (3, "a\nb\nc\n"));
        shell.show(&["sh", "-c", "exit 4"], WHOLE).unwrap();
        assert_eq!(shell.printed()[1..], ["a", "… 2 lines (exit code 3)", "$ sh -c 'exit 4'", "(exit code 4)"]);
        assert!(shell.show(&["scalbotics"], WHOLE).is_err());
        assert!(shell.succeeds(&["true"]) && !shell.succeeds(&["false"]));
    }

    fn check(lines: u32, of: Part, wanted: &str) {
        let shell = shell();
        shell.show(&["seq", &lines.to_string()], of).unwrap();
        assert_eq!(shell.printed()[1..].join(" "), wanted, "{lines} lines, {of:?}");
    }

    #[test]
    fn first_and_last_lines_are_shown_and_the_rest_is_counted() {
        check(3, WHOLE, "1 2 3");
        check(9, part(2, 3), "1 2 … 4 lines 7 8 9");
        check(6, part(2, 3), "1 2 3 4 5 6");
        check(7, part(2, 3), "1 2 … 2 lines 5 6 7");
        check(5, part(2, 3), "1 2 3 4 5");
        check(2, part(2, 3), "1 2");
        check(4, part(1, 0), "1 … 3 lines");
        check(2, part(1, 0), "1 2");
        check(4, part(0, 1), "… 3 lines 4");
        check(0, part(0, 1), "");
    }

    #[test]
    fn settings_of_the_caller_do_not_reach_commands() {
        let shell = Shell::new("/nonexistent".into(), "/".into(), vec![("SCALBOTICS_STATE_DIR", "/state".into())]);
        let command = shell.command(&["true"]);
        let set: Vec<_> = command.get_envs().filter(|(name, _)| *name == "SCALBOTICS_STATE_DIR").collect();
        assert_eq!(set, [("SCALBOTICS_STATE_DIR".as_ref(), Some("/state".as_ref()))]);
    }
}
