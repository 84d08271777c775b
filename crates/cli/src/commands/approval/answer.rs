//! `approval approve`, `approval deny`: the statement is rebuilt here from the fields that are shown, and signed here.

use scalbotics_core::approval::{Answer, Reply, Request, Statement, Status};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::PayloadId;
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::Name;
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::{ResolvedInput, Tier};
use scalbotics_identity::holder::{key, statement};
use scalbotics_proto::v1;

use super::{show, verb};
use crate::codes;
use crate::commands::wire;
use crate::failure::{Exit, Failure, chain};
use crate::output::Printer;
use crate::session::Session;

/// Shows the request, signs the answer, and sends it.
pub(super) async fn answer(
    session: &Session,
    approval: &str,
    answer: Answer,
    reason: &str,
    printer: &Printer,
) -> Result<(), Failure> {
    let key = approval_key(session)?;
    let shown = show::get(session, approval).await?;
    if printer.is_for_people() {
        show::print(&shown, printer)?;
    }
    let statement = statement(session, &shown, answer, reason)?;
    let cannot = |why: String| Failure::new(Exit::Failed, codes::SIGN, "the answer cannot be signed").why(why);
    let bytes = statement.canonical().map_err(|error| cannot(chain(&error)))?;
    let signature = statement::sign_approval(&key, &bytes).map_err(|error| cannot(chain(&error)))?;
    let request = v1::DecideApprovalRequest {
        name: shown.name.clone(),
        statement: bytes,
        signature: signature.to_vec(),
        request_id: session.request_id(),
    };
    let decided = verb::client(session).decide_approval(session.request(request)?).await?.into_inner();
    if printer.is_for_people() {
        let word = decided.status().as_str_name().trim_start_matches("APPROVAL_STATUS_");
        printer.note(&format!("{} {word}", wire::short(&decided.name)));
        return Ok(());
    }
    show::print(&decided, printer)
}

fn approval_key(session: &Session) -> Result<key::Pair, Failure> {
    let Some(path) = &session.context.approval_key else {
        return Err(Failure::new(Exit::Denied, codes::NO_APPROVAL_KEY, format!("context {} has no approval key", session.name))
            .why("approvals are signed by a key of the approver's own, enrolled with the installation")
            .next("scalbotics context list"));
    };
    key::Pair::load(path).map_err(|error| {
        Failure::new(Exit::Failed, codes::NO_APPROVAL_KEY, format!("cannot use approval key {}", path.display()))
            .why(chain(&error))
    })
}

/// The statement over exactly what was shown; anything malformed is refused rather than signed.
fn statement(session: &Session, shown: &v1::Approval, answer: Answer, reason: &str) -> Result<Statement, Failure> {
    let refuse = |what: &str| {
        Failure::new(Exit::Failed, codes::SIGN, format!("the request's {what} is malformed, so nothing is signed"))
            .next("scalbotics doctor")
    };
    if shown.trust_domain != session.trust.trust_domain.as_str() {
        return Err(refuse("trust domain"));
    }
    let args = scalbotics_core::json::parse(shown.args_json.as_bytes()).map_err(|_| refuse("arguments"))?;
    let request = request(session, shown).ok_or_else(|| refuse("identifiers"))?;
    let reply = Reply { approver: session.context.human_uid, answer, reason: reason.to_owned() };
    Ok(Statement::of(&request, &shown.trust_domain, args, reply))
}

fn request(session: &Session, shown: &v1::Approval) -> Option<Request> {
    let args = scalbotics_core::payload::Ref {
        id: PayloadId::from_u128(0),
        commitment: Digest::of_bytes(shown.args_json.as_bytes()),
        len: shown.args_json.len() as u64,
    };
    Some(Request {
        id: wire::short(&shown.name).parse().ok()?,
        tenant: session.context.tenant.clone(),
        task: shown.task.parse().ok()?,
        effect: shown.effect.parse().ok()?,
        step: shown.step.clone(),
        agent: shown.agent_uid.parse().ok()?,
        agent_name: Name::parse(&shown.agent).ok()?,
        chain: shown.chain.iter().map(uid).collect::<Option<Vec<_>>>()?,
        tool: Name::parse(&shown.tool).ok()?,
        tool_digest: shown.tool_digest.parse().ok()?,
        tier: u8::try_from(shown.tier).ok().and_then(Tier::from_number)?,
        inputs: shown.inputs.iter().map(input).collect::<Option<Vec<_>>>()?,
        call: shown.call_digest.parse().ok()?,
        args,
        nonce: shown.nonce.parse().ok()?,
        asked_at: Timestamp::from_unix_ms(wire::unix_ms(shown.create_time)),
        expires_at: Timestamp::from_unix_ms(wire::unix_ms(shown.expire_time)),
        status: Status::Waiting,
        answered_by: None,
    })
}

fn uid(principal: &v1::Principal) -> Option<Uid> {
    match principal.kind.as_str() {
        "human" => principal.uid.parse().ok().map(Uid::Human),
        "agent" => principal.uid.parse().ok().map(Uid::Agent),
        "service" => principal.uid.parse().ok().map(Uid::Service),
        "daemon" => Some(Uid::Daemon),
        _ => None,
    }
}

fn input(input: &v1::ResolvedInput) -> Option<ResolvedInput> {
    Some(ResolvedInput { name: input.name.clone(), digest: input.digest.parse().ok()? })
}
