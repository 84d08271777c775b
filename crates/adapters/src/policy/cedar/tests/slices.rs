//! Semantics §3.2: the slice holds what policies reach, conforms to the schema, and decides as the whole set does.

use std::collections::BTreeMap;

use cedar_policy::{Authorizer, Entities, Entity, EntityUid, Response};
use proptest::prelude::*;
use scalbotics_core::policy::{Request, Resource, Verdict};
use scalbotics_core::principal::Principal;
use serde_json::json;

use super::super::Engine;
use crate::policy::fixture::{agent, call, file, human, resource, rpc, service, tools};

fn entities(engine: &Engine, request: &Request) -> Entities {
    engine.asked(request).unwrap().1
}

fn people() -> Vec<Principal> {
    vec![
        human(1, &[]),
        human(2, &["g0"]),
        human(3, &["g0", "g1", "g2"]),
        agent(4, "clerk", &["g1"]),
        agent(5, "lead", &["g0", "g2"]),
        service(6, &["g2"]),
    ]
}

fn calls() -> Vec<Request> {
    let amounts = [-9_007_199_254_740_991_i64, -1, 0, 1, 100, 9_007_199_254_740_991];
    let args = amounts.map(|eur| json!({"eur": eur})).into_iter().chain([json!({"eur": 1, "to": "bob"})]);
    let args: Vec<_> = args.collect();
    people().into_iter().flat_map(|p| args.iter().map(move |a| call(p.clone(), "pay", a.clone()))).collect()
}

fn rpcs() -> Vec<Request> {
    let resources = [
        ("task.read", resource("Task", "task_1", json!({"owner": human(2, &[]).uid.to_string(), "agent": "clerk"}))),
        ("task.read", resource("Task", "task_2", json!({"tenant": "other", "agent": "lead"}))),
        ("agent.read", resource("Agent", "agt_x", json!({"name": "clerk", "groups": ["g1"]}))),
        (
            "agent.read",
            Resource::agent(
                scalbotics_core::ids::AgentUid::from_u128(5),
                &crate::policy::fixture::name("lead"),
                &crate::policy::fixture::name("g0"),
            ),
        ),
        ("task.list", resource("Tenant", "acme", json!({}))),
        ("task.list", resource("Tenant", "other", json!({}))),
        ("approval.decide", resource("Approval", "apr_1", json!({"tier": 2, "requester": human(3, &[]).uid.to_string()}))),
    ];
    let ask = |p: Principal| resources.clone().into_iter().map(move |(action, resource)| rpc(p.clone(), action, resource));
    people().into_iter().flat_map(ask).collect()
}

#[test]
fn every_slice_conforms_to_the_schema() {
    let engine = Engine::compile(&[], &tools()).unwrap();
    for request in calls().iter().chain(&rpcs()) {
        let all = entities(&engine, request);
        let own = all.iter().filter(|entity| entity.uid().type_name().to_string() != "Action").cloned();
        Entities::from_entities(own, Some(engine.schema())).unwrap();
    }
}

#[test]
fn an_agent_that_acts_upon_itself_stands_as_it_was_authenticated() {
    let text = "permit (principal, action == Action::\"agent.read\", resource) when { resource.name == \"lead\" };";
    let engine = Engine::compile(&[file("policies/a.cedar", text)], &tools()).unwrap();
    let lead = agent(5, "lead", &[]);
    let mut me = resource("Agent", &lead.uid.to_string(), json!({"name": "other", "groups": ["admins"]}));
    me.attributes["uid"] = lead.uid.to_string().into();
    let answer = engine.answer(&rpc(lead, "agent.read", me));
    assert!(answer.errors.is_empty());
    assert_eq!(answer.deciding.len(), 1);
}

#[test]
fn the_digest_of_a_slice_follows_everything_that_policies_reach() {
    let engine = Engine::compile(&[], &tools()).unwrap();
    let digest = |request: &Request| engine.answer(request).slice;
    let base = || rpc(human(1, &["a", "b"]), "task.read", resource("Task", "t", json!({"owner": "x"})));
    assert_eq!(digest(&base()), digest(&base()));
    let changes: [fn(&mut Request); 6] = [
        |r| r.principal.groups.truncate(1),
        |r| r.principal.name = crate::policy::fixture::name("bob"),
        |r| r.principal.tenant = scalbotics_core::tenant::TenantId::parse("other").unwrap(),
        |r| r.resource.id = "u".to_owned(),
        |r| r.resource.attributes["owner"] = "y".into(),
        |r| r.resource.attributes["tenant"] = "other".into(),
    ];
    for change in changes {
        let mut request = base();
        change(&mut request);
        assert_ne!(digest(&request), digest(&base()));
    }
    let mut explicit = base();
    explicit.resource.attributes["tenant"] = "acme".into();
    assert_eq!(digest(&explicit), digest(&base()), "the tenant that stands for none given");
}

/// The digest of one fixed slice: stored decisions name it, so it may not change unseen.
#[test]
fn the_digest_of_a_known_slice_stays() {
    let engine = Engine::compile(&[], &tools()).unwrap();
    let request = rpc(human(1, &["ops"]), "task.list", resource("Tenant", "acme", json!({})));
    let text = concat!(
        r#"[{"attrs":{},"parents":[{"id":"acme","type":"Tenant"}],"uid":{"id":"ops","type":"Group"}},"#,
        r#"{"attrs":{"name":"alice","tenant":{"__entity":{"id":"acme","type":"Tenant"}},"uid":"hum_00000000000000000000000001"},"#,
        r#""parents":[{"id":"ops","type":"Group"},{"id":"acme","type":"Tenant"}],"#,
        r#""uid":{"id":"hum_00000000000000000000000001","type":"Human"}},"#,
        r#"{"attrs":{},"parents":[],"uid":{"id":"acme","type":"Tenant"}}]"#,
    );
    let expected = scalbotics_core::digest::Digest::of_parts("scalbotics/policy-slice/v1", &[text.as_bytes()]);
    assert_eq!(engine.answer(&request).slice, expected);
}

/// Conditions that may hold, fail, or err, over everything that level 1 reaches from a payment.
fn condition() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        (0..4_u8).prop_map(|g| format!("principal in Group::\"g{g}\"")),
        Just("principal.name == \"clerk\"".to_owned()),
        Just("principal.tenant == Tenant::\"acme\"".to_owned()),
        Just("resource in principal.tenant".to_owned()),
        Just("principal in principal.tenant".to_owned()),
        (0..3_u8).prop_map(|t| format!("resource.tier > {t}")),
        (1..4_u8).prop_map(|k| format!("context.args.eur * 4096 * 4096 > {k}")),
        Just("context.args.eur + 9223372036854775807 > 0".to_owned()),
        Just("resource.tier + 9223372036854775807 > 0".to_owned()),
        Just("context.task.agent == principal.name".to_owned()),
        Just("(context.args has to && context.args.to == \"bob\")".to_owned()),
    ];
    atom.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("(if {a} then {b} else {c})")),
        ]
    })
}

fn policy() -> impl Strategy<Value = String> {
    let effect = prop_oneof![Just("permit"), Just("forbid")];
    let scope = prop_oneof![
        Just("principal"),
        Just("principal is Agent"),
        Just("principal in Group::\"g0\""),
        Just("principal is Human in Group::\"g2\""),
    ];
    (effect, scope, condition()).prop_map(|(effect, scope, condition)| {
        format!("{effect} ({scope}, action == Action::\"tool/pay\", resource) when {{ {condition} }};\n")
    })
}

/// Decision, deciding policies and erring policies.
fn outcome(response: &Response) -> (bool, Vec<String>, Vec<String>) {
    let mut reasons: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
    let mut errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
    reasons.sort();
    errors.sort();
    (response.decision() == cedar_policy::Decision::Allow, reasons, errors)
}

#[test]
fn policies_of_other_actions_are_left_out_without_a_trace() {
    let scopes = [
        "action",
        "action == Action::\"tool/pay\"",
        "action == Action::\"task.read\"",
        "action in Action::\"tool.call\"",
        "action in Action::\"read.any\"",
        "action in [Action::\"tool/pay\", Action::\"task.list\"]",
        "action in [Action::\"read.any\", Action::\"approval.decide\"]",
    ];
    let rule = |effect: &str, scope: &str| format!("{effect} (principal, {scope}, resource);\n");
    let authorizer = Authorizer::new();
    for forbidden in scopes.iter().skip(1) {
        let permits: String = scopes.iter().map(|scope| rule("permit", scope)).collect();
        let text = permits + &rule("forbid", forbidden);
        let engine = Engine::compile(&[file("policies/a.cedar", &text)], &tools()).unwrap();
        let mut denied = 0;
        for request in calls().iter().chain(&rpcs()) {
            let (question, entities) = engine.asked(request).unwrap();
            let (allows, reasons, _) = outcome(&authorizer.is_authorized(&question, engine.policies(), &entities));
            let answer = engine.answer(request);
            let mut deciding: Vec<String> = answer.deciding.into_iter().map(|deciding| deciding.policy).collect();
            deciding.sort();
            assert_eq!((answer.verdict == Verdict::Allow, deciding), (allows, reasons), "{} {text}", request.action);
            denied += usize::from(!allows);
        }
        assert!(denied > 0, "{forbidden}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s3_2_the_whole_set_and_the_slice_decide_alike(policies in prop::collection::vec(policy(), 1..5)) {
        let text: String = policies.concat();
        let compiled = Engine::compile(&[file("policies/a.cedar", &text)], &tools());
        // A condition that can never hold is refused at compilation, which is another promise.
        prop_assume!(compiled.is_ok());
        let engine = compiled.unwrap();
        let requests = calls();
        let mut whole: BTreeMap<EntityUid, Entity> = BTreeMap::new();
        for request in requests.iter().chain(&rpcs()) {
            for entity in entities(&engine, request).iter() {
                whole.entry(entity.uid()).or_insert_with(|| entity.clone());
            }
        }
        let whole = Entities::from_entities(whole.into_values(), None).unwrap();
        let authorizer = Authorizer::new();
        for request in &requests {
            let (question, entities) = engine.asked(request).unwrap();
            let by_slice = outcome(&authorizer.is_authorized(&question, engine.policies(), &entities));
            let by_whole = outcome(&authorizer.is_authorized(&question, engine.policies(), &whole));
            prop_assert_eq!(&by_slice, &by_whole, "{}", text);
            let answer = engine.answer(request);
            let allowed = by_whole.0 && by_whole.2.is_empty();
            prop_assert_eq!(answer.verdict == Verdict::Allow, allowed);
            prop_assert_eq!(answer.errors.len(), by_whole.2.len());
        }
    }
}
