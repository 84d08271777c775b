use super::*;
use crate::digest::Digest;
use crate::ids::{AgentUid, HumanUid};
use crate::policy::Resource;
use crate::principal::Principal;
use crate::tenant::TenantId;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn alice() -> Uid {
    Uid::Human(HumanUid::from_u128(1))
}

fn clerk() -> Uid {
    Uid::Agent(AgentUid::from_u128(2))
}

fn request(uid: Uid, called: &str, groups: &[&str]) -> Request {
    Request {
        principal: Principal {
            uid,
            tenant: TenantId::parse("acme").unwrap(),
            name: name(called),
            groups: groups.iter().map(|g| name(g)).collect(),
        },
        action: "tool/pay".to_owned(),
        resource: Resource { kind: "Tool".to_owned(), id: "pay".to_owned(), attributes: serde_json::json!({}) },
        context: serde_json::json!({"args": {"card": "secret-4711"}}),
    }
}

fn answer(verdict: Verdict, rules: &[&str], errors: &[&str]) -> Answer {
    let deciding = rules.iter().map(|r| Deciding { policy: (*r).to_owned(), place: format!("policies/{r}.cedar:4") }).collect();
    let zero = Digest::of_bytes(b"");
    Answer {
        engine: "cedar".to_owned(),
        bundle: zero,
        slice: zero,
        verdict,
        deciding,
        errors: errors.iter().map(|e| (*e).to_owned()).collect(),
    }
}

fn decision(ruling: Ruling, human: Vec<Answer>, agent: Vec<Answer>) -> Decision {
    Decision {
        id: DecisionId::from_u128(9),
        at: Timestamp::from_unix_ms(5),
        ruling,
        requests: vec![request(alice(), "alice", &["operators"]), request(clerk(), "clerk", &[])],
        answers: vec![human, agent],
    }
}

fn policy(principal: Uid) -> Ruling {
    Ruling::Deny(Denial::Policy { principal, engine: "cedar".to_owned() })
}

#[test]
fn every_ruling_says_why_and_what_would_help() {
    let allow = || vec![answer(Verdict::Allow, &["ok"], &[])];
    let default = || vec![answer(Verdict::Deny, &[], &[])];
    let forbid = || vec![answer(Verdict::Deny, &["stop"], &[])];
    let failed = || vec![answer(Verdict::Allow, &["ok"], &["policy `sum` overflows"])];
    let error = Ruling::Deny(Denial::Error { principal: clerk(), message: "policy `sum` overflows".to_owned() });
    let rows: [(Decision, &str, &[&str]); 7] = [
        (decision(Ruling::Allow, allow(), allow()), "every principal of the chain is permitted and every grant covers it", &[]),
        (
            decision(policy(alice()), default(), allow()),
            "no rule permits it for human `alice` (in operators)",
            &["a rule that permits `tool/pay` on `Tool pay` for human `alice` (in operators)"],
        ),
        (
            decision(policy(clerk()), allow(), forbid()),
            "rule `stop` (policies/stop.cedar:4) forbids it for agent `clerk` (in no group)",
            &["rule `stop` (policies/stop.cedar:4) no longer matching agent `clerk` (in no group)"],
        ),
        (
            decision(policy(alice()), default(), forbid()),
            "no rule permits it for human `alice` (in operators)",
            &[
                "a rule that permits `tool/pay` on `Tool pay` for human `alice` (in operators)",
                "rule `stop` (policies/stop.cedar:4) no longer matching agent `clerk` (in no group)",
            ],
        ),
        (
            decision(error, allow(), failed()),
            "policy could not be evaluated for agent `clerk` (in no group), which denies",
            &["no error for agent `clerk` (in no group): policy `sum` overflows"],
        ),
        (
            decision(Ruling::Deny(Denial::Grant { link: 1 }), allow(), allow()),
            "the grant of link 1 does not cover it, or is over",
            &["a grant for link 1 that names the tool, reaches its tier and is not over"],
        ),
        (
            decision(Ruling::Deny(Denial::Unanswered), allow(), vec![]),
            "no engine answered for every principal of the chain",
            &["a policy engine that answers for every principal of the chain"],
        ),
    ];
    for (decision, why, remedies) in rows {
        let explanation = explain(&decision);
        assert_eq!(explanation.why, why);
        assert_eq!(explanation.remedies, remedies, "{why}");
        assert_eq!((explanation.action.as_str(), explanation.resource.as_str()), ("tool/pay", "Tool pay"));
        let text = serde_json::to_string(&explanation).unwrap();
        assert!(!text.contains("4711"), "an explanation repeats no argument: {text}");
    }
}

#[test]
fn a_decision_with_missing_answers_or_questions_is_explained_too() {
    let mut bare = decision(Ruling::Deny(Denial::Unanswered), vec![], vec![]);
    bare.answers.clear();
    let explanation = explain(&bare);
    assert_eq!(explanation.links.len(), 2);
    assert!(explanation.links.iter().all(|link| link.standing == Standing::Unanswered));
    bare.requests.clear();
    bare.ruling = Ruling::Deny(Denial::Chain { message: "delegation chain crosses tenants".to_owned() });
    let explanation = explain(&bare);
    assert_eq!(explanation.why, "delegation chain crosses tenants");
    assert_eq!(explanation.remedies.len(), 2);
}

#[test]
fn the_worst_engine_is_the_links_standing() {
    let mixed = vec![answer(Verdict::Allow, &["ok"], &[]), answer(Verdict::Deny, &["stop"], &[])];
    let explanation = explain(&decision(policy(alice()), mixed, vec![answer(Verdict::Deny, &[], &[])]));
    let standings: Vec<Standing> = explanation.links.iter().map(|l| l.standing).collect();
    assert_eq!(standings, [Standing::Forbidden, Standing::NotPermitted]);
}
