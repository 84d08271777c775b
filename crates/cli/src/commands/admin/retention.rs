//! `admin retention`

use clap::Subcommand;
use scalbotics_core::time::Span;
use scalbotics_proto::v1;
use serde_json::{Value, json};

use super::verb::client;
use crate::commands::wire;
use crate::failure::Failure;
use crate::output::{Confirm, Printer, column};
use crate::session::Session;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum RetentionVerb {
    /// Show how long matter is kept, what was erased by its age, and how the keys stand that open backups.
    #[command(alias = "get", before_help = "Example: scalbotics admin retention show")]
    Show,
    /// Believe a clock that is far ahead of the audit log: what is old by it is erased from now on.
    #[command(before_help = "Example: scalbotics admin retention accept-clock")]
    AcceptClock,
}

/// Runs a verb.
pub(super) async fn run(session: &Session, verb: &RetentionVerb, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    match verb {
        RetentionVerb::Show => {
            let request = v1::GetRetentionRequest::default();
            show(&client(session).get_retention(session.request(request)?).await?.into_inner(), printer)
        }
        RetentionVerb::AcceptClock => {
            confirm.ask("the daemon's clock will be believed: what is old by it is erased and does not come back", "clock")?;
            let request = v1::AcceptClockRequest { parent: String::new(), request_id: session.request_id() };
            show(&client(session).accept_clock(session.request(request)?).await?.into_inner(), printer)
        }
    }
}

/// A length of time as the configuration writes it.
fn span(length: Option<prost_types::Duration>) -> String {
    let ms = |length: prost_types::Duration| {
        let (seconds, nanos) = (u64::try_from(length.seconds).unwrap_or(0), u64::try_from(length.nanos).unwrap_or(0));
        seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000)
    };
    length.map(|length| Span::from_ms(ms(length)).to_string()).unwrap_or_default()
}

fn show(retention: &v1::Retention, printer: &Printer) -> Result<(), Failure> {
    let value = retention_json(retention);
    let columns = [
        column("backups", "/backups"),
        column("believed until", "/believed_at"),
        column("clock jumped", "/jumped_at"),
        column("erased by age", "/aged"),
        column("orders under way", "/under_way"),
        column("key rotated", "/rotated_at"),
        column("rotation under way", "/rotation_under_way"),
        column("old keys since", "/retired_keys"),
    ];
    printer.one(&value, &columns)?;
    printer.section(&value, "/kept", &[column("CLASS", "/name"), column("KEPT", "/kept")])
}

fn retention_json(retention: &v1::Retention) -> Value {
    let kept = retention.kept.iter().map(|kept| json!({ "name": kept.class, "kept": span(kept.span) }));
    let retired = retention.retired_key_times.iter().map(|at| wire::time(Some(*at)));
    json!({
        "backups": span(retention.backups),
        "believed_at": wire::time(retention.believed_time),
        "jumped_at": wire::time(retention.jump_time),
        "aged": retention.aged,
        "under_way": retention.under_way,
        "rotated_at": wire::time(retention.rotate_time),
        "rotation_under_way": retention.rotation_under_way,
        "retired_keys": retired.collect::<Vec<_>>(),
        "kept": kept.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_in_the_configuration() {
        let of = |seconds, nanos| span(Some(prost_types::Duration { seconds, nanos }));
        assert_eq!((of(86_400 * 30, 0), of(5_400, 0), of(1, 500_000_000), span(None)), {
            ("30d".to_owned(), "90m".to_owned(), "1500ms".to_owned(), String::new())
        });
    }
}
