//! Every document of the repository: what its console blocks show is run, and the commands that its text names exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use clap::CommandFactory as _;
use clap::error::ErrorKind;
use walkdir::WalkDir;

use super::chains::chains;
use super::machine::{Machine, programs, steps};
use super::marks::marks;
use super::{Block, LEFT_OUT, blocks};
use crate::Arguments;

/// Folders without documents of ours.
const SKIPPED: [&str; 5] = ["target", "node_modules", "corpus", "artifacts", "desired"];

/// The block of this is the demonstration's transcript: `cargo xtask demo --check` compares it with what it printed.
const DEMO: &str = "cargo xtask demo";

/// What the daemon runs itself as; nobody types it.
const INTERNAL: [&str; 1] = ["scalboticsd sandbox"];

/// Path from the root, and text.
pub(super) fn documents() -> Vec<(PathBuf, String)> {
    let root = crate::root().unwrap();
    let is_ours = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name.starts_with('.') || SKIPPED.contains(&name.as_ref()))
    };
    let walk = WalkDir::new(&root).sort_by_file_name().into_iter().filter_entry(is_ours).map(Result::unwrap);
    let files = walk.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "md"));
    files
        .map(|file| {
            let path = file.path().strip_prefix(&root).unwrap().to_owned();
            (path, std::fs::read_to_string(file.path()).unwrap())
        })
        .collect()
}

fn is_demo(block: &Block<'_>) -> bool {
    steps(block).first().is_some_and(|step| step.command == DEMO)
}

/// Runs a page: its files are written and its commands run, in their order. Ends at the first difference, for what follows rests on it.
fn run(machine: &mut Machine, (path, text): &(PathBuf, String)) -> Result<(), String> {
    for mark in marks(text)? {
        machine.prepare(&mark);
    }
    for block in blocks(text) {
        match (block.language, block.file) {
            ("console", _) if !is_demo(&block) => steps(&block).iter().try_for_each(|step| machine.run(path, step))?,
            (_, Some(file)) => machine.write(file, &block),
            (_, None) => {}
        }
    }
    Ok(())
}

/// The next one, of which no other worker holds the list meanwhile.
fn next<T>(all: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    all.lock().unwrap().next()
}

#[test]
fn every_console_block_runs_as_it_stands() {
    let documents = documents();
    let shows_commands =
        |(_, text): &&(PathBuf, String)| blocks(text).iter().any(|block| block.language == "console" && !is_demo(block));
    let shown: Vec<_> = documents.iter().filter(shows_commands).collect();
    let chains = Mutex::new(chains(&shown).unwrap().into_iter());
    let (run_well, differences) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeMap::new()));
    let work = || {
        while let Some(chain) = next(&chains) {
            let last = chain.last().map(|(path, _)| path.to_string_lossy().replace('/', "-"));
            let mut machine = Machine::new(&last.unwrap_or_default());
            for page in chain {
                if let Err(difference) = run(&mut machine, page) {
                    differences.lock().unwrap().insert(&page.0, difference);
                    break;
                }
                run_well.lock().unwrap().insert(page.0.clone());
            }
        }
    };
    // The chains are many and wait for processes; two at a time take half of the time on two cores.
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let (run_well, differences) = (run_well.into_inner().unwrap(), differences.into_inner().unwrap());
    let differences: Vec<String> = differences.into_values().collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    for path in ["README.md", "docs/book/src/tutorial/first-agent.md"] {
        assert!(run_well.contains(Path::new(path)), "{path} shows no commands: {run_well:?}");
    }
}

#[test]
fn every_fence_says_what_it_holds_and_commands_stand_in_console_blocks() {
    let mut found = Vec::new();
    for (path, text) in documents() {
        for block in blocks(&text) {
            let has_commands = block.lines.iter().any(|line| line.starts_with("$ "));
            let at = format!("{}:{}", path.display(), block.line);
            if block.language.is_empty() {
                found.push(format!("{at}: the fence does not say what it holds: console, text, yaml …"));
            } else if has_commands != (block.language == "console") {
                found.push(format!("{at}: what has `$ ` before it is a command, and commands stand in console blocks"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Programs whose commands a text may name.
const PROGRAMS: [&str; 3] = ["scalbotics ", "scalboticsd ", "cargo xtask "];

/// Code spans, and lines of text blocks up to the explanation behind two blanks, that name a command of ours; with their place.
fn named(path: &Path, text: &str) -> Vec<(String, String)> {
    let mut spans = Vec::new();
    let mut in_block = false;
    for (at, line) in text.lines().enumerate() {
        let is_fence = line.starts_with("```");
        in_block ^= is_fence;
        if !in_block && !is_fence {
            spans.extend(line.split('`').skip(1).step_by(2).map(|span| (at + 1, span)));
        }
    }
    for block in blocks(text).iter().filter(|block| block.language == "text") {
        let lines = block.lines.iter().enumerate();
        spans.extend(lines.map(|(at, line)| (block.line + at + 1, line.split("  ").next().unwrap_or_default())));
    }
    let is_command = |span: &str| PROGRAMS.iter().any(|program| span.starts_with(program));
    let ours = spans.into_iter().filter(|(_, span)| is_command(span) && !span.contains('<') && !INTERNAL.contains(span));
    ours.map(|(line, span)| (format!("{}:{line}", path.display()), span.to_owned())).collect()
}

/// Whether the program knows the words: with `--help` behind them it reads them and does nothing.
fn exists(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().filter(|word| !word.chars().eq([LEFT_OUT])).collect();
    if let Some(words) = words.strip_prefix(&["cargo"]) {
        let parsed = Arguments::command().try_get_matches_from([words, &["--help"]].concat());
        return parsed.map_or_else(|error| error.kind() == ErrorKind::DisplayHelp, |_| true);
    }
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("{} --help", words.join(" "))]).stdin(Stdio::null());
    shell.env_clear().env("PATH", programs()).env("HOME", "/nonexistent");
    shell.output().unwrap().status.success()
}

#[test]
fn every_named_command_exists() {
    let (mut seen, mut missing) = (BTreeSet::new(), Vec::new());
    for (path, text) in documents() {
        for (at, command) in named(&path, &text) {
            if seen.insert(command.clone()) && !exists(&command) {
                missing.push(format!("{at}: there is no `{command}`"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(seen.len() > 20, "only {} commands are named: {seen:?}", seen.len());
}

#[test]
fn commands_that_are_no_more_are_found() {
    for command in
        ["scalbotics task show TASK", "scalbotics task run --within 2h …", "cargo xtask demo --check", "scalbotics dev"]
    {
        assert!(exists(command), "{command}");
    }
    for command in ["scalbotics task shw TASK", "scalbotics task show --no-flag", "cargo xtask dmo", "scalboticsd --no-flag"] {
        assert!(!exists(command), "{command}");
    }
    let text = "a `scalbotics x` b `y`\n```yaml\n`scalbotics z`\n```\n`cargo xtask t`\n```text\ncargo xtask u v   why\n```\n";
    let wanted = [("a.md:1", "scalbotics x"), ("a.md:5", "cargo xtask t"), ("a.md:7", "cargo xtask u v")];
    let (spans, wanted) = (named(Path::new("a.md"), text), wanted.map(|(at, text)| (at.to_owned(), text.to_owned())));
    assert_eq!(spans, wanted);
}
