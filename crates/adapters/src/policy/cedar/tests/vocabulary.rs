//! Core's words for resources and contexts, and this schema, are the same.

use std::collections::{BTreeMap, BTreeSet};

use scalbotics_core::approval;
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::{AgentUid, ApprovalId, DecisionId, EffectId, GrantId, PayloadId, TaskId};
use scalbotics_core::payload::Ref;
use scalbotics_core::policy::{Decision, Request, Resource, Ruling, Verdict, tool_action, tool_context};
use scalbotics_core::principal::{Chain, Grant, Scope};
use scalbotics_core::task::{Account, Budget, CallState, Doubt, Envelope, Goal, Intent, Path, Phase, State, Status, Usage, Way};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::{Span, Timestamp};
use scalbotics_core::tool::{EffectClass, Tier};
use serde_json::json;

use super::super::Engine;
use crate::policy::fixture::{agent, file, human, name, rpc, tools};

const NOW: Timestamp = Timestamp::from_unix_ms(1_000);

fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn zero() -> Digest {
    Digest::of_bytes(b"")
}

fn payload() -> Ref {
    Ref { id: PayloadId::from_u128(1), commitment: zero(), len: 2 }
}

fn state() -> State {
    let (alice, clerk) = (human(1, &["operators"]), agent(2, "clerk", &["ops"]));
    let grant = Grant {
        id: GrantId::from_u128(1),
        grantor: alice.uid,
        grantee: clerk.uid,
        task: Some(TaskId::from_u128(1)),
        scope: Scope { tools: vec![name("pay")], tier_max: Tier::Risky },
        expires_at: Timestamp::from_unix_ms(9_000),
    };
    let path = Path {
        way: Way::Workflow { workflow: name("refund"), digest: zero() },
        commit: String::new(),
        bundle: zero(),
        bootstrap: vec![],
        tools: vec![],
        models: vec![],
    };
    let envelope = Envelope {
        schema_version: 1,
        id: TaskId::from_u128(1),
        idempotency_key: String::new(),
        tenant: tenant(),
        team: name("ops"),
        agent: AgentUid::from_u128(2),
        agent_name: name("clerk"),
        chain: Chain { principals: vec![alice, clerk], grants: vec![grant] },
        goal: Goal::Workflow { id: name("refund") },
        input: payload(),
        token: None,
        budget: Budget::default(),
        submitted_at: NOW,
        deadline: Timestamp::from_unix_ms(9_000),
        priority: 5,
        trace: None,
    };
    State {
        envelope,
        path,
        status: Status::Working,
        calls: BTreeMap::new(),
        steps: BTreeMap::new(),
        denied: BTreeMap::new(),
        refused: BTreeSet::new(),
        account: Account::default(),
        login: None,
        cancel_requested_by: None,
        output: None,
        failure: None,
        failure_detail: None,
        version: 1,
        updated_at: NOW,
    }
}

fn request() -> approval::Request {
    approval::Request {
        id: ApprovalId::from_u128(1),
        tenant: tenant(),
        task: TaskId::from_u128(1),
        effect: EffectId::from_u128(1),
        step: "pay".to_owned(),
        agent: AgentUid::from_u128(2),
        agent_name: name("clerk"),
        chain: vec![human(1, &[]).uid, agent(2, "clerk", &[]).uid],
        grants: vec![],
        tool: name("pay"),
        tool_digest: zero(),
        tier: Tier::Risky,
        inputs: None,
        call: scalbotics_core::tool::Mark::Bare(zero()),
        args: payload(),
        nonce: zero(),
        asked_at: NOW,
        expires_at: Timestamp::from_unix_ms(9_000),
        status: approval::Status::Waiting,
        answered_by: None,
    }
}

fn decision() -> Decision {
    let asked = rpc(human(1, &[]), "task.list", Resource::tenant(&tenant()));
    Decision { id: DecisionId::from_u128(1), at: NOW, ruling: Ruling::Allow, requests: vec![asked], answers: vec![vec![]] }
}

fn check(condition: &str, request: &Request) {
    let text = format!("permit (principal, action == Action::\"{}\", resource) when {{ {condition} }};", request.action);
    let engine = Engine::compile(&[file("policies/a.cedar", &text)], &tools()).unwrap();
    let answer = engine.answer(request);
    assert_eq!((answer.verdict, answer.errors.as_slice()), (Verdict::Allow, &[][..]), "{condition}");
}

#[test]
fn resources_carry_what_rules_read() {
    let alice = || human(1, &[]);
    let inside = "resource in Tenant::\"acme\"";
    let rows = [
        (
            "task.read",
            Resource::task(&state()),
            "resource.owner == principal.uid && resource.agent == \"clerk\" && resource.status == \"WORKING\"",
        ),
        (
            "approval.decide",
            Resource::approval(&request()),
            "resource.requester == principal.uid && resource.tier == 2 && resource.tool == \"pay\" && resource.agent == \"clerk\"",
        ),
        ("policy.explain", Resource::decision(&decision()), "resource.owner == principal.uid"),
        (
            "agent.read",
            Resource::agent(AgentUid::from_u128(2), &name("clerk"), &name("ops")),
            "resource.name == \"clerk\" && resource in Group::\"ops\"",
        ),
        ("tool.read", Resource::tool(&tools()[&name("pay")]), "resource.name == \"pay\" && resource.tier == 2"),
        ("task.list", Resource::tenant(&tenant()), inside),
        ("audit.read", Resource::only("AuditLog", &tenant()), inside),
        ("repository.reload", Resource::only("Repository", &tenant()), inside),
        ("session.whoami", Resource::only("Session", &tenant()), inside),
        ("installation.status", Resource::only("Installation", &tenant()), inside),
    ];
    for (action, resource, condition) in rows {
        check(condition, &rpc(alice(), action, resource));
    }
}

#[test]
fn a_call_carries_its_arguments_and_its_task() {
    let pay = name("pay");
    let request = Request {
        principal: agent(2, "clerk", &["ops"]),
        action: tool_action(&pay),
        resource: Resource::tool(&tools()[&pay]),
        context: tool_context(&tools()[&pay], json!({"eur": 64}), &state()),
    };
    check("context.args.eur == 64 && context.task.agent == \"clerk\"", &request);
    check("context.task.team == \"ops\" && context.task.workflow == \"refund\"", &request);
}

/// A call of a task that stands there.
fn called(number: u128, tool: &str, phase: Phase, attempt: u32) -> (EffectId, CallState) {
    let effect = EffectId::from_u128(number);
    let intent = Intent {
        effect,
        step: format!("s{number}"),
        tool: name(tool),
        tool_digest: zero(),
        tier: Tier::Read,
        class: EffectClass::Pure,
        args: payload(),
        inputs: None,
        call: scalbotics_core::tool::Mark::Bare(zero()),
        key_ttl: Span::from_ms(0),
        settle_after: Span::from_ms(0),
        timeout: Span::from_ms(1),
        worst: Usage::ONE_CALL,
    };
    let call = CallState {
        intent,
        phase,
        attempt,
        first_sent_at: None,
        earlier_open: false,
        send_deadline: None,
        approval: None,
        answer: None,
    };
    (effect, call)
}

#[test]
fn security_12_a_call_carries_what_its_task_has_taken_in() {
    let landed = || Phase::Landed { result: None, truncated: false };
    let doubt = || Phase::InDoubt { doubt: Doubt::Opaque };
    for (tool, phase, attempt, marks) in [
        ("fs.read", landed(), 1, "[\"files\"]"),
        ("fs.list", landed(), 1, "[\"files\"]"),
        ("fs.search", landed(), 1, "[\"files\"]"),
        ("http.fetch", landed(), 1, "[\"web\"]"),
        ("http.fetch.api", landed(), 1, "[\"web\"]"),
        ("process.run", landed(), 1, "[\"programs\"]"),
        ("pay", landed(), 1, "[\"tools\"]"),
        ("model.call", landed(), 1, ""),
        ("pay", Phase::Failed { reason: None }, 1, "[\"tools\"]"),
        ("pay", Phase::Failed { reason: None }, 0, ""),
        ("fs.write", landed(), 1, ""),
        ("fs.read", Phase::Sent, 1, ""),
        ("fs.read", Phase::Ready, 1, ""),
        ("fs.read", doubt(), 1, ""),
    ] {
        let mut state = state();
        state.calls.extend([called(1, tool, phase, attempt)]);
        let pay = name("pay");
        let request = Request {
            principal: agent(2, "clerk", &["ops"]),
            action: tool_action(&pay),
            resource: Resource::tool(&tools()[&pay]),
            context: tool_context(&tools()[&pay], json!({"eur": 64}), &state),
        };
        let condition = if marks.is_empty() { "context.taint.isEmpty()".to_owned() } else { format!("context.taint == {marks}") };
        check(&condition, &request);
    }
    let mut both = state();
    both.calls.extend([
        called(1, "fs.read", landed(), 1),
        called(2, "http.fetch", landed(), 1),
        called(3, "fs.read", landed(), 1),
    ]);
    assert_eq!(scalbotics_core::policy::taint(&both).into_iter().collect::<Vec<_>>(), ["files", "web"]);
    for (tool, egress) in [
        ("fs.read", "none"),
        ("process.run", "none"),
        ("pay", "none"),
        ("network", "any"),
        ("http.fetch", "any"),
        ("http.fetch.api", "declared"),
        ("model.call", "declared"),
    ] {
        assert_eq!(scalbotics_core::policy::egress(&tools()[&name(tool)]), egress, "{tool}");
    }
}

#[test]
fn the_schema_that_is_read_is_the_one_that_people_read() {
    let (written, _) = cedar_policy::SchemaFragment::from_cedarschema_str(include_str!("../scalbotics.cedarschema")).unwrap();
    let written = written.to_json_value().unwrap();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/policy/cedar/scalbotics.cedarschema.json");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, scalbotics_core::json::canonical(&written).unwrap()).unwrap();
    }
    let read: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(read, written, "run this test with UPDATE_SNAPSHOTS=1");
}
