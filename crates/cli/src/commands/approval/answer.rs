//! `approval approve`, `approval deny`: the statement is rebuilt here from the fields that are shown, and signed here.

use scalbotics_core::approval::{Answer, Contents, Reply, Request, Statement, Status};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::{HumanUid, PayloadId};
use scalbotics_core::in_words;
use scalbotics_core::principal::{KeyHolder, Uid};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::{Mark, ResolvedInput, Tier};
use scalbotics_identity::holder::{key, statement};
use scalbotics_proto::v1;

use super::{show, verb};
use crate::codes;
use crate::commands::wire;
use crate::failure::{Exit, Failure};
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
    let KeyHolder::Human(approver) = session.person.holder else {
        return Err(Failure::new(Exit::Denied, codes::NO_APPROVAL_KEY, format!("{} cannot answer", session.person.name))
            .why("a service never approves: a human does, with a key of their own")
            .next("scalbotics context list"));
    };
    let signer = Signer { trust_domain: session.trust.trust_domain.as_str(), tenant: &session.context.tenant, approver };
    let statement = statement(&signer, &shown, answer, reason)?;
    let cannot =
        |why: String| Failure::new(Exit::Failed, codes::SIGN, "the answer cannot be signed").why(why).next("scalbotics doctor");
    let bytes = statement.canonical().map_err(|error| cannot(in_words(&error)))?;
    let signature = statement::sign_approval(&key, &bytes).map_err(|error| cannot(in_words(&error)))?;
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
            .why(in_words(&error))
            .next("scalbotics doctor")
    })
}

/// What the approver's own context says, and no answer of the daemon changes.
struct Signer<'a> {
    trust_domain: &'a str,
    tenant: &'a TenantId,
    approver: HumanUid,
}

/// The statement over exactly what was shown; anything malformed, and a digest of another call, is refused rather than signed.
fn statement(signer: &Signer<'_>, shown: &v1::Approval, answer: Answer, reason: &str) -> Result<Statement, Failure> {
    let refuse = |what: &str| {
        Failure::new(Exit::Failed, codes::SIGN, format!("the request's {what}, so nothing is signed")).next("scalbotics doctor")
    };
    if shown.trust_domain != signer.trust_domain {
        return Err(refuse("trust domain is another"));
    }
    let args = scalbotics_core::json::parse(shown.args_json.as_bytes()).map_err(|_| refuse("arguments are malformed"))?;
    let call: Digest = shown.call_digest.parse().map_err(|_| refuse("identifiers are malformed"))?;
    let request = request(signer, shown, call).ok_or_else(|| refuse("identifiers are malformed"))?;
    let reply = Reply { approver: signer.approver, answer, reason: reason.to_owned() };
    let inputs = shown.inputs.iter().map(input).collect::<Option<Vec<_>>>().ok_or_else(|| refuse("identifiers are malformed"))?;
    let statement = Statement::of(&request, &shown.trust_domain, Contents { args, inputs, call }, reply);
    // The daemon compares the digest alone before it runs the call; what was not hashed into it was not approved.
    if !statement.shows_its_call().is_ok_and(|is| is) {
        return Err(refuse("call digest is not that of what it shows")
            .why("the arguments, inputs, grants or tool that are displayed are not those of the call that would run"));
    }
    Ok(statement)
}

fn request(signer: &Signer<'_>, shown: &v1::Approval, call: Digest) -> Option<Request> {
    let args = scalbotics_core::payload::Ref {
        id: PayloadId::from_u128(0),
        commitment: Digest::of_bytes(shown.args_json.as_bytes()),
        len: shown.args_json.len() as u64,
    };
    Some(Request {
        id: wire::short(&shown.name).parse().ok()?,
        tenant: signer.tenant.clone(),
        task: shown.task.parse().ok()?,
        effect: shown.effect.parse().ok()?,
        step: shown.step.clone(),
        agent: shown.agent_uid.parse().ok()?,
        agent_name: Name::parse(&shown.agent).ok()?,
        chain: shown.chain.iter().map(uid).collect::<Option<Vec<_>>>()?,
        grants: shown.grants.iter().map(|grant| grant.parse().ok()).collect::<Option<Vec<_>>>()?,
        tool: Name::parse(&shown.tool).ok()?,
        tool_digest: shown.tool_digest.parse().ok()?,
        tier: u8::try_from(shown.tier).ok().and_then(Tier::from_number)?,
        inputs: None,
        call: Mark::Bare(call),
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

#[cfg(test)]
mod tests {
    use scalbotics_core::ids::{AgentUid, ApprovalId, EffectId, GrantId, TaskId};
    use scalbotics_core::principal::{Chain, Grant, Principal, Scope};
    use scalbotics_core::tool::call_digest;

    use super::*;

    /// A lie of the daemon.
    type Change = fn(&mut v1::Approval);

    const ARGS: &str = r#"{"entry":"a","to":"bob"}"#;

    fn principal(uid: Uid, name: &str) -> Principal {
        let tenant = TenantId::parse("acme").unwrap();
        Principal { uid, tenant, name: Name::parse(name).unwrap(), groups: Vec::new() }
    }

    /// A request as an honest daemon shows it.
    fn shown() -> v1::Approval {
        let (human, agent) = (Uid::Human(HumanUid::from_u128(1)), Uid::Agent(AgentUid::from_u128(2)));
        let grant = Grant {
            id: GrantId::from_u128(3),
            grantor: human,
            grantee: agent,
            task: Some(TaskId::from_u128(5)),
            scope: Scope { tools: Vec::new(), tier_max: Tier::Risky },
            expires_at: Timestamp::from_unix_ms(9_000),
        };
        let chain = Chain { principals: vec![principal(human, "ann"), principal(agent, "clerk")], grants: vec![grant] };
        let input = ResolvedInput { name: "program /opt/pay".to_owned(), digest: Digest::of_bytes(b"pay") };
        let tool_digest = Digest::of_bytes(b"tool");
        let call = call_digest(&chain, &tool_digest, ARGS.as_bytes(), std::slice::from_ref(&input));
        let wire = |uid: Uid| v1::Principal { kind: uid.kind().to_owned(), uid: uid.to_string(), display_name: String::new() };
        v1::Approval {
            name: format!("tenants/acme/approvals/{}", ApprovalId::from_u128(4)),
            trust_domain: "acme.test".to_owned(),
            task: TaskId::from_u128(5).to_string(),
            effect: EffectId::from_u128(6).to_string(),
            step: "pay".to_owned(),
            agent_uid: AgentUid::from_u128(2).to_string(),
            agent: "clerk".to_owned(),
            chain: vec![wire(human), wire(agent)],
            grants: vec![GrantId::from_u128(3).to_string()],
            tool: "pay".to_owned(),
            tool_digest: tool_digest.to_string(),
            tier: 2,
            args_json: ARGS.to_owned(),
            inputs: vec![v1::ResolvedInput { name: input.name, digest: input.digest.to_string() }],
            call_digest: call.to_string(),
            nonce: Digest::of_bytes(b"nonce").to_string(),
            ..v1::Approval::default()
        }
    }

    fn sign(shown: &v1::Approval) -> Result<Statement, Failure> {
        let tenant = TenantId::parse("acme").unwrap();
        let signer = Signer { trust_domain: "acme.test", tenant: &tenant, approver: HumanUid::from_u128(8) };
        statement(&signer, shown, Answer::Approve, "as shown")
    }

    #[test]
    fn sem_5_1_the_statement_holds_what_was_shown() {
        let statement = sign(&shown()).unwrap();
        let input = ResolvedInput { name: "program /opt/pay".to_owned(), digest: Digest::of_bytes(b"pay") };
        assert_eq!((statement.inputs, statement.grants), (vec![input], vec![GrantId::from_u128(3)]));
        assert_eq!(statement.args, serde_json::json!({ "entry": "a", "to": "bob" }));
    }

    #[test]
    fn sem_5_1_what_is_not_the_call_that_would_run_is_not_signed() {
        let changes: [(Change, &str); 11] = [
            (|shown| shown.inputs[0].digest = Digest::of_bytes(b"other").to_string(), "call digest is not"),
            (|shown| shown.inputs[0].name.push('x'), "call digest is not"),
            (|shown| shown.inputs.clear(), "call digest is not"),
            (|shown| shown.args_json = ARGS.replace("bob", "eve"), "call digest is not"),
            (|shown| shown.tool_digest = Digest::of_bytes(b"other").to_string(), "call digest is not"),
            (|shown| shown.chain.swap(0, 1), "call digest is not"),
            (|shown| shown.grants.clear(), "call digest is not"),
            (|shown| shown.call_digest = Digest::of_bytes(b"other").to_string(), "call digest is not"),
            (|shown| shown.inputs[0].digest.push('0'), "identifiers are malformed"),
            (|shown| shown.args_json.push('}'), "arguments are malformed"),
            (|shown| shown.trust_domain = "evil.test".to_owned(), "trust domain is another"),
        ];
        for (change, says) in changes {
            let mut other = shown();
            change(&mut other);
            let refused = sign(&other).unwrap_err();
            assert_eq!((refused.exit, refused.code.as_str()), (Exit::Failed, "CLI_SIGN"), "{says}");
            assert!(refused.what.contains(says), "{} is not about: {says}", refused.what);
        }
    }
}
