//! `agent logs`

use std::collections::VecDeque;

use clap::Args;
use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_client::AgentServiceClient;
use scalbotics_proto::v1::audit_service_client::AuditServiceClient;
use serde_json::Value;
use tokio_stream::StreamExt as _;

use crate::commands::audit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::session::Session;

/// Newest records that are printed where nothing is said.
const LINES: usize = 20;

/// Records fetched in one call.
const PAGE: i32 = 1_000;

/// Arguments of `agent logs`.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The agent.
    agent: String,
    /// How many of the newest: 20 where nothing is said.
    #[arg(short = 'n', long)]
    lines: Option<usize>,
    /// Go on as they come.
    #[arg(short, long)]
    follow: bool,
}

/// Prints the records of an agent's tasks.
pub(super) async fn logs(session: &Session, args: &LogsArgs, printer: &Printer) -> Result<(), Failure> {
    let request = v1::GetAgentRequest { name: session.resource("agents", &args.agent) };
    let agent = AgentServiceClient::new(session.channel.clone()).get_agent(session.request(request)?).await?.into_inner();
    let mut client = AuditServiceClient::new(session.channel.clone());
    let most = args.lines.unwrap_or(LINES);
    let head = client.get_audit_head(session.request(v1::GetAuditHeadRequest::default())?).await?.into_inner();
    let (mut from, mut newest) = (0, VecDeque::new());
    while from < head.size {
        let request = v1::ListAuditRecordsRequest { from_index: from, page_size: PAGE, ..v1::ListAuditRecordsRequest::default() };
        let answer = client.list_audit_records(session.request(request)?).await?.into_inner();
        let wanted = |record: &v1::AuditRecord| record.index < head.size && is_of(record, &agent.uid);
        newest.extend(answer.records.into_iter().filter(wanted));
        newest.drain(..newest.len().saturating_sub(most));
        if answer.next_index <= from {
            break;
        }
        from = answer.next_index;
    }
    newest.iter().try_for_each(|record| audit::print(record, printer))?;
    if !args.follow {
        return Ok(());
    }
    let request = v1::TailAuditRecordsRequest { from_index: head.size, ..v1::TailAuditRecordsRequest::default() };
    let mut records = client.tail_audit_records(session.stream(request)?).await?.into_inner();
    while let Some(record) = records.next().await {
        let record = record?;
        if is_of(&record, &agent.uid) {
            audit::print(&record, printer)?;
        }
    }
    Ok(())
}

/// Whether a record is about a task of the agent: it acts, or stands in the chain.
fn is_of(record: &v1::AuditRecord, agent: &str) -> bool {
    let value: Value = serde_json::from_str(&record.json).unwrap_or(Value::Null);
    let is_agent = |principal: &Value| principal.pointer("/uid").and_then(Value::as_str) == Some(agent);
    let stands = value.get("chain").and_then(Value::as_array).is_some_and(|chain| chain.iter().any(is_agent));
    let acts = value.get("actor").is_some_and(is_agent);
    value.get("task").is_some() && (acts || stands)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_of_the_agents_tasks_only() {
        let principal = |uid: &str| json!({ "kind": "agent", "uid": uid });
        for (record, wanted) in [
            (json!({ "task": "task_1", "actor": principal("agt_1") }), true),
            (json!({ "task": "task_1", "actor": { "kind": "daemon" }, "chain": [principal("hum_1"), principal("agt_1")] }), true),
            (json!({ "task": "task_1", "actor": principal("agt_2"), "chain": [principal("agt_2")] }), false),
            (json!({ "actor": principal("agt_1") }), false),
            (json!([]), false),
        ] {
            let record = v1::AuditRecord { json: record.to_string(), ..v1::AuditRecord::default() };
            assert_eq!(is_of(&record, "agt_1"), wanted, "{}", record.json);
        }
    }
}
