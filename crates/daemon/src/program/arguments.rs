//! What the program can be told.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use scalbotics_core::tenant::TenantId;

use crate::config::{self, Kind, Sources};
use crate::{disaster, doctor, setup, usage, witness};

/// The configuration that is read where none is named.
const CONFIG_DEFAULT: &str = "/etc/scalbotics/scalbotics.toml";

/// How data is printed. The words are the command line's, which may stand in a variable of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[value(aliases = ["wide", "name"])]
    Table,
    /// One JSON document, which is YAML too.
    #[value(aliases = ["jsonl", "yaml"])]
    Json,
}

/// The ScalBotics daemon.
#[derive(Debug, Parser)]
#[command(name = "scalboticsd", version, before_help = "Example: scalboticsd --config ./box/scalbotics.toml")]
pub struct Arguments {
    #[command(flatten)]
    pub(super) sources: SourceFlags,
    /// Do everything that a start does, short of listening, and say ok.
    #[arg(long)]
    pub(super) check_config: bool,
    /// Print a configuration with every default.
    #[arg(long)]
    pub(super) print_default_config: bool,
    /// Format of what initialize and config show print: table or json; jsonl and yaml give the same JSON, name and wide the table.
    #[arg(short, long, value_name = "FORMAT", env = "SCALBOTICS_OUTPUT", hide_possible_values = true, global = true)]
    #[arg(value_enum, default_value = "table")]
    pub(super) output: Format,
    #[command(subcommand)]
    pub(super) verb: Option<Verb>,
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Args)]
pub(super) struct SourceFlags {
    /// The configuration file.
    #[arg(long, value_name = "FILE", env = config::CONFIG_VARIABLE, default_value = CONFIG_DEFAULT, global = true)]
    config: PathBuf,
    /// Set one key, over file and environment.
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    values: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make an installation.
    Initialize(Box<setup::Initialize>),
    /// A whole installation in one command.
    Dev(setup::Dev),
    /// Sign that an approval key is a person's.
    Enroll(setup::Enroll),
    /// The root CA: what it signs, where its key is.
    #[command(subcommand)]
    Ca(Box<setup::RootCa>),
    /// Outside issuers of tokens: who is trusted about people.
    #[command(subcommand)]
    Issuer(setup::Trusting),
    /// What is wrong with an installation, and what to do about it.
    Doctor(doctor::Doctor),
    /// The audit log, from its files; and a witness of other logs.
    #[command(subcommand)]
    Audit(Box<AuditVerb>),
    /// The host: backup and restore.
    #[command(subcommand)]
    Admin(Box<disaster::Verb>),
    /// The configuration.
    #[command(subcommand)]
    Config(ConfigVerb),
}

#[derive(Debug, Subcommand)]
pub(super) enum AuditVerb {
    /// Recompute every log from the files and compare it with its head and its signed checkpoints.
    #[command(before_help = "Example: scalboticsd audit verify --offline --data ./box/data --trust ./box/trust.json")]
    Verify {
        /// Without a daemon; the only way here.
        #[arg(long)]
        offline: bool,
        /// The data directory; the configuration's where none is named.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The trust file; the configuration's where neither is named.
        #[arg(long, value_name = "FILE")]
        trust: Option<PathBuf>,
        /// A signed checkpoint that was kept elsewhere: only it shows that the end of a log was cut off, or an old one put back.
        #[arg(long = "checkpoint", value_name = "FILE")]
        checkpoints: Vec<PathBuf>,
        /// In this process, which maps the database; the program gives it to itself.
        #[arg(long, hide = true)]
        mapped: bool,
    },
    /// Write a log as files that any web server can serve (C2SP tlog-tiles); a second run adds what is new.
    #[command(before_help = "Example: scalboticsd audit tiles --data ./box/data --log system --out ./tiles")]
    Tiles {
        /// The folder to write to: below it are checkpoint and tile/.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Whose log: a tenant, or system for the installation log; the configuration's tenant where none is named.
        #[arg(long, value_name = "TENANT", value_parser = TenantId::parse)]
        log: Option<TenantId>,
        /// The data directory; the configuration's where none is named.
        #[arg(long, value_name = "DIR", requires = "log")]
        data: Option<PathBuf>,
    },
    /// Cosign checkpoints of logs that only ever grow (C2SP tlog-witness), on another host than theirs.
    #[command(before_help = "Example: scalboticsd audit witness --dir ./w1 --name witness.example.org/w1 --keygen")]
    Witness(witness::Witness),
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigVerb {
    /// Print every value.
    #[command(before_help = "Example: scalboticsd --config ./box/scalbotics.toml config show --origin")]
    Show {
        /// Where each comes from, too; it is always printed.
        #[arg(long)]
        origin: bool,
    },
    /// Do everything that a start does, short of listening.
    Validate,
    /// Print the JSON Schema of the daemon's file, or of a kind of desired-state file.
    #[command(before_help = "Example: scalboticsd config schema workflow > workflow.schema.json")]
    Schema {
        /// The kind of file.
        #[arg(value_enum, default_value = "daemon")]
        kind: Kind,
    },
}

impl SourceFlags {
    pub(super) fn parts(self) -> Sources {
        Sources { file: self.config, environment: config::process(), flags: self.values }
    }
}

impl Arguments {
    /// Those of this process.
    ///
    /// # Errors
    /// How the process has to end: help or a version was printed, or what cannot be read was said.
    pub fn of_process() -> Result<Self, ExitCode> {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        let parsed = setup::with_twins(Self::command()).try_get_matches_from(&arguments);
        parsed.and_then(|matches| Self::from_arg_matches(&matches)).map_err(|error| usage::report(&error, &arguments))
    }
}
