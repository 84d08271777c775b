//! `approval show`

use scalbotics_proto::v1;
use serde_json::{Value, json};

use super::verb;
use crate::commands::wire;
use crate::failure::Failure;
use crate::output::{Printer, column, escape, print_data};
use crate::session::Session;

/// Fetches a request with its arguments.
pub(super) async fn get(session: &Session, approval: &str) -> Result<v1::Approval, Failure> {
    let request = v1::GetApprovalRequest { name: session.resource("approvals", approval) };
    Ok(verb::client(session).get_approval(session.request(request)?).await?.into_inner())
}

fn principal(principal: &v1::Principal) -> String {
    let (kind, uid, name) = (&principal.kind, &principal.uid, &principal.display_name);
    // The uid is what is signed; the name is as told by the daemon.
    if name.is_empty() { format!("{kind} {uid}") } else { format!("{kind} {name} ({uid})") }
}

/// A request as JSON.
pub(super) fn approval_json(approval: &v1::Approval) -> Value {
    let args = scalbotics_core::json::parse(approval.args_json.as_bytes()).unwrap_or(Value::Null);
    json!({
        "name": wire::short(&approval.name),
        "status": approval.status().as_str_name().trim_start_matches("APPROVAL_STATUS_"),
        "trust_domain": approval.trust_domain,
        "task": approval.task,
        "effect": approval.effect,
        "step": approval.step,
        "agent": approval.agent,
        "agent_uid": approval.agent_uid,
        "chain": approval.chain.iter().map(principal).collect::<Vec<_>>(),
        "grants": approval.grants,
        "tool": approval.tool,
        "tool_digest": approval.tool_digest,
        "tier": approval.tier,
        "args": args,
        "inputs": approval.inputs.iter().map(|i| json!({ "name": i.name, "sha256": i.digest })).collect::<Vec<_>>(),
        "call_digest": approval.call_digest,
        "nonce": approval.nonce,
        "created": wire::time(approval.create_time),
        "expires": wire::time(approval.expire_time),
        "answered_by": approval.answered_by.as_ref().map(principal),
    })
}

/// Prints a request; inputs have a line each, as `sha256sum` would print them, and the arguments come last, whole, one escaped
/// line each, so that nothing hides at their end.
pub(super) fn print(approval: &v1::Approval, printer: &Printer) -> Result<(), Failure> {
    let value = approval_json(approval);
    let columns = [
        column("approval", "/name"),
        column("status", "/status"),
        column("trust domain", "/trust_domain"),
        column("task", "/task"),
        column("effect", "/effect"),
        column("step", "/step"),
        column("agent", "/agent"),
        column("agent uid", "/agent_uid"),
        column("for", "/chain"),
        column("grants", "/grants"),
        column("tool", "/tool"),
        column("tool digest", "/tool_digest"),
        column("tier", "/tier"),
        column("call digest", "/call_digest"),
        column("nonce", "/nonce"),
        column("asked", "/created"),
        column("expires", "/expires"),
        column("answered by", "/answered_by"),
    ];
    printer.one(&value, &columns)?;
    printer.section(&value, "/inputs", &[column("SHA-256", "/sha256"), column("INPUT", "/name")])?;
    if !printer.is_for_people() || approval.args_json.is_empty() {
        return Ok(());
    }
    let args = value.pointer("/args").unwrap_or(&Value::Null);
    let pretty = serde_json::to_string_pretty(args).unwrap_or_default();
    let lines: Vec<String> = pretty.lines().map(|line| format!("  {}", escape(line))).collect();
    print_data(&format!("\narguments ({} bytes)\n{}", approval.args_json.len(), lines.join("\n")))
}
