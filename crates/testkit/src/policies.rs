//! Policy engines that answer as they are told.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use scalbotics_core::digest::Digest;
use scalbotics_core::policy::{Answer, Deciding, Request, Verdict};
use scalbotics_core::ports::PolicyEngine;

/// An answer as an engine of this module gives it.
pub(crate) fn answer(verdict: Verdict, errors: Vec<String>) -> Answer {
    Answer {
        engine: "testkit".to_owned(),
        bundle: Digest::of_bytes(b"bundle"),
        slice: Digest::of_bytes(b"slice"),
        verdict,
        deciding: vec![Deciding { policy: "policy0".to_owned(), place: "policies/test.cedar:1".to_owned() }],
        errors,
    }
}

/// Allows everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

#[async_trait]
impl PolicyEngine for AllowAll {
    async fn evaluate(&self, _: &Request) -> Answer {
        answer(Verdict::Allow, Vec::new())
    }
}

/// Denies everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct DenyAll;

#[async_trait]
impl PolicyEngine for DenyAll {
    async fn evaluate(&self, _: &Request) -> Answer {
        answer(Verdict::Deny, Vec::new())
    }
}

/// Allows everything but what it was told to deny or to fail at, and remembers what it was asked.
#[derive(Debug, Default)]
pub struct Scripted {
    rules: Mutex<BTreeMap<String, (Verdict, Vec<String>)>>,
    asked: Mutex<Vec<Request>>,
}

impl Scripted {
    /// Denies this action from now on.
    pub fn deny(&self, action: &str) {
        self.rule(action, Verdict::Deny, Vec::new());
    }

    /// Allows this action again.
    pub fn allow(&self, action: &str) {
        self.rule(action, Verdict::Allow, Vec::new());
    }

    /// Meets an error at this action while its verdict is allow, as an erring `forbid` does.
    pub fn fail(&self, action: &str, message: &str) {
        self.rule(action, Verdict::Allow, vec![message.to_owned()]);
    }

    /// What was asked so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn rule(&self, action: &str, verdict: Verdict, errors: Vec<String>) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).insert(action.to_owned(), (verdict, errors));
    }
}

#[async_trait]
impl PolicyEngine for Scripted {
    async fn evaluate(&self, request: &Request) -> Answer {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        let rule = self.rules.lock().unwrap_or_else(PoisonError::into_inner).get(&request.action).cloned();
        let (verdict, errors) = rule.unwrap_or((Verdict::Allow, Vec::new()));
        answer(verdict, errors)
    }
}
