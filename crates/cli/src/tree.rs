//! The one clap tree: help, completions and man pages come from it.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use scalbotics_core::time::Span;

use crate::commands::{agent, approval, audit, context, policy, repo, task, tool};
use crate::output::{Color, Format, Printer};

/// Carries an agent's task from a person through policy and approval to a durable effect and a verifiable record.
#[derive(Debug, Parser)]
#[command(name = "scalbotics", version, propagate_version = true, disable_help_subcommand = true, max_term_width = 110)]
#[command(after_help = "Exit codes: scalbotics help exit-codes")]
pub(crate) struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command; each has a twin in the environment.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global flags")]
pub(crate) struct Globals {
    /// Use this context instead of the current one.
    #[arg(long, global = true, env = "SCALBOTICS_CONTEXT", value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Refuse to run unless the context belongs to this tenant.
    #[arg(long, global = true, env = "SCALBOTICS_TENANT", value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// Format of data on stdout, and with json also of errors on stderr.
    #[arg(
        short,
        long,
        global = true,
        env = "SCALBOTICS_OUTPUT",
        value_enum,
        default_value = "table",
        hide_possible_values = false
    )]
    pub(crate) output: Format,
    /// How long one call may take.
    #[arg(long, global = true, env = "SCALBOTICS_TIMEOUT", value_name = "DURATION", default_value = "30s")]
    pub(crate) timeout: Span,
    /// Makes a repeated command the same request; kept by the daemon for 24 hours.
    #[arg(long, global = true, env = "SCALBOTICS_REQUEST_ID", value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// No notes on stderr.
    #[arg(short, long, global = true, env = "SCALBOTICS_QUIET")]
    pub(crate) quiet: bool,
    /// Colours.
    #[arg(long, global = true, env = "SCALBOTICS_COLOR", value_enum, default_value = "auto")]
    pub(crate) color: Color,
}

impl Globals {
    /// The time limit of one call.
    pub(crate) const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout.as_ms())
    }

    /// The printer of answers.
    pub(crate) const fn printer(&self) -> Printer {
        Printer { format: self.output, quiet: self.quiet }
    }
}

/// Nouns, and verbs without one.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an installation: keys, trust file, repository, people. A second run changes nothing.
    #[command(visible_alias = "init", disable_help_flag = true)]
    Initialize(Passed),
    /// A whole installation in one command, with security on; gone at a clean exit unless --persist.
    #[command(disable_help_flag = true)]
    Dev(Passed),
    /// Get a fresh access token.
    #[command(before_help = "Example: scalbotics login")]
    Login,
    /// Remove the kept access token.
    #[command(before_help = "Example: scalbotics logout")]
    Logout,
    /// Who the daemon says you are.
    #[command(before_help = "Example: scalbotics whoami -o json")]
    Whoami,
    /// Installations and identities to act in.
    #[command(subcommand, alias = "contexts")]
    Context(context::Verb),
    /// What runs and how it is.
    #[command(before_help = "Example: scalbotics status --exit-code")]
    Status(crate::commands::installation::StatusArgs),
    /// Find what is wrong with this side and the daemon's, and say what to do.
    #[command(before_help = "Example: scalbotics doctor")]
    Doctor,
    /// Versions of the command line and the daemon.
    #[command(before_help = "Example: scalbotics version")]
    Version,
    /// Agents.
    #[command(subcommand, alias = "agents")]
    Agent(agent::Verb),
    /// Tasks.
    #[command(subcommand, alias = "tasks")]
    Task(task::Verb),
    /// Approvals.
    #[command(subcommand, alias = "approvals")]
    Approval(approval::Verb),
    /// Policy.
    #[command(subcommand, alias = "policies")]
    Policy(policy::Verb),
    /// Tools.
    #[command(subcommand, alias = "tools")]
    Tool(tool::Verb),
    /// The audit log.
    #[command(subcommand)]
    Audit(audit::Verb),
    /// The repository of desired state.
    #[command(subcommand)]
    Repo(repo::Verb),
    /// The daemon's configuration.
    #[command(disable_help_flag = true)]
    Config(Passed),
    /// Completions for a shell.
    #[command(before_help = "Example: scalbotics completion bash > /etc/bash_completion.d/scalbotics")]
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Man pages, one file a command, into a directory.
    #[command(before_help = "Example: scalbotics man ./man")]
    Man {
        /// The directory.
        directory: std::path::PathBuf,
    },
    /// Help on a topic or a command.
    #[command(before_help = "Example: scalbotics help exit-codes")]
    Help {
        /// `exit-codes`, or the words of a command.
        topic: Vec<String>,
    },
}

/// Arguments handed to `scalboticsd` as they are.
#[derive(Debug, Args)]
pub(crate) struct Passed {
    /// Arguments of scalboticsd.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
    pub(crate) arguments: Vec<std::ffi::OsString>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_tree_is_sound() {
        super::Cli::command().debug_assert();
    }

    fn leaves<'a>(command: &'a clap::Command, found: &mut Vec<&'a clap::Command>) {
        let mut subcommands = command.get_subcommands().peekable();
        if subcommands.peek().is_none() {
            found.push(command);
        }
        subcommands.for_each(|sub| leaves(sub, found));
    }

    #[test]
    fn every_leaf_shows_an_example_first() {
        let tree = super::Cli::command();
        let mut found = Vec::new();
        leaves(&tree, &mut found);
        assert!(found.len() > 20);
        for leaf in found {
            let handed_on = ["initialize", "dev", "config"].contains(&leaf.get_name());
            let example = leaf.get_before_help().map(ToString::to_string).unwrap_or_default();
            assert!(handed_on || example.starts_with("Example: scalbotics "), "{}", leaf.get_name());
        }
    }
}
