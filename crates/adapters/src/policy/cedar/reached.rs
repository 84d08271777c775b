//! What requests reached lately, ready for Cedar: the same principals act on the same few tools, agents and tasks again and again,
//! and making entities of them takes longer than deciding.
//!
//! **Invariant:** an entry is found by everything that it was made of, so it is what would be made now.
//! **Invariant:** an answer is kept with what policies read of the context that it was given for. They see nothing but the request,
//! and one engine has one bundle of them, so where they read the same the answer is the same.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use cedar_policy::{Entities, EntityUid};
use scalbotics_core::digest::Digest;
use scalbotics_core::policy::{Answer, Request, Resource};
use scalbotics_core::principal::Principal;
use serde_json::Value;

/// Entries kept of each sort: a few kilobytes each, the tools of the agents that are at work and the tasks that people look at.
const KEPT_MAX: usize = 64;

/// Answers kept of an entry: what a task has taken in changes once or twice.
const ANSWERS_MAX: usize = 4;

/// What a request reaches, and what it is found by.
pub(super) struct Reached {
    by: (Principal, String, Resource),
    /// Digest of the slice.
    pub(super) digest: Digest,
    /// The principal.
    pub(super) principal: EntityUid,
    /// The resource.
    pub(super) resource: EntityUid,
    /// Everything, with the action and its groups.
    pub(super) entities: Entities,
    /// The first answers, each with what was read of the context.
    answered: Mutex<Vec<(Value, Answer)>>,
}

impl Reached {
    /// What this request reaches.
    pub(super) fn new(
        request: &Request,
        digest: Digest,
        (principal, resource): (EntityUid, EntityUid),
        entities: Entities,
    ) -> Self {
        let by = (request.principal.clone(), request.action.clone(), request.resource.clone());
        Self { by, digest, principal, resource, entities, answered: Mutex::default() }
    }

    /// What was answered where this was read of the context, if it was.
    pub(super) fn answer_to(&self, read: &Value) -> Option<Answer> {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.iter().find(|(known, _)| known == read).map(|(_, answer)| answer.clone())
    }

    /// Keeps an answer, unless there are enough.
    pub(super) fn keep_answer(&self, read: Value, answer: &Answer) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.len() < ANSWERS_MAX {
            answered.push((read, answer.clone()));
        }
    }

    fn is_of(&self, request: &Request) -> bool {
        let (principal, action, resource) = &self.by;
        *principal == request.principal && *action == request.action && *resource == request.resource
    }
}

/// Entries, oldest first.
type Entries = Mutex<VecDeque<Arc<Reached>>>;

/// The entries: of resources of which there are few, and of those that come and go, which would push the others out.
#[derive(Default)]
pub(super) struct Lately {
    lasting: Entries,
    passing: Entries,
}

impl Lately {
    fn entries(&self, resource: &Resource) -> &Entries {
        if ["Approval", "Decision", "Task"].contains(&resource.kind.as_str()) { &self.passing } else { &self.lasting }
    }

    /// What such a request reached.
    pub(super) fn find(&self, request: &Request) -> Option<Arc<Reached>> {
        let kept = self.entries(&request.resource).lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().find(|reached| reached.is_of(request)).cloned()
    }

    /// Keeps an entry in the place of the oldest one.
    pub(super) fn keep(&self, reached: Reached) -> Arc<Reached> {
        let reached = Arc::new(reached);
        let mut kept = self.entries(&reached.by.2).lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(&reached));
        reached
    }
}
