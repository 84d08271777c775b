use std::sync::Arc;

use super::*;
use crate::digest::Digest;
use crate::ids::{AgentUid, EffectId, GrantId, HumanUid, ServiceUid, TaskId};
use crate::policy::{Deciding, Resource};
use crate::principal::{Grant, Principal, Scope, Uid};
use crate::tenant::TenantId;
use crate::tool::{Call, EffectClass, Mark};

const NOW: Timestamp = Timestamp::from_unix_ms(1_000);

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn human() -> Uid {
    Uid::Human(HumanUid::from_u128(1))
}

fn lead() -> Uid {
    Uid::Agent(AgentUid::from_u128(2))
}

fn worker() -> Uid {
    Uid::Agent(AgentUid::from_u128(3))
}

fn principal(uid: Uid) -> Principal {
    Principal { uid, tenant: TenantId::parse("acme").unwrap(), name: name("x"), groups: vec![] }
}

fn grant(grantor: Uid, grantee: Uid) -> Grant {
    Grant {
        id: GrantId::from_u128(1),
        grantor,
        grantee,
        task: Some(TaskId::from_u128(1)),
        scope: Scope { tools: vec![name("fs.read"), name("pay")], tier_max: Tier::Change },
        expires_at: Timestamp::from_unix_ms(2_000),
    }
}

fn chain() -> Chain {
    Chain {
        principals: vec![principal(human()), principal(lead()), principal(worker())],
        grants: vec![grant(human(), lead()), grant(lead(), worker())],
    }
}

fn request(principal: &Principal) -> Request {
    Request {
        principal: principal.clone(),
        action: "tool/fs.read".to_owned(),
        resource: Resource { kind: "Tool".to_owned(), id: "fs.read".to_owned(), attributes: serde_json::json!({}) },
        context: serde_json::json!({}),
    }
}

fn answer(engine: &str, verdict: Verdict) -> Answer {
    let zero = Digest::of_bytes(b"");
    Answer { engine: engine.to_owned(), bundle: zero, slice: zero, verdict, deciding: vec![], errors: vec![] }
}

fn call() -> Call {
    Call {
        task: TaskId::from_u128(1),
        effect: EffectId::from_u128(1),
        tenant: TenantId::parse("acme").unwrap(),
        agent: AgentUid::from_u128(3),
        agent_name: name("worker"),
        tool: name("fs.read"),
        tool_digest: Digest::of_bytes(b"tool"),
        tier: Tier::Read,
        class: EffectClass::Pure,
        args: Arc::from(&b"{}"[..]),
        inputs: vec![],
        mark: Mark::Bare(Digest::of_bytes(b"call")),
    }
}

/// What makes a good case bad.
type Change = fn(&mut Case);

/// A case, before it is decided.
struct Case {
    chain: Chain,
    tool: Option<(Name, Tier)>,
    at: Timestamp,
    requests: Vec<Request>,
    answers: Vec<Vec<Answer>>,
}

impl Case {
    /// A case that is allowed, with two engines.
    fn good() -> Self {
        let chain = chain();
        let both = || vec![answer("cedar", Verdict::Allow), answer("rego", Verdict::Allow)];
        let requests = chain.principals.iter().map(request).collect();
        Self { chain, tool: Some((name("fs.read"), Tier::Read)), at: NOW, requests, answers: vec![both(), both(), both()] }
    }

    fn decide(self) -> (Decision, Option<Permit<Call>>) {
        authorize(
            call(),
            Authorization {
                id: DecisionId::from_u128(7),
                at: self.at,
                chain: &self.chain,
                tool: self.tool.as_ref().map(|(tool, tier)| (tool, *tier)),
                requests: self.requests,
                answers: self.answers,
            },
        )
    }
}

fn check(what: &str, change: impl FnOnce(&mut Case), expected: &Denial) {
    let mut case = Case::good();
    change(&mut case);
    let (decision, permit) = case.decide();
    assert_eq!(decision.ruling, Ruling::Deny(expected.clone()), "{what}");
    assert!(permit.is_none(), "{what}: a denial made a permit");
    assert!(!decision.allows(), "{what}");
}

#[test]
fn the_good_case_makes_a_permit_of_exactly_this_call() {
    let (decision, permit) = Case::good().decide();
    assert_eq!(decision.ruling, Ruling::Allow);
    let permit = permit.unwrap();
    assert_eq!(permit.decision(), DecisionId::from_u128(7));
    assert_eq!(permit.act(), &call());
    assert_eq!(decision.requests.len(), 3);
    assert_eq!(decision.answers.len(), 3);
}

#[test]
fn one_engine_is_enough_when_only_one_is_configured() {
    let mut case = Case::good();
    for answers in &mut case.answers {
        answers.truncate(1);
    }
    assert!(case.decide().1.is_some());
}

#[test]
fn s3_1_an_error_denies_whatever_the_verdict() {
    for (index, uid) in [human(), lead(), worker()].into_iter().enumerate() {
        for engine in 0..2 {
            for verdict in [Verdict::Allow, Verdict::Deny] {
                check(
                    "error",
                    |case| {
                        case.answers[index][engine].verdict = verdict;
                        case.answers[index][engine].errors = vec!["overflow".to_owned(), "later".to_owned()];
                    },
                    &Denial::Error { principal: uid, message: "overflow".to_owned() },
                );
            }
        }
    }
}

#[test]
fn every_engine_must_allow_for_every_principal() {
    for (index, uid) in [human(), lead(), worker()].into_iter().enumerate() {
        for (engine, called) in ["cedar", "rego"].into_iter().enumerate() {
            let expected = Denial::Policy { principal: uid, engine: called.to_owned() };
            check("by default", |case| case.answers[index][engine].verdict = Verdict::Deny, &expected);
            let forbid = Deciding { policy: "stop".to_owned(), place: "policies/a.cedar:1".to_owned() };
            check(
                "by a rule",
                |case| {
                    case.answers[index][engine].verdict = Verdict::Deny;
                    case.answers[index][engine].deciding = vec![forbid];
                },
                &expected,
            );
        }
    }
}

#[test]
fn the_first_denial_from_the_human_on_is_named() {
    check(
        "two denials",
        |case| {
            case.answers[2][0].verdict = Verdict::Deny;
            case.answers[1][1].verdict = Verdict::Deny;
        },
        &Denial::Policy { principal: lead(), engine: "rego".to_owned() },
    );
}

#[test]
fn every_principal_must_be_asked_about_and_answered() {
    let rows: [(&str, Change); 9] = [
        ("no answers at all", |case| case.answers.clear()),
        ("no questions at all", |case| case.requests.clear()),
        ("nothing at all", |case| {
            case.requests.clear();
            case.answers.clear();
        }),
        ("an answer list too few", |case| case.answers.truncate(2)),
        ("an answer list too many", |case| case.answers.push(vec![answer("cedar", Verdict::Allow)])),
        ("nobody answers for the human", |case| case.answers[0].clear()),
        ("nobody answers for the worker", |case| case.answers[2].clear()),
        ("the human is asked about three times", |case| {
            let first = case.requests[0].clone();
            case.requests = vec![first.clone(), first.clone(), first];
        }),
        ("a principal with other groups is asked about", |case| {
            case.requests[1].principal.groups = vec![name("admins")];
        }),
    ];
    for (what, change) in rows {
        check(what, change, &Denial::Unanswered);
    }
}

#[test]
fn s3_4_every_grant_must_cover_the_call() {
    let rows: [(&str, Change, usize); 6] = [
        ("tool not granted to the lead", |case| case.tool = Some((name("fs.write"), Tier::Read)), 1),
        ("tier above both grants", |case| case.tool = Some((name("pay"), Tier::Risky)), 1),
        ("worker's grant lacks the tool", |case| case.chain.grants[1].scope.tools = vec![name("pay")], 2),
        (
            "worker's grant lacks the tier",
            |case| {
                case.chain.grants[1].scope.tier_max = Tier::Read;
                case.tool = Some((name("fs.read"), Tier::Change));
            },
            2,
        ),
        ("worker's grant is over at its last moment", |case| case.chain.grants[1].expires_at = NOW, 2),
        ("both grants are over", |case| case.at = Timestamp::from_unix_ms(2_000), 1),
    ];
    for (what, change, link) in rows {
        check(what, change, &Denial::Grant { link });
    }
}

#[test]
fn an_rpc_needs_no_grant_of_a_tool_but_the_same_answers() {
    let at = |ms| {
        let mut case = Case::good();
        case.tool = None;
        case.chain.grants.iter_mut().for_each(|grant| grant.scope.tools.clear());
        case.at = Timestamp::from_unix_ms(ms);
        case.decide().1
    };
    assert!(at(1_999).is_some());
    assert!(at(2_000).is_none(), "nothing is done under a grant that is over");
    check(
        "denied rpc",
        |case| {
            case.tool = None;
            case.answers[0][0].verdict = Verdict::Deny;
        },
        &Denial::Policy { principal: human(), engine: "cedar".to_owned() },
    );
}

#[test]
fn a_chain_that_is_none_is_denied_before_anything_else() {
    let rows: [(&str, Change, &str); 7] = [
        ("empty", |case| case.chain.principals.clear(), "delegation chain has 0 links, it needs 1 to 8"),
        (
            "no human",
            |case| {
                case.chain.principals.remove(0);
                case.chain.grants.remove(0);
            },
            "delegation chain does not start with a human",
        ),
        (
            "the daemon acts for itself",
            |case| {
                case.chain.principals = vec![principal(Uid::Daemon)];
                case.chain.grants.clear();
            },
            "delegation chain does not start with a human",
        ),
        (
            "a foreign link",
            |case| {
                case.chain.principals[2].tenant = TenantId::parse("other").unwrap();
            },
            "delegation chain crosses tenants",
        ),
        ("a missing grant", |case| case.chain.grants.truncate(1), "delegation chain lacks the grant of link 2"),
        ("a grant of another", |case| case.chain.grants[1].grantor = human(), "delegation chain lacks the grant of link 2"),
        ("a widened grant", |case| case.chain.grants[1].scope.tier_max = Tier::Risky, "delegation chain widens at link 2"),
    ];
    for (what, change, message) in rows {
        check(what, change, &Denial::Chain { message: message.to_owned() });
    }
}

#[test]
fn a_chain_longer_than_the_limit_is_denied() {
    check(
        "nine links",
        |case| {
            let uids: Vec<Uid> = std::iter::once(human()).chain((10..18).map(|n| Uid::Agent(AgentUid::from_u128(n)))).collect();
            case.chain.principals = uids.iter().map(|uid| principal(*uid)).collect();
            case.chain.grants = uids.windows(2).map(|pair| grant(pair[0], pair[1])).collect();
        },
        &Denial::Chain { message: "delegation chain has 9 links, it needs 1 to 8".to_owned() },
    );
}

#[test]
fn sem_3_5_a_service_acts_behind_its_sponsor_and_while_the_grant_holds() {
    let service = Uid::Service(ServiceUid::from_u128(5));
    let mut alone = Case::good();
    alone.chain = Chain { principals: vec![principal(service)], grants: vec![] };
    alone.requests = vec![request(&principal(service))];
    alone.answers.truncate(1);
    alone.tool = None;
    assert!(alone.decide().1.is_none());
    let sponsored = |expires_at| {
        let mut case = Case::good();
        let standing = Grant { task: None, expires_at, ..grant(human(), service) };
        case.chain = Chain { principals: vec![principal(human()), principal(service)], grants: vec![standing] };
        case.requests = case.chain.principals.iter().map(request).collect();
        case.answers.truncate(2);
        case.tool = None;
        case.decide()
    };
    assert!(sponsored(NOW.plus_ms(1)).1.is_some());
    let (over, none) = sponsored(NOW);
    assert_eq!((over.ruling, none.is_none()), (Ruling::Deny(Denial::Grant { link: 1 }), true));
    check(
        "a service in front of agents",
        |case| {
            case.chain.principals[0].uid = service;
            case.chain.grants[0].grantor = service;
            case.requests[0].principal.uid = service;
        },
        &Denial::Chain { message: "delegation chain does not start with a human".to_owned() },
    );
}
