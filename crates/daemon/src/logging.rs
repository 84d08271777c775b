//! The daemon's own log, on stderr: JSON lines with request and trace ids, or text for people.
//!
//! **Invariant:** no secret is ever a field: tokens, keys, arguments and results have no `Debug` that shows them; and whatever a line
//! says passes the one pipeline of redaction before it is written ([`crate::covering`]).

use std::fmt::Debug;

use tracing::field::{Field, Visit};
use tracing_subscriber::field::{RecordFields, VisitOutput as _};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};
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
            registry.with(lines.with_writer(CoveredStderr::Json)).try_init()
        }
        LogFormat::Text => {
            let lines = fmt::layer().with_ansi(false).fmt_fields(Grouped);
            registry.with(lines.with_writer(CoveredStderr::Text)).try_init()
        }
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

/// The fewest digits of a number that is written in groups: so many may be somebody's.
const GROUPED_FROM: usize = 6;

/// Writes fields as text, and long numbers among them in groups, `1_234_567`: so are those of nobody's telephone, card or passport written,
/// so that redaction leaves what we measured and need not believe what a text says about itself.
#[derive(Debug)]
struct Grouped;

impl<'w> fmt::FormatFields<'w> for Grouped {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> std::fmt::Result {
        let mut visitor = Grouping(DefaultVisitor::new(writer, true));
        fields.record(&mut visitor);
        visitor.0.finish()
    }
}

struct Grouping<'w>(DefaultVisitor<'w>);

impl Visit for Grouping<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.record_debug(field, &format_args!("{}", grouped(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        let sign = if value < 0 { "-" } else { "" };
        self.0.record_debug(field, &format_args!("{sign}{}", grouped(value.unsigned_abs())));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.record_str(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.0.record_error(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.record_debug(field, value);
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() < GROUPED_FROM {
        return digits;
    }
    let is_first = |place: usize| place > 0 && (digits.len() - place).is_multiple_of(3);
    digits.char_indices().flat_map(|(place, digit)| is_first(place).then_some('_').into_iter().chain([digit])).collect()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn long_numbers_are_written_in_groups_and_what_others_say_as_it_is() {
        let lines = Lines::default();
        let writer = {
            let lines = lines.clone();
            move || lines.clone()
        };
        let layer = fmt::layer().with_ansi(false).without_time().with_target(false).fmt_fields(Grouped).with_writer(writer);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("call", since = 1_764_566_138_000_u64);
            let _in = span.enter();
            tracing::info!(elapsed_us = 123_456_789_u64, few = 12_345, less = -1_234_567_i64, said = "5552345678", name = %5_552_345, "call answered");
        });
        let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let wanted = r#" INFO call{since=1_764_566_138_000}: call answered elapsed_us=123_456_789 few=12345 less=-1_234_567 said="5552345678" name=5552345"#;
        assert_eq!(said.trim_end(), wanted);
    }
}
