//! Help, completions and man pages, all from the one tree.

use std::path::Path;

use clap::CommandFactory as _;

use crate::failure::{EXIT_CODES, Exit, Failure};
use crate::output::print_data;
use crate::tree::Cli;

/// Prints the completions of a shell.
pub(super) fn completion(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "scalbotics", &mut script);
    print_data(String::from_utf8_lossy(&script).trim_end())
}

/// Writes the man pages.
pub(super) fn man(directory: &Path) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        Failure::new(Exit::Failed, "CLI_MAN", format!("cannot write man pages to {}", directory.display())).why(error.to_string())
    };
    std::fs::create_dir_all(directory).map_err(cannot)?;
    clap_mangen::generate_to(Cli::command(), directory).map_err(cannot)
}

/// Prints help on a topic or a command.
pub(super) fn help(topic: &[String]) -> Result<(), Failure> {
    let words: Vec<&str> = topic.iter().map(String::as_str).collect();
    if words == ["exit-codes"] {
        let lines: Vec<String> = EXIT_CODES.iter().map(|(code, meaning)| format!("{code:>3}  {meaning}")).collect();
        return print_data(&lines.join("\n"));
    }
    let mut tree = Cli::command();
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
    print_data(command.render_long_help().to_string().trim_end())
}
