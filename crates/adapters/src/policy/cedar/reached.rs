//! What requests reached lately, ready for Cedar: the same principals act on the same few tools, agents and tasks again and again,
//! and making entities of them takes longer than deciding.
//!
//! **Invariant:** an entry is found by everything that it was made of, so it is what would be made now.
//! **Invariant:** an answer is kept with the context that it was given for. Policies see nothing but the request, and one engine
//! has one bundle of them, so the answer to the same request is the same.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cedar_policy::{Entities, EntityUid};
use scalbotics_core::digest::Digest;
use scalbotics_core::policy::{Answer, Request, Resource};
use scalbotics_core::principal::Principal;
use serde_json::Value;

/// Entries kept of each sort: a few kilobytes each, the tools of the agents that are at work and the tasks that people look at.
const KEPT_MAX: usize = 64;

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
    /// The first answer, with the context of its request.
    answered: OnceLock<(Value, Answer)>,
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
        Self { by, digest, principal, resource, entities, answered: OnceLock::new() }
    }

    /// What this request was answered, if it was.
    pub(super) fn answer_to(&self, request: &Request) -> Option<Answer> {
        self.answered.get().filter(|(context, _)| *context == request.context).map(|(_, answer)| answer.clone())
    }

    /// Keeps the answer to this request, unless there is one.
    pub(super) fn keep_answer(&self, request: &Request, answer: &Answer) {
        self.answered.get_or_init(|| (request.context.clone(), answer.clone()));
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
