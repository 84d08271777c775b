//! `scalboticsd initialize` and `scalboticsd dev` as programs: what they print, and how they end.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitCode;
use std::sync::Arc;

use scalbotics_core::ports::{Clock, IdSource};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::initialize::{self, initialize, preview};
use super::{Dev, Directories, Environment, Error, Initialize, Plan, Prepared, ask, terminal};
use crate::clock::{Guarded, System};
use crate::config::{self, Config};
use crate::id_source::UuidIds;
use crate::program::Format;
use crate::{Running, Start, StartError};

/// How `dev` ends that was told to before its command had ended, or before it served: as a shell tells SIGINT.
const INTERRUPTED: u8 = 130;

/// Why `dev` ended badly.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The installation could not be made.
    #[error("the installation cannot be made")]
    Setup(#[from] Error),
    /// Its configuration is not usable.
    #[error("the configuration is not usable")]
    Config(#[from] config::Error),
    /// The daemon did not start.
    #[error("the daemon does not start")]
    Start(#[from] StartError),
    /// The command beside it could not be run.
    #[error("cannot run `{program}`")]
    Run {
        /// Its program.
        program: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Signals cannot be awaited.
    #[error("cannot {attempt}")]
    System {
        /// What was attempted.
        attempt: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The daemon broke while it served.
    #[error("the daemon broke: {why}")]
    Broken {
        /// Why.
        why: String,
    },
}

fn environment(directories: &Directories) -> Environment {
    let clock: Arc<dyn Clock> = Arc::new(Guarded::new(System, None));
    let ids: Arc<dyn IdSource> = Arc::new(UuidIds::new(Arc::clone(&clock)));
    Environment { clock, ids, config_dir: directories.config() }
}

/// Runs `initialize` and prints what was found and made.
///
/// # Errors
/// Any [`Error`].
pub async fn run_initialize(flags: &Initialize, output: Format) -> Result<(), Error> {
    let environment = environment(&flags.directories);
    let recalled = flags.clone().recalled()?;
    let flags = &if can_ask(&recalled) { ask::complete(recalled, &mut terminal::Person)? } else { recalled };
    let plan = Plan::from_flags(flags, &environment)?;
    let report = if flags.dry_run { preview(&plan, &environment).await? } else { initialize(&plan, &environment).await? };
    if output == Format::Json {
        say(&format!("{}\n", report.json(flags.dry_run)));
        return Ok(());
    }
    let mut text = report.to_string();
    if flags.dry_run {
        text.push_str("nothing was done: this was a dry run\n");
    } else if report.created_any() {
        text.push_str(&plan.advice());
    }
    say(&text);
    Ok(())
}

/// Runs `dev` until a signal, or until the command beside it has ended, whose exit code it takes over.
///
/// # Errors
/// Any [`DevError`].
pub async fn run_dev(flags: &Dev) -> Result<ExitCode, DevError> {
    let mut signals = Signals::new().map_err(|source| DevError::System { attempt: "await signals", source })?;
    let environment = environment(&flags.directories);
    let mut prepared = flags.prepare(&environment).await?;
    let sources =
        config::Sources { file: prepared.config.clone(), environment: config::process(), flags: prepared.overrides.clone() };
    let Some(running) = crate::start(Config::load(sources)?, Start::default(), signals.any()).await? else {
        prepared.end()?;
        return Ok(ExitCode::from(INTERRUPTED));
    };
    prepared.announce(running.api(), &environment)?;
    let ended = if flags.command.is_empty() {
        say(&format!("{}\n", prepared.banner(running.api(), running.admin())));
        serve(&running, signals).await
    } else {
        beside(&running, signals, flags, &prepared, &environment).await
    };
    running.shutdown().await;
    let code = ended?;
    prepared.end()?;
    Ok(code)
}

/// Somebody is asked where something is missing, they are there, and they did not say that they will not answer.
fn can_ask(flags: &Initialize) -> bool {
    !flags.yes && !flags.no_input && !initialize::missing(flags).is_empty() && terminal::is_there()
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn any(&mut self) {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

async fn serve(running: &Running, mut signals: Signals) -> Result<ExitCode, DevError> {
    tokio::select! {
        biased;
        why = running.broken() => Err(DevError::Broken { why }),
        () = signals.any() => Ok(ExitCode::SUCCESS),
    }
}

async fn beside(
    running: &Running,
    mut signals: Signals,
    flags: &Dev,
    prepared: &Prepared,
    environment: &Environment,
) -> Result<ExitCode, DevError> {
    let Some((program, arguments)) = flags.command.split_first() else { return Ok(ExitCode::SUCCESS) };
    let failed = |source| DevError::Run { program: program.to_string_lossy().into_owned(), source };
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).envs(prepared.variables(environment)).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    tokio::select! {
        biased;
        why = running.broken() => Err(DevError::Broken { why }),
        () = signals.any() => Ok(ExitCode::from(INTERRUPTED)),
        status = child.wait() => {
            let status = status.map_err(failed)?;
            // As a shell tells a signal.
            let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).and_then(|code| u8::try_from(code).ok());
            Ok(ExitCode::from(code.unwrap_or(1)))
        }
    }
}

/// Prints data; a closed stdout does not stop what was done.
fn say(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _closed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
