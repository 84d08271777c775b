//! Questions to the audit log of a daemon that serves: queries, a proof, and its own check of the whole log.

use anyhow::{Context as _, Result, ensure};
use scalbotics_proto::v1;
use scalbotics_proto::v1::audit_service_client::AuditServiceClient;
use scalbotics_proto::v1::prove_audit_log_request::Wanted;
use serde::Serialize;
use tokio::time::Instant;

use crate::client::request;
use crate::known::{Known, Who};
use crate::spent::micros;

/// Which daemon, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    who: Who,
    /// Rounds of all questions that are measured; one more comes before them
    #[arg(long, default_value_t = 30)]
    rounds: usize,
    /// Checks of the whole log
    #[arg(long, default_value_t = 1)]
    checks: usize,
}

/// What was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Samples {
    /// Records of the log.
    records: u64,
    /// Each question, and the times of its answers in microseconds.
    queries: Vec<(String, Vec<u64>)>,
    /// Records that each question found.
    found: Vec<usize>,
    /// Bytes of an inclusion proof without the checkpoint beside it: index and hashes.
    proof_bytes: usize,
    /// Checks of the whole log, in microseconds.
    checks_us: Vec<u64>,
}

fn filter(change: impl FnOnce(&mut v1::AuditFilter)) -> v1::AuditFilter {
    let mut filter = v1::AuditFilter::default();
    change(&mut filter);
    filter
}

/// Questions of which some find something rare, some a page of what is frequent, and some nothing.
fn questions(actor: &str, at: i64) -> Vec<(&'static str, v1::AuditFilter)> {
    let moment = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let actor = |filter: &mut v1::AuditFilter| filter.actor = actor.to_owned();
    vec![
        ("the newest", v1::AuditFilter::default()),
        ("by actor", filter(actor)),
        ("denials", filter(|filter| filter.decision = "deny".to_owned())),
        ("a rare action", filter(|filter| filter.action = "tool/rare.action".to_owned())),
        ("nothing", filter(|filter| filter.action = "tool/absent".to_owned())),
        (
            "actor, action and kind that never meet",
            filter(|filter| {
                actor(filter);
                (filter.action, filter.kind) = ("tool/ledger.entry-1".to_owned(), "intent".to_owned());
            }),
        ),
        (
            "an hour in the middle, by action",
            filter(|filter| {
                (filter.since, filter.until) = (moment(at), moment(at + 3_600));
                filter.action = "tool/ledger.entry-2".to_owned();
            }),
        ),
        ("an hour in the middle", filter(|filter| (filter.since, filter.until) = (moment(at), moment(at + 3_600)))),
    ]
}

/// Asks and measures.
///
/// # Errors
/// When the daemon does not answer.
pub(crate) async fn measure(options: &Options) -> Result<Samples> {
    let Known { channel, token, .. } = Known::log_in(&options.who).await?;
    let mut audit = AuditServiceClient::new(channel).max_decoding_message_size(16 << 20);
    let records = audit.get_audit_head(request(&token, v1::GetAuditHeadRequest::default())?).await?.into_inner().size;
    let middle = v1::ListAuditRecordsRequest { from_index: records / 2, page_size: 1, ..Default::default() };
    let middle = audit.list_audit_records(request(&token, middle)?).await?.into_inner();
    let middle: serde_json::Value = serde_json::from_str(&middle.records.first().context("the log is empty")?.json)?;
    let actor = middle.pointer("/actor/uid").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let at = middle.pointer("/at").and_then(serde_json::Value::as_i64).unwrap_or_default() / 1_000;
    let mut samples = Samples { records, ..Samples::default() };
    let asked = questions(&actor, at);
    samples.queries = asked.iter().map(|(name, _)| ((*name).to_owned(), Vec::new())).collect();
    for round in 0..=options.rounds {
        for (filter, (_, times)) in asked.iter().map(|(_, filter)| filter).zip(&mut samples.queries) {
            let list = v1::ListAuditRecordsRequest {
                page_size: 50,
                order_by: "index desc".to_owned(),
                filter: Some(filter.clone()),
                ..Default::default()
            };
            let begun = Instant::now();
            let page = audit.list_audit_records(request(&token, list)?).await?.into_inner();
            let took = micros(begun.elapsed());
            ensure!(
                page.next_page_token.is_empty() || !page.records.is_empty(),
                "a page that was cut off: the index is not there"
            );
            if round == 0 {
                samples.found.push(page.records.len());
            } else {
                times.push(took);
            }
        }
    }
    let prove = v1::ProveAuditLogRequest { wanted: Some(Wanted::Index(records / 2)), ..Default::default() };
    let text = audit.prove_audit_log(request(&token, prove)?).await?.into_inner().text;
    samples.proof_bytes = text.split("\n\n").next().unwrap_or_default().len();
    for _ in 0..options.checks {
        let begun = Instant::now();
        let answer = audit.verify_audit_log(request(&token, v1::VerifyAuditLogRequest::default())?).await?.into_inner();
        samples.checks_us.push(micros(begun.elapsed()));
        ensure!(answer.ok, "the log does not verify: {}", answer.fault);
    }
    Ok(samples)
}
