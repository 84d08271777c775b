//! A policy engine whose answers change under the tasks.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use scalbotics_core::policy::{Answer, Request, Verdict};
use scalbotics_core::ports::PolicyEngine;
use scalbotics_core::principal::Uid;

use crate::policies::answer;

/// The group that a human needs for tools.
pub(super) const ROLE: &str = "operators";

#[derive(Debug, Default)]
struct Rules {
    denied: BTreeSet<String>,
    erring: bool,
}

/// Allows tools to humans with the role, unless told otherwise.
#[derive(Debug, Default)]
pub(super) struct Engine(Mutex<Rules>);

impl Engine {
    fn with<T>(&self, f: impl FnOnce(&mut Rules) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Denies the action, or allows it again; answers whether it is denied now.
    pub(super) fn toggle(&self, action: &str) -> bool {
        self.with(|rules| {
            let denied = rules.denied.insert(action.to_owned());
            if !denied {
                rules.denied.remove(action);
            }
            denied
        })
    }

    /// Meets errors, or does not any more.
    pub(super) fn err(&self) -> bool {
        self.with(|rules| {
            rules.erring = !rules.erring;
            rules.erring
        })
    }

    /// Forgets every rule.
    pub(super) fn reset(&self) {
        self.with(|rules| *rules = Rules::default());
    }
}

#[async_trait]
impl PolicyEngine for Engine {
    async fn evaluate(&self, request: &Request) -> Answer {
        let is_human = matches!(request.principal.uid, Uid::Human(_));
        let has_role = request.principal.groups.iter().any(|group| group.as_str() == ROLE);
        self.with(|rules| {
            let denied = rules.denied.contains(&request.action) || (is_human && !has_role);
            let errors = if rules.erring { vec!["an attribute is missing".to_owned()] } else { Vec::new() };
            answer(if denied { Verdict::Deny } else { Verdict::Allow }, errors)
        })
    }
}
