//! `audit verify`

use scalbotics_core::in_words;
use scalbotics_identity::holder::signed_note;
use scalbotics_proto::v1;
use serde_json::json;

use super::verb;
use crate::codes;
use crate::failure::{Exit, Failure};
use crate::output::{Printer, column};
use crate::session::Session;

/// Has the daemon recompute its log, and checks the newest checkpoint's signature here against the trust file.
pub(super) async fn verify(session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut client = verb::client(session);
    let answer = client.verify_audit_log(session.request(v1::VerifyAuditLogRequest::default())?).await?.into_inner();
    let head = client.get_audit_head(session.request(v1::GetAuditHeadRequest::default())?).await?.into_inner();
    let signature = checkpoint(session, &head.checkpoint);
    let value = json!({
        "name": if answer.ok { "ok" } else { "fault" },
        "ok": answer.ok && signature.is_ok(),
        "records": answer.records,
        "checkpoints": answer.checkpoints,
        "tasks": answer.tasks,
        "root": answer.root,
        "checkpoint_signature": match &signature { Ok(text) => text.clone(), Err(failure) => failure.why.clone() },
        "fault": answer.fault,
        "damage": answer.damage,
        "fault_index": answer.fault_index,
        "fault_from": answer.fault_from,
        "fault_to": answer.fault_to,
        "not_checked": answer.not_checked,
        "restores": answer.restores,
        // To be kept elsewhere: `scalboticsd audit verify --offline --checkpoint FILE` compares the log with it.
        "checkpoint": head.checkpoint,
    });
    let columns = [
        column("ok", "/ok"),
        column("records", "/records"),
        column("checkpoints", "/checkpoints"),
        column("tasks", "/tasks"),
        column("root", "/root"),
        column("signature", "/checkpoint_signature"),
        column("restores", "/restores"),
        column("fault", "/fault"),
        column("damage", "/damage"),
        column("first bad record", "/fault_index"),
        column("bad from", "/fault_from"),
        column("bad to", "/fault_to"),
        column("not checked", "/not_checked"),
    ];
    printer.one(&value, &columns)?;
    signature?;
    if answer.ok {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, codes::AUDIT_FAULT, "the audit log does not agree with itself")
        .why(answer.fault)
        .next("keep a copy of the data directory as it is; compare it with a backup or a checkpoint kept elsewhere"))
}

fn checkpoint(session: &Session, note: &str) -> Result<String, Failure> {
    if note.is_empty() {
        return Ok("no checkpoint yet, nothing to check".to_owned());
    }
    match signed_note::verify(note, &session.trust.log_keys) {
        Ok(_) => Ok("newest checkpoint is signed by the trust file's log key".to_owned()),
        Err(error) => Err(Failure::new(Exit::Failed, codes::AUDIT_FAULT, "the newest checkpoint's signature is refused")
            .why(in_words(&error))
            .next("scalbotics doctor")),
    }
}
