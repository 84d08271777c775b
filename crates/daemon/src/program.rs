//! The program: arguments, dispatch, and the loop of signals around a running daemon.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use scalbotics_core::in_words;
use scalbotics_core::tenant::TenantId;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock::{Guarded, System};
use crate::config::{self, Config, Kind, Sources};
use crate::logging::{self, Levels};
use crate::rpc::codes;
use crate::setup;
use crate::{Running, Start, StartError, disaster, doctor, export, notify, offline, usage, witness};

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
    sources: SourceFlags,
    /// Do everything that a start does, short of listening, and say ok.
    #[arg(long)]
    check_config: bool,
    /// Print a configuration with every default.
    #[arg(long)]
    print_default_config: bool,
    /// Format of what initialize and config show print: table or json; jsonl and yaml give the same JSON, name and wide the table.
    #[arg(short, long, value_name = "FORMAT", env = "SCALBOTICS_OUTPUT", hide_possible_values = true, global = true)]
    #[arg(value_enum, default_value = "table")]
    output: Format,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Args)]
struct SourceFlags {
    /// The configuration file.
    #[arg(long, value_name = "FILE", env = config::CONFIG_VARIABLE, default_value = CONFIG_DEFAULT, global = true)]
    config: PathBuf,
    /// Set one key, over file and environment.
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    values: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Verb {
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
enum AuditVerb {
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
enum ConfigVerb {
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

impl Arguments {
    /// Those of this process.
    ///
    /// # Errors
    /// How the process has to end: help or a version was printed, or what cannot be read was said.
    pub fn of_process() -> Result<Self, ExitCode> {
        let parsed = setup::with_twins(Self::command()).try_get_matches();
        parsed.and_then(|matches| Self::from_arg_matches(&matches)).map_err(|error| usage::report(&error))
    }
}

/// Runs the program.
pub async fn run(arguments: Arguments) -> ExitCode {
    let Arguments { sources, check_config, print_default_config, output, verb } = arguments;
    if print_default_config {
        return print(&config::defaults_text());
    }
    match verb {
        None if check_config => check(sources).await,
        None => serve(sources, Start::default()).await,
        Some(Verb::Initialize(flags)) => match setup::run_initialize(&flags, output).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail_setup(&error),
        },
        Some(Verb::Dev(flags)) => dev(&flags).await,
        Some(Verb::Enroll(flags)) => enroll(sources, &flags),
        Some(Verb::Ca(verb)) => root_ca(sources, &verb),
        Some(Verb::Issuer(verb)) => issuer(sources, &verb, output).await,
        Some(Verb::Doctor(flags)) => doctor::doctor(sources.parts(), &flags, output).await,
        Some(Verb::Audit(verb)) => audit(sources, *verb).await,
        Some(Verb::Admin(verb)) => admin(sources, *verb, output).await,
        Some(Verb::Config(ConfigVerb::Schema { kind })) => print(&kind.schema_text()),
        Some(Verb::Config(ConfigVerb::Validate)) => check(sources).await,
        Some(Verb::Config(ConfigVerb::Show { .. })) => match load(sources) {
            Ok(config) => match output {
                Format::Table => print(&config::origins_text(&config)),
                Format::Json => print(&format!("{}\n", config::origins_json(&config))),
            },
            Err(error) => fail(&error),
        },
    }
}

/// What is said when there are no threads to run on.
#[must_use]
pub fn no_runtime(error: &std::io::Error) -> ExitCode {
    fail_as(codes::INTERNAL.name(), error, "check limits of the service: file descriptors, threads, memory")
}

impl SourceFlags {
    fn parts(self) -> Sources {
        Sources { file: self.config, environment: config::process(), flags: self.values }
    }
}

fn load(flags: SourceFlags) -> Result<Config, StartError> {
    Ok(Config::load(flags.parts())?)
}

async fn check(flags: SourceFlags) -> ExitCode {
    let checked = match load(flags) {
        Ok(config) => crate::check(&config).await,
        Err(error) => Err(error),
    };
    match checked {
        Ok(not_checked) => {
            let notes: String = not_checked.iter().map(|what| format!("not checked: {what}\n")).collect();
            print(&format!("ok\n{notes}"))
        }
        Err(error) => fail(&error),
    }
}

async fn dev(flags: &setup::Dev) -> ExitCode {
    match setup::run_dev(flags).await {
        Ok(code) => code,
        Err(setup::DevError::Start(error)) => fail(&error),
        Err(setup::DevError::Config(error)) => fail(&StartError::Config(error)),
        Err(setup::DevError::Setup(error)) => fail_setup(&error),
        Err(error) => fail_as(codes::DEV_FAILED.name(), &error, "mend what the lines above say, and run it again"),
    }
}

fn enroll(sources: SourceFlags, flags: &setup::Enroll) -> ExitCode {
    let config = match load(sources) {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    match flags.sign(&config, &Guarded::new(System, None)) {
        Ok(statement) => print(&format!("{}\n", String::from_utf8_lossy(&statement))),
        Err(error) => fail_setup(&error),
    }
}

fn root_ca(sources: SourceFlags, verb: &setup::RootCa) -> ExitCode {
    let config = match load(sources) {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    match verb.run(&config, &Guarded::new(System, None)) {
        Ok(text) => print(&text),
        Err(error) => fail_setup(&error),
    }
}

async fn issuer(sources: SourceFlags, verb: &setup::Trusting, output: Format) -> ExitCode {
    let config = match load(sources) {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    match verb.run(&config, output).await {
        Ok(text) => print(&text),
        Err(error) => fail_setup(&error),
    }
}

fn verify(flags: SourceFlags, data: Option<PathBuf>, trust: Option<PathBuf>, checkpoints: &[PathBuf]) -> ExitCode {
    let (data, trust) = match data {
        Some(data) => (data, trust),
        None => match load(flags) {
            Ok(config) => (config.data_dir, trust.or(Some(config.trust_file))),
            Err(error) => return fail(&error),
        },
    };
    match offline::verify(&data, trust.as_deref(), checkpoints) {
        Ok(report) => print(&format!("{report}\n")),
        Err(error) => fail_as(error.code().name(), &error, error.next_step()),
    }
}

async fn audit(flags: SourceFlags, verb: AuditVerb) -> ExitCode {
    match verb {
        AuditVerb::Verify { offline: _, data, trust, checkpoints } => verify(flags, data, trust, &checkpoints),
        AuditVerb::Tiles { out, log, data } => export(flags, &out, log, data),
        AuditVerb::Witness(flags) => match witness::run(&flags).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail_as(error.code().name(), &error, error.next_step()),
        },
    }
}

fn export(flags: SourceFlags, tiles: &Path, log: Option<TenantId>, data: Option<PathBuf>) -> ExitCode {
    let (data, tenant) = match (data, log) {
        (Some(data), Some(log)) => (data, log),
        (_, log) => match load(flags) {
            Ok(config) => (config.data_dir, log.unwrap_or(config.tenant)),
            Err(error) => return fail(&error),
        },
    };
    match export::tiles(&data, &tenant, tiles) {
        Ok(report) => print(&format!("{report}\n")),
        Err(error) => fail_as(error.code().name(), &error, error.next_step()),
    }
}

async fn admin(sources: SourceFlags, verb: disaster::Verb, output: Format) -> ExitCode {
    if let disaster::Verb::Start { unwitnessed } = verb {
        return serve(sources, Start { unwitnessed, ..Start::default() }).await;
    }
    match disaster::run(sources.parts(), verb, output).await {
        Ok(text) => print(&text),
        Err(error) => fail_as(error.code().name(), &error, error.next_step()),
    }
}

async fn serve(flags: SourceFlags, start: Start) -> ExitCode {
    let config = match load(flags) {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    let levels = logging::begin(&config.settings.log);
    let signals = Signals::new().map_err(|source| StartError::System { attempt: "await signals", source: source.into() });
    let started = match signals {
        Ok(signals) => crate::start(config, start).await.map(|running| (running, signals)),
        Err(error) => Err(error),
    };
    match started {
        Ok((running, signals)) => until_end(running, signals, levels).await,
        Err(error) => fail(&error),
    }
}

/// Serves until a signal or a break; then drains.
async fn until_end(running: Running, mut signals: Signals, levels: Option<Levels>) -> ExitCode {
    notify::notify(notify::READY);
    let code = loop {
        tokio::select! {
            biased;
            why = running.broken() => {
                tracing::error!(why, "the daemon cannot go on");
                break ExitCode::FAILURE;
            }
            _ = signals.terminate.recv() => break ExitCode::SUCCESS,
            _ = signals.interrupt.recv() => break ExitCode::SUCCESS,
            _ = signals.hangup.recv() => reload(&running, levels.as_ref()),
        }
    };
    notify::notify(notify::STOPPING);
    tracing::info!("draining");
    let drained = running.shutdown().await;
    tracing::info!(left = drained.left, "ended");
    code
}

fn reload(running: &Running, levels: Option<&Levels>) {
    notify::notify(&notify::reloading());
    match running.reload() {
        Ok(kept) => {
            if let Some(levels) = levels {
                levels.set(running.config().settings.log.level);
            }
            for key in kept {
                tracing::warn!(key, "key changed and needs a restart; its old value stays");
            }
            tracing::info!("configuration was read again");
        }
        Err(error) => {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, why, next = error.next_step(), "configuration is refused; the old one stays in force");
        }
    }
    notify::notify(notify::READY);
}

/// The signals that a daemon hears.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let of = |kind| signal(kind);
        let (terminate, interrupt) = (of(SignalKind::terminate())?, of(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, hangup: of(SignalKind::hangup())? })
    }
}

/// Prints data.
fn print(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Says on stderr why the program ends, in four parts.
fn fail(error: &StartError) -> ExitCode {
    say(&error.report())
}

fn fail_setup(error: &setup::Error) -> ExitCode {
    match error.why() {
        Some(why) => say(&report(error.code(), error, &why, error.next())),
        None => fail_as(error.code(), error, error.next()),
    };
    ExitCode::from(error.exit())
}

fn fail_as(code: &str, error: &dyn std::error::Error, next: impl std::fmt::Display) -> ExitCode {
    let why = error.source().map_or_else(|| error.to_string(), in_words);
    say(&report(code, error, &why, next))
}

/// An error in its four parts.
pub(crate) fn report(code: &str, what: &dyn std::fmt::Display, why: &str, next: impl std::fmt::Display) -> String {
    format!("error: {what} [{code}]\n  why: {why}\n next: {next}\n  ref: docs: errors/{code}")
}

fn say(report: &str) -> ExitCode {
    let _closed = writeln!(std::io::stderr().lock(), "{report}");
    ExitCode::FAILURE
}
