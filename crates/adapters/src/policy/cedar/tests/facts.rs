//! Semantics §3.1: what raw Cedar does with a policy that errs, and what the engine makes of it.

use cedar_policy::{Authorizer, Decision, Entities};
use scalbotics_core::digest::Digest;
use scalbotics_core::policy::{Answer, Verdict};
use serde_json::json;

use super::super::Engine;
use super::super::answer;
use crate::policy::fixture::{agent, call, file, tools};

const OVERFLOW: &str = "permit (principal, action, resource);\n\n\
    @id(\"never-much\")\nforbid (principal, action == Action::\"tool/pay\", resource)\n\
    when { context.args.eur * 4096 * 4096 > 100 };\n";

const DEREFERENCE: &str = "permit (principal, action, resource);\n\
    @id(\"not-this-one\")\nforbid (principal, action, resource)\nwhen { principal.name == \"clerk\" };\n";

#[test]
fn s3_1_an_overflow_in_a_forbid_turns_raw_cedar_to_allow_and_the_engine_to_deny() {
    let engine = Engine::compile(&[file("policies/a.cedar", OVERFLOW)], &tools()).unwrap();
    let request = call(agent(1, "clerk", &[]), "pay", json!({"eur": 9_007_199_254_740_991_i64}));
    let (question, entities) = engine.asked(&request).unwrap();
    let raw = Authorizer::new().is_authorized(&question, engine.policies(), &entities);
    assert_eq!(raw.decision(), Decision::Allow, "the fact that this guards against");
    let answer = engine.answer(&request);
    assert_eq!(answer.verdict, Verdict::Deny);
    assert_eq!(answer.errors, ["rule `never-much` (policies/a.cedar:3) overflows"]);
    // Where nothing errs the same bundle answers by its rules.
    let verdict = |eur: i64| engine.answer(&call(agent(1, "clerk", &[]), "pay", json!({"eur": eur}))).verdict;
    assert_eq!((verdict(0), verdict(1)), (Verdict::Allow, Verdict::Deny));
}

#[test]
fn s3_1_a_missing_entity_turns_raw_cedar_to_allow_and_the_answer_to_deny() {
    let engine = Engine::compile(&[file("policies/a.cedar", DEREFERENCE)], &tools()).unwrap();
    let request = call(agent(1, "clerk", &[]), "pay", json!({"eur": 1}));
    assert_eq!(engine.answer(&request).verdict, Verdict::Deny, "with its entities the forbid holds");
    let (question, _) = engine.asked(&request).unwrap();
    let raw = Authorizer::new().is_authorized(&question, engine.policies(), &Entities::empty());
    assert_eq!(raw.decision(), Decision::Allow, "the fact that this guards against");
    let zero = Digest::of_bytes(b"");
    let Answer { verdict, errors, .. } = answer::of(&raw, zero, zero, &std::collections::BTreeMap::new());
    assert_eq!(verdict, Verdict::Deny);
    assert_eq!(errors, ["rule `not-this-one` () needs an entity that is not there"]);
}

#[test]
fn an_error_does_not_repeat_the_value_that_met_it() {
    let engine = Engine::compile(&[file("policies/a.cedar", OVERFLOW)], &tools()).unwrap();
    let answer = engine.answer(&call(agent(1, "clerk", &[]), "pay", json!({"eur": 9_007_199_254_740_123_i64})));
    assert!(!answer.errors.concat().contains("740"), "{:?}", answer.errors);
}
