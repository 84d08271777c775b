//! Verbs of `audit`.

use std::collections::VecDeque;
use std::ffi::OsString;

use clap::{Subcommand, ValueEnum as _};
use scalbotics_proto::v1;
use scalbotics_proto::v1::audit_service_client::AuditServiceClient;
use scalbotics_proto::v1::prove_audit_log_request::Wanted;
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;

use super::export::{self, Export};
use super::query::{self, Query};
use super::verify;
use crate::codes;
use crate::commands::exec;
use crate::failure::{Exit, Failure};
use crate::output::{Format, Printer, escape, pretty};
use crate::session::{Proving, Session};

/// Newest records that are printed where nothing is said.
const LINES: u64 = 20;

/// Records fetched in one call.
const PAGE: i32 = 500;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Print the newest records, and with --follow go on as they come.
    #[command(before_help = "Example: scalbotics audit tail --follow")]
    Tail {
        /// How many of the newest: 20 where nothing is said, and all of a task.
        #[arg(short = 'n', long)]
        lines: Option<u64>,
        /// Go on as they come.
        #[arg(short, long)]
        follow: bool,
        /// Only of this task.
        #[arg(long, conflicts_with = "follow")]
        task: Option<String>,
    },
    /// Find records by time, actor, action, decision or task.
    #[command(before_help = "Example: scalbotics audit query --actor agents/clerk --decision deny --since 24h")]
    Query(Query),
    /// Show one record, as it was hashed.
    #[command(before_help = "Example: scalbotics audit show 41")]
    Show {
        /// Its index.
        index: u64,
    },
    /// Take the evidence of one task out, as one file for `scalbotics-verify`.
    #[command(before_help = "Example: scalbotics audit export --task task_… --out refund.evidence")]
    Export(Export),
    /// Prove that a record is in the log, or that the log grew out of what it was, to who has a checkpoint.
    #[command(before_help = "Example: scalbotics audit prove --index 41 > 41.tlog-proof")]
    Prove {
        /// The record's index: a C2SP tlog-proof under the newest checkpoint.
        #[arg(long, required_unless_present = "from", conflicts_with_all = ["from", "to"])]
        index: Option<u64>,
        /// The older size: a consistency proof.
        #[arg(long, value_name = "SIZE")]
        from: Option<u64>,
        /// The newer size, of which there must be a checkpoint; the newest where none is named.
        #[arg(long, value_name = "SIZE", requires = "from")]
        to: Option<u64>,
    },
    /// Write a log as files that any web server can serve (C2SP tlog-tiles).
    #[command(before_help = "Example: scalbotics audit tiles --offline --data ./box/data --log system --out ./tiles")]
    Tiles {
        /// From the files of the data directory: arguments go to scalboticsd audit tiles.
        #[arg(long, num_args = 0.., allow_hyphen_values = true, value_name = "ARGUMENTS", required = true)]
        offline: Vec<OsString>,
    },
    /// Cosign checkpoints of logs that only ever grow, on another host than theirs (C2SP tlog-witness).
    #[command(before_help = "Example: scalbotics audit witness --dir ./w1 --name witness.example.org/w1 --keygen")]
    Witness {
        /// What scalboticsd audit witness is given.
        #[arg(num_args = 0.., trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<OsString>,
    },
    /// Recompute the whole log and compare it with its head and every checkpoint.
    #[command(before_help = "Example: scalbotics audit verify")]
    Verify {
        /// Verify the files without a daemon: arguments go to scalboticsd audit verify.
        #[arg(long, num_args = 0.., allow_hyphen_values = true, value_name = "ARGUMENTS")]
        offline: Option<Vec<OsString>>,
    },
}

pub(super) fn client(session: &Session) -> AuditServiceClient<Proving> {
    AuditServiceClient::new(session.channel.clone())
}

/// Verbs that read files rather than ask the daemon; `format` is that of data, wherever it was said.
pub(crate) fn offline(verb: &Verb, format: Format) -> Option<Result<(), Failure>> {
    match verb {
        Verb::Verify { offline: Some(arguments) } => Some(handed_on(&["verify", "--offline"], arguments, format)),
        Verb::Tiles { offline: arguments } => Some(handed_on(&["tiles"], arguments, format)),
        Verb::Witness { arguments } => Some(handed_on(&["witness"], arguments, format)),
        Verb::Verify { offline: None }
        | Verb::Tail { .. }
        | Verb::Show { .. }
        | Verb::Prove { .. }
        | Verb::Query(_)
        | Verb::Export(_) => None,
    }
}

fn handed_on(verb: &[&str], arguments: &[OsString], format: Format) -> Result<(), Failure> {
    exec(words(verb, arguments, format))
}

/// The words for `scalboticsd`; a format among the arguments is theirs.
fn words(verb: &[&str], arguments: &[OsString], format: Format) -> Vec<OsString> {
    let says = |word: &OsString| word.to_str().is_some_and(|word| word.starts_with("-o") || word.starts_with("--output"));
    let said = format.to_possible_value().filter(|_| !arguments.iter().any(says));
    let format = said.into_iter().flat_map(|format| [OsString::from("-o"), OsString::from(format.get_name())]);
    let verb = ["audit"].iter().chain(verb).map(OsString::from);
    format.chain(verb).chain(arguments.iter().cloned()).collect()
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Tail { lines, follow, task } => tail(session, *lines, *follow, task.as_deref(), printer).await,
        Verb::Show { index } => show(session, *index, printer).await,
        Verb::Query(query) => query::query(session, query, printer).await,
        Verb::Export(export) => export::export(session, export, printer).await,
        Verb::Prove { index, from, to } => prove(session, (*index, *from, *to), printer).await,
        Verb::Verify { .. } => verify::verify(session, printer).await,
        // Those become another program before there is a session.
        Verb::Tiles { .. } | Verb::Witness { .. } => Ok(()),
    }
}

/// A record, and beside it what people read of it.
pub(super) fn record_json(record: &v1::AuditRecord) -> Value {
    let value: Value = serde_json::from_str(&record.json).unwrap_or(Value::Null);
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let at = value.pointer("/at").and_then(Value::as_i64).and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let ruling = match value.pointer("/decision/allow").and_then(Value::as_bool) {
        Some(true) => "allow",
        Some(false) => "deny",
        None => "",
    };
    json!({
        "name": record.index.to_string(),
        "index": record.index,
        "time": at.map(|at| at.to_string()),
        "actor": if text("/actor/uid").is_empty() { text("/actor/kind") } else { text("/actor/uid") },
        "decision": ruling,
        "leaf_hash": record.leaf_hash,
        "record": value,
    })
}

fn line(item: &Value) -> String {
    let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let actor = [text("/record/actor/kind"), text("/record/actor/uid")].join(" ");
    // What was denied is what is looked for.
    let ruling = if text("/decision") == "deny" { "DENY".to_owned() } else { text("/decision") };
    let record = |part: &str| text(&format!("/record/{part}"));
    let parts = [record("kind"), record("action"), actor, ruling, record("outcome/word"), record("task"), record("effect")];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.trim().is_empty()).collect();
    let index = item.pointer("/index").and_then(Value::as_u64).unwrap_or_default();
    escape(&format!("{index:>6}  {:<24}  {}", text("/time"), parts.join("  ")))
}

/// Prints one record as `audit tail` does.
pub(crate) fn print(record: &v1::AuditRecord, printer: &Printer) -> Result<(), Failure> {
    let item = record_json(record);
    printer.item(&item, || line(&item))
}

async fn page(session: &Session, from: u64, task: &str) -> Result<v1::ListAuditRecordsResponse, Failure> {
    let request = v1::ListAuditRecordsRequest {
        from_index: from,
        page_size: PAGE,
        task: task.to_owned(),
        ..v1::ListAuditRecordsRequest::default()
    };
    Ok(client(session).list_audit_records(session.request(request)?).await?.into_inner())
}

async fn tail(session: &Session, lines: Option<u64>, follow: bool, task: Option<&str>, printer: &Printer) -> Result<(), Failure> {
    let head = client(session).get_audit_head(session.request(v1::GetAuditHeadRequest::default())?).await?.into_inner();
    // Where the records of a task lie is known only when all were looked at.
    let mut from = if task.is_some() { 0 } else { head.size.saturating_sub(lines.unwrap_or(LINES)) };
    if follow {
        let request = v1::TailAuditRecordsRequest { from_index: from, ..v1::TailAuditRecordsRequest::default() };
        let mut records = client(session).tail_audit_records(session.stream(request)?).await?.into_inner();
        while let Some(record) = records.next().await {
            let record = record?;
            print(&record, printer)?;
        }
        return Ok(());
    }
    let most = lines.and_then(|lines| usize::try_from(lines).ok()).unwrap_or(usize::MAX);
    let mut newest = VecDeque::new();
    while from < head.size {
        let answer = page(session, from, task.unwrap_or_default()).await?;
        newest.extend(answer.records.into_iter().filter(|record| record.index < head.size));
        newest.drain(..newest.len().saturating_sub(most));
        if answer.next_index <= from {
            break;
        }
        from = answer.next_index;
    }
    newest.iter().try_for_each(|record| print(record, printer))
}

async fn show(session: &Session, index: u64, printer: &Printer) -> Result<(), Failure> {
    let answer = page(session, index, "").await?;
    let found = answer.records.iter().find(|record| record.index == index);
    let record = found.ok_or_else(|| {
        Failure::new(Exit::NotFound, codes::NOT_FOUND, format!("the audit log has no record {index}"))
            .why("records are numbered from 0, without a gap, and this is behind the last")
            .next("scalbotics audit tail")
    })?;
    let value = record_json(record);
    printer.item(&value, || pretty(&value))
}

async fn prove(
    session: &Session,
    (index, from, to): (Option<u64>, Option<u64>, Option<u64>),
    printer: &Printer,
) -> Result<(), Failure> {
    let growth = from.map(|from_size| Wanted::Growth(v1::AuditGrowth { from_size, to_size: to.unwrap_or_default() }));
    let request = v1::ProveAuditLogRequest { wanted: index.map(Wanted::Index).or(growth), ..v1::ProveAuditLogRequest::default() };
    let proof = client(session).prove_audit_log(session.request(request)?).await?.into_inner();
    printer.item(&json!({ "proof": proof.text }), || proof.text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn a_format_counts_wherever_it_is_said() {
        for (arguments, format, wanted) in [
            ("--data x", Format::Table, "-o table audit verify --offline --data x"),
            ("--data x", Format::Json, "-o json audit verify --offline --data x"),
            ("--data x -ojson", Format::Table, "audit verify --offline --data x -ojson"),
            ("--output=json", Format::Yaml, "audit verify --offline --output=json"),
            ("--out x", Format::Name, "-o name audit verify --offline --out x"),
        ] {
            let arguments: Vec<OsString> = arguments.split(' ').map(OsString::from).collect();
            let words = words(&["verify", "--offline"], &arguments, format);
            assert_eq!(words.join(OsStr::new(" ")), wanted);
        }
    }
}
