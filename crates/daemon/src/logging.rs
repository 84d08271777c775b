//! The daemon's own log, on stderr: JSON lines with request and trace ids, or text for people.
//!
//! **Invariant:** no secret is ever a field: tokens, keys, arguments and results have no `Debug` that shows them; and whatever a line
//! says passes the one pipeline of redaction before it is written ([`crate::covering`]).

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt};

use crate::config::{Log, LogFormat, LogLevel};
use crate::covering::CoveredStderr;

/// Changes the level of a log that runs.
#[derive(Debug, Clone)]
pub struct Levels(reload::Handle<LevelFilter, Registry>);

impl Levels {
    /// Logs from `level` on from now on.
    pub fn set(&self, level: LogLevel) {
        if let Err(error) = self.0.reload(filter(level)) {
            tracing::error!(%error, "log level could not be changed");
        }
    }
}

/// Begins to log; `None` when this process logs already.
#[must_use]
pub fn begin(log: &Log) -> Option<Levels> {
    let (level, handle) = reload::Layer::new(filter(log.level));
    let registry = tracing_subscriber::registry().with(level);
    let begun = match log.format {
        LogFormat::Json => {
            let lines = fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
            registry.with(lines.with_writer(CoveredStderr)).try_init()
        }
        LogFormat::Text => registry.with(fmt::layer().with_ansi(false).with_writer(CoveredStderr)).try_init(),
    };
    begun.ok().map(|()| Levels(handle))
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
