//! What requests reached lately, ready for Cedar: the same principals act on the same few tools and agents again and again, and
//! making entities of them takes longer than deciding.
//!
//! **Invariant:** an entry is found by everything that it was made of, so it is what would be made now.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use cedar_policy::{Entities, EntityUid};
use scalbotics_core::digest::Digest;
use scalbotics_core::policy::{Request, Resource};
use scalbotics_core::principal::Principal;

/// Entries kept: a few kilobytes each, the tools of the agents that are at work.
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
        Self { by, digest, principal, resource, entities }
    }

    fn is_of(&self, request: &Request) -> bool {
        let (principal, action, resource) = &self.by;
        *principal == request.principal && *action == request.action && *resource == request.resource
    }
}

/// The entries, oldest first.
#[derive(Default)]
pub(super) struct Lately(Mutex<VecDeque<Arc<Reached>>>);

impl Lately {
    /// What such a request reached.
    pub(super) fn find(&self, request: &Request) -> Option<Arc<Reached>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().find(|reached| reached.is_of(request)).cloned()
    }

    /// Keeps an entry in the place of the oldest one.
    pub(super) fn keep(&self, reached: Reached) -> Arc<Reached> {
        let reached = Arc::new(reached);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(&reached));
        reached
    }
}
