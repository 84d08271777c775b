//! Help, completions and man pages, all from the one tree.

use std::ffi::OsString;
use std::path::Path;

use super::{exec, handed_on};
use crate::codes;
use crate::failure::{EXIT_CODES, Exit, Failure};
use crate::output::print_data;
use crate::tree;

/// Prints the completions of a shell.
pub(super) fn completion(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut tree::command(), "scalbotics", &mut script);
    print_data(String::from_utf8_lossy(&script).trim_end())
}

/// Writes the man pages.
pub(super) fn man(directory: &Path) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        Failure::new(Exit::Failed, codes::MAN, format!("cannot write man pages to {}", directory.display()))
            .why(error.to_string())
            .next("name a directory that you can write")
    };
    std::fs::create_dir_all(directory).map_err(cannot)?;
    clap_mangen::generate_to(tree::command(), directory).map_err(cannot)
}

/// Every variable that is read, with what it stands for.
fn environment() -> String {
    let mut lines = vec![
        "Every flag has a twin: SCALBOTICS_, the words of the command, the words of the flag.".to_owned(),
        "The flag wins over the variable. A switch is on unless its variable is empty, 0, n, no, f, false or off.".to_owned(),
        String::new(),
    ];
    twins(&tree::command(), "scalbotics", &mut lines);
    let others = [
        ("SCALBOTICS_CONFIG_DIR", "directory of contexts.toml; else XDG_CONFIG_HOME/scalbotics, else ~/.config/scalbotics"),
        (
            "SCALBOTICS_STATE_DIR",
            "directory of kept tokens and logins; else XDG_STATE_HOME/scalbotics, else ~/.local/state/scalbotics",
        ),
        ("BROWSER", "program that `scalbotics login` opens an address with, or none; else xdg-open where there is a display"),
        ("NO_COLOR, CLICOLOR_FORCE", "no colour; colour without a terminal too"),
    ];
    lines.extend(others.iter().map(|(name, meaning)| format!("{name:<36}  {meaning}")));
    lines.join("\n")
}

fn twins(command: &clap::Command, path: &str, lines: &mut Vec<String>) {
    for arg in command.get_arguments() {
        if let (Some(long), Some(twin)) = (arg.get_long(), arg.get_env()) {
            lines.push(format!("{:<36}  {path} --{long}", twin.to_string_lossy()));
        }
    }
    command.get_subcommands().for_each(|sub| twins(sub, &format!("{path} {}", sub.get_name()), lines));
}

/// Prints help on a topic or a command.
pub(super) fn help(topic: &[String]) -> Result<(), Failure> {
    let words: Vec<&str> = topic.iter().map(String::as_str).collect();
    if words == ["exit-codes"] {
        let lines: Vec<String> = EXIT_CODES.iter().map(|(code, meaning)| format!("{code:>3}  {meaning}")).collect();
        return print_data(&lines.join("\n"));
    }
    if words == ["environment"] {
        return print_data(&environment());
    }
    let mut tree = tree::command();
    // What is handed on is the daemon's to help with.
    let asked = ["scalbotics"].iter().chain(&words).chain(&["--help"]).map(OsString::from).collect::<Vec<_>>();
    if let Some(words) = handed_on(&tree, &asked) {
        return exec(words);
    }
    tree.build();
    let mut command = &mut tree;
    for word in &words {
        let known = command.find_subcommand_mut(word);
        command = known.ok_or_else(|| {
            Failure::usage(format!("no help on {}", words.join(" ")))
                .why(format!("{word} is no command"))
                .next("scalbotics --help")
        })?;
    }
    print_data(command.render_help().to_string().trim_end())
}
