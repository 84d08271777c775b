//! The daemon's own verb: it serves until a signal, and reads its configuration again at another.

use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::arguments::SourceFlags;
use super::report::fail;
use super::run::load;
use crate::logging::{self, Levels};
use crate::{Running, Start, StartError, notify};

/// Starts the daemon, and serves until its end.
pub(super) async fn serve(flags: SourceFlags, start: Start) -> ExitCode {
    let config = match load(flags) {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    let levels = logging::begin(&config.settings.log);
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(source) => return fail(&StartError::System { attempt: "await signals", source: source.into() }),
    };
    match crate::start(config, start, signals.end()).await {
        Ok(Some(running)) => until_end(running, signals, levels).await,
        Ok(None) => ExitCode::SUCCESS,
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

    /// Returns when the daemon is told to end; systemd hears at once that it does.
    async fn end(&mut self) {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        notify::notify(notify::STOPPING);
    }
}
