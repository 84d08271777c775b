//! The one clap tree: help, completions and man pages come from it.

use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use scalbotics_core::time::Span;

use crate::commands::{
    admin, agent, approval, audit, context, human, identity, model, policy, repo, secret, service, task, team, tenant, tool,
};
use crate::output::{Color, Confirm, Fields, Format, Printer};

/// How long one call may take where nothing is said: a busy daemon answers in a tenth.
const CALL_MAX: Duration = Duration::from_secs(30);

/// Carries an agent's task from a person through policy and approval to a durable effect and a verifiable record.
#[derive(Debug, Parser)]
#[command(name = "scalbotics", version, disable_help_subcommand = true, max_term_width = 110)]
#[command(after_help = "More: scalbotics help exit-codes, scalbotics help environment")]
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
    /// Format of data: table, wide, json, jsonl, yaml or name; with json, of errors too.
    #[arg(
        short,
        long,
        global = true,
        env = "SCALBOTICS_OUTPUT",
        value_name = "FORMAT",
        value_enum,
        hide_possible_values = true,
        default_value = "table"
    )]
    pub(crate) output: Format,
    /// How long one call may take, 30s where nothing is said; and how long --wait waits.
    #[arg(long, global = true, env = "SCALBOTICS_TIMEOUT", value_name = "DURATION")]
    pub(crate) timeout: Option<Span>,
    /// Makes a repeated command the same request; kept by the daemon for 24 hours.
    #[arg(long, global = true, env = "SCALBOTICS_REQUEST_ID", value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// Only these fields of an answer: keys or paths as args/path, joined by commas.
    #[arg(long, global = true, env = "SCALBOTICS_FIELDS", value_name = "FIELDS")]
    pub(crate) fields: Option<Fields>,
    /// Answer yes where a destructive command asks.
    #[arg(short, long, global = true, env = "SCALBOTICS_YES")]
    pub(crate) yes: bool,
    /// Never ask; what is missing is an error.
    #[arg(long, global = true, env = "SCALBOTICS_NO_INPUT")]
    pub(crate) no_input: bool,
    /// No notes on stderr.
    #[arg(short, long, global = true, env = "SCALBOTICS_QUIET")]
    pub(crate) quiet: bool,
    /// More notes on stderr: which context, which server, which token.
    #[arg(short, long, global = true, env = "SCALBOTICS_VERBOSE", conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// No line on stderr while an answer takes long; off without a terminal anyway.
    #[arg(long, global = true, env = "SCALBOTICS_NO_PROGRESS")]
    pub(crate) no_progress: bool,
    /// Colours: always, never, or auto: on a terminal, unless `NO_COLOR` is set.
    #[arg(
        long,
        global = true,
        env = "SCALBOTICS_COLOR",
        value_name = "WHEN",
        value_enum,
        hide_possible_values = true,
        default_value = "auto"
    )]
    pub(crate) color: Color,
}

impl Globals {
    /// The time limit of one call.
    pub(crate) fn timeout(&self) -> Duration {
        self.wait_max().unwrap_or(CALL_MAX)
    }

    /// The time limit of a wait, if there is one.
    pub(crate) fn wait_max(&self) -> Option<Duration> {
        self.timeout.map(|span| Duration::from_millis(span.as_ms()))
    }

    /// The printer of answers.
    pub(crate) fn printer(&self) -> Printer {
        Printer { format: self.output, fields: self.fields.clone(), quiet: self.quiet, verbose: self.verbose }
    }

    /// How a destructive verb is confirmed.
    pub(crate) const fn confirm(&self) -> Confirm {
        Confirm { yes: self.yes, no_input: self.no_input }
    }

    /// Whether a line may say that an answer takes long.
    pub(crate) const fn progress(&self) -> bool {
        !self.no_progress && !self.quiet
    }
}

/// The tree, every flag of which has a twin in the environment: `SCALBOTICS_` and the words of the command and the flag.
pub(crate) fn command() -> clap::Command {
    with_twins(Cli::command(), "SCALBOTICS")
}

fn with_twins(command: clap::Command, prefix: &str) -> clap::Command {
    let command = command.mut_args(|arg| {
        // Else a variable that is 1 would be refused, and one that is empty too.
        let is_switch = matches!(arg.get_action(), clap::ArgAction::SetTrue);
        let arg = if is_switch { arg.value_parser(clap::builder::FalseyValueParser::new()) } else { arg };
        let twin = arg.get_long().map(|long| format!("{prefix}_{}", screaming(long)));
        let flag = twin.filter(|_| !["help", "version"].contains(&arg.get_id().as_str()));
        // The names in the help would drown the flags; `help environment` lists them.
        match flag {
            Some(twin) if arg.get_env().is_none() => arg.env(twin).hide_env(true),
            Some(_) | None => arg.hide_env(true),
        }
    });
    command.mut_subcommands(|sub| {
        let prefix = format!("{prefix}_{}", screaming(sub.get_name()));
        with_twins(sub, &prefix)
    })
}

fn screaming(words: &str) -> String {
    words.to_uppercase().replace('-', "_")
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
    /// Log in: with the context's own key, or at its identity provider by a browser, a code or a pasted address.
    #[command(before_help = "Example: scalbotics login --device")]
    Login(crate::commands::LoginArgs),
    /// Forget the kept tokens, end the session at the daemon, and take a refresh token back at the identity provider.
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
    /// Find what is wrong with this side, the installation and its daemon, and say what to do; exit 1 if a check fails.
    #[command(before_help = "Example: scalbotics doctor --fix")]
    Doctor(crate::commands::installation::DoctorArgs),
    /// Versions of the command line and the daemon.
    #[command(before_help = "Example: scalbotics version")]
    Version,
    /// Agents.
    #[command(subcommand, alias = "agents")]
    Agent(agent::Verb),
    /// Humans: who there is, in which groups, and whether they may act.
    #[command(subcommand, alias = "humans")]
    Human(human::Verb),
    /// Services: programs that call by themselves, such as a CI job, and the humans who sponsor them.
    #[command(subcommand, alias = "services")]
    Service(service::Verb),
    /// Tenants of the installation, for the people of the one that operates it.
    #[command(subcommand, alias = "tenants")]
    Tenant(tenant::Verb),
    /// Teams of agents.
    #[command(subcommand, alias = "teams")]
    Team(team::Verb),
    /// Tasks.
    #[command(subcommand, alias = "tasks")]
    Task(task::Verb),
    /// Approvals.
    #[command(subcommand, alias = "approvals")]
    Approval(approval::Verb),
    /// Policy.
    #[command(subcommand, alias = "policies")]
    Policy(policy::Verb),
    /// Models.
    #[command(subcommand, alias = "models")]
    Model(model::Verb),
    /// Tools.
    #[command(subcommand, alias = "tools")]
    Tool(tool::Verb),
    /// Values that tools need and nobody reads.
    #[command(subcommand, alias = "secrets")]
    Secret(secret::Verb),
    /// Who signs certificates, and by what they are verified.
    #[command(subcommand, alias = "identities")]
    Identity(identity::Verb),
    /// The audit log.
    #[command(subcommand, alias = "audits")]
    Audit(audit::Verb),
    /// The installation: backup and restore, erasing, legal holds, and how long matter is kept.
    #[command(subcommand)]
    Admin(admin::Verb),
    /// The repository of desired state.
    #[command(subcommand, alias = "repos")]
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
        /// `exit-codes`, `environment`, or the words of a command.
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
mod tests;
