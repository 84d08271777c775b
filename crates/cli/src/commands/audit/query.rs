//! `audit query`: records by when, who, what, and what was decided.

use scalbotics_core::time::{Span, Timestamp};
use scalbotics_proto::v1;
use serde_json::Value;

use super::verb;
use crate::clock;
use crate::failure::Failure;
use crate::output::{Printer, column, wide};
use crate::session::Session;

/// Most records of one query.
const LIMIT_MAX: i32 = 10_000;

/// Most records of one call.
const PAGE_MAX: i32 = 1_000;

/// Which records.
#[derive(Debug, clap::Args)]
pub(crate) struct Query {
    /// At this moment or later: `2026-11-29T08:00:00Z`, or so long ago: `90m`, `24h`, `7d`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Before this moment, written likewise.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Who acted: `humans/ann`, `agents/clerk`, `services/ci`, `daemon`, or a uid as records have it.
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// For whom: anybody in the chain of the record, written likewise.
    #[arg(long, value_name = "WHO")]
    on_behalf_of: Option<String>,
    /// The action, whole: `task.submit`, `tool/fs.read`.
    #[arg(long)]
    action: Option<String>,
    /// The kind of record.
    #[arg(long, value_parser = ["rpc", "decision", "intent", "outcome", "approval", "secret", "task", "installation", "head"])]
    kind: Option<String>,
    /// What was decided.
    #[arg(long, value_parser = ["allow", "deny"])]
    decision: Option<String>,
    /// Only of this task, as `task_…`.
    #[arg(long)]
    task: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=i64::from(LIMIT_MAX)))]
    limit: i32,
    /// The oldest first: by default it is the newest.
    #[arg(long)]
    oldest_first: bool,
    /// Go on from the page before.
    #[arg(long, default_value = "")]
    page_token: String,
}

/// A moment, or a length of time before now.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(span) = text.parse::<Span>() {
        let ago = i64::try_from(span.as_ms()).unwrap_or(i64::MAX);
        return Ok(Timestamp::from_unix_ms(clock::now().unix_ms().saturating_sub(ago)));
    }
    let at = text.parse::<jiff::Timestamp>();
    at.map(|at| Timestamp::from_unix_ms(at.as_millisecond()))
        .map_err(|_| "it is neither a moment like 2026-11-29T08:00:00Z nor a length of time like 24h".to_owned())
}

fn on_the_wire(at: Timestamp) -> prost_types::Timestamp {
    let nanos = at.unix_ms().rem_euclid(1_000).saturating_mul(1_000_000);
    prost_types::Timestamp { seconds: at.unix_ms().div_euclid(1_000), nanos: i32::try_from(nanos).unwrap_or(0) }
}

impl Query {
    fn request(&self, page_token: String, page_size: i32) -> v1::ListAuditRecordsRequest {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let filter = v1::AuditFilter {
            actor: text(&self.actor),
            on_behalf_of: text(&self.on_behalf_of),
            action: text(&self.action),
            kind: text(&self.kind),
            decision: text(&self.decision),
            since: self.since.map(on_the_wire),
            until: self.until.map(on_the_wire),
        };
        v1::ListAuditRecordsRequest {
            page_size,
            page_token,
            task: text(&self.task),
            filter: Some(filter),
            order_by: if self.oldest_first { "index" } else { "index desc" }.to_owned(),
            ..v1::ListAuditRecordsRequest::default()
        }
    }
}

/// Asks until so many were found as are wanted, or there are no more.
pub(super) async fn query(session: &Session, query: &Query, printer: &Printer) -> Result<(), Failure> {
    let (mut items, mut page_token): (Vec<Value>, String) = (Vec::new(), query.page_token.clone());
    loop {
        let missing = query.limit.saturating_sub(i32::try_from(items.len()).unwrap_or(i32::MAX));
        let request = query.request(page_token, missing.min(PAGE_MAX));
        let answer = verb::client(session).list_audit_records(session.request(request)?).await?.into_inner();
        items.extend(answer.records.iter().map(verb::record_json));
        page_token = answer.next_page_token;
        if page_token.is_empty() || i32::try_from(items.len()).unwrap_or(i32::MAX) >= query.limit {
            break;
        }
    }
    let columns = [
        column("INDEX", "/index"),
        column("TIME", "/time"),
        column("KIND", "/record/kind"),
        column("ACTION", "/record/action"),
        column("ACTOR", "/actor"),
        column("DECISION", "/decision"),
        column("OUTCOME", "/record/outcome/word"),
        wide("TASK", "/record/task"),
        wide("TARGET", "/record/target"),
        wide("TRACE", "/record/trace"),
    ];
    printer.list(&items, &columns)?;
    if !page_token.is_empty() {
        printer.note(&format!("there may be more: the same with --page-token {page_token}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_said_as_such_or_as_so_long_ago() {
        let at = |text| moment(text).map(Timestamp::unix_ms);
        assert_eq!(at("1970-01-01T00:00:01.5Z"), Ok(1_500));
        assert_eq!(at("1970-01-01T01:00:00+01:00"), Ok(0));
        let day = at("0s").unwrap() - at("24h").unwrap();
        assert!((86_390_000..=86_400_000).contains(&day), "{day}");
        for bad in ["", "yesterday", "2026-11-29", "5", "-5m", "9999999d"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
        let wire = on_the_wire(Timestamp::from_unix_ms(-1));
        assert_eq!((wire.seconds, wire.nanos), (-1, 999_000_000));
    }
}
