//! Who acts, and for whom: principals, grants and the delegation chain.
//!
//! **Invariant:** a chain starts with a human, has at most [`CHAIN_LEN_MAX`] links, lies in one tenant, and rights only
//! shrink along it: every principal's policy ∩ every grant, checked at each use (semantics §3.4–3.5).

use serde::{Deserialize, Serialize};

use crate::ids::{self, AgentUid, GrantId, HumanUid, ServiceUid, TaskId};
use crate::tenant::{Name, TenantId};
use crate::time::Timestamp;
use crate::tool::Tier;

/// Longest chain, in links (security row 7).
pub const CHAIN_LEN_MAX: usize = 8;

/// What kind of principal, and its identity for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "uid", rename_all = "snake_case")]
pub enum Uid {
    /// A person who logged in.
    Human(HumanUid),
    /// An agent of this installation.
    Agent(AgentUid),
    /// A machine client.
    Service(ServiceUid),
    /// The daemon itself: recovery, expiry, start.
    Daemon,
}

impl Uid {
    /// The word for the kind in policies, tables and metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Human(_) => "human",
            Self::Agent(_) => "agent",
            Self::Service(_) => "service",
            Self::Daemon => "daemon",
        }
    }
}

impl std::fmt::Display for Uid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Human(uid) => uid.fmt(f),
            Self::Agent(uid) => uid.fmt(f),
            Self::Service(uid) => uid.fmt(f),
            Self::Daemon => f.write_str("daemon"),
        }
    }
}

/// Who logs in by a key of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyHolder {
    /// A person.
    Human(HumanUid),
    /// A machine client.
    Service(ServiceUid),
}

impl From<KeyHolder> for Uid {
    fn from(holder: KeyHolder) -> Self {
        match holder {
            KeyHolder::Human(uid) => Self::Human(uid),
            KeyHolder::Service(uid) => Self::Service(uid),
        }
    }
}

impl std::fmt::Display for KeyHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Uid::from(*self).fmt(f)
    }
}

impl std::str::FromStr for KeyHolder {
    type Err = ids::Error;

    fn from_str(text: &str) -> Result<Self, ids::Error> {
        match text.parse() {
            Ok(uid) => Ok(Self::Service(uid)),
            Err(_) => text.parse().map(Self::Human),
        }
    }
}

impl Serialize for KeyHolder {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyHolder {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A principal as policy sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// Identity for good.
    pub uid: Uid,
    /// The tenant it belongs to; the only source of a request's tenant.
    pub tenant: TenantId,
    /// Name within the tenant.
    pub name: Name,
    /// Groups (humans: bound roles; agents: their team), sorted.
    pub groups: Vec<Name>,
}

impl Principal {
    /// The same without what tells a person: the name and groups of a human are the registry's at each use, never the journal's
    /// (semantics §7.2).
    #[must_use]
    pub fn pseudonymous(&self) -> Self {
        match (self.uid, Name::parse(self.uid.kind())) {
            (Uid::Human(_), Ok(name)) => Self { name, groups: Vec::new(), ..self.clone() },
            (Uid::Human(_) | Uid::Agent(_) | Uid::Service(_) | Uid::Daemon, _) => self.clone(),
        }
    }
}

/// What a grant allows at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Tool ids that may be called; a root grant lists those of the agent's file at submission.
    pub tools: Vec<Name>,
    /// Highest tier that may be called.
    pub tier_max: Tier,
}

/// Rights handed from one principal to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The grant's id, in the chain and in every digest of a call made under it.
    pub id: GrantId,
    /// Who gave.
    pub grantor: Uid,
    /// Who received.
    pub grantee: Uid,
    /// The one task that it serves; none for what a standing grant lets a service ask of the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// What it allows at most.
    pub scope: Scope,
    /// End of its life; a call at or after this moment is denied.
    pub expires_at: Timestamp,
}

/// The chain human → … → acting agent, each link after the first under a grant of the one before; a service stands right behind
/// the human who sponsors it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Principals, the human first, the acting one last.
    pub principals: Vec<Principal>,
    /// One grant between each pair of neighbours.
    pub grants: Vec<Grant>,
}

/// Why a chain is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No principal, or more than [`CHAIN_LEN_MAX`].
    #[error("delegation chain has {len} links, it needs 1 to {CHAIN_LEN_MAX}")]
    Len {
        /// Number of principals found.
        len: usize,
    },
    /// The first principal is not a human.
    #[error("delegation chain does not start with a human")]
    NoSponsor,
    /// Somebody stands where their kind does not: a human in the middle, a service not right behind the human.
    #[error("delegation chain has a {kind} at link {link}")]
    Place {
        /// Their kind.
        kind: &'static str,
        /// Index in the chain.
        link: usize,
    },
    /// Two principals belong to different tenants.
    #[error("delegation chain crosses tenants")]
    Tenants,
    /// A grant is missing, or does not connect its neighbours.
    #[error("delegation chain lacks the grant of link {link}")]
    Grant {
        /// Index of the grantee in the chain.
        link: usize,
    },
    /// A grant allows more than the one before it.
    #[error("delegation chain widens at link {link}")]
    Widened {
        /// Index of the grantee in the chain.
        link: usize,
    },
}

impl Chain {
    /// Checks shape and attenuation of the whole chain; expiry is checked at each use.
    ///
    /// # Errors
    /// [`ChainError`], the first thing that is wrong from the human onwards.
    pub fn check(&self) -> Result<(), ChainError> {
        let len = self.principals.len();
        if len == 0 || len > CHAIN_LEN_MAX {
            return Err(ChainError::Len { len });
        }
        let first = self.principals.first().ok_or(ChainError::Len { len })?;
        if !matches!(first.uid, Uid::Human(_)) {
            return Err(ChainError::NoSponsor);
        }
        let misplaced = self.principals.iter().enumerate().find(|(link, principal)| !stands(principal.uid, *link));
        if let Some((link, principal)) = misplaced {
            return Err(ChainError::Place { kind: principal.uid.kind(), link });
        }
        if self.principals.iter().any(|p| p.tenant != first.tenant) {
            return Err(ChainError::Tenants);
        }
        if self.grants.len() + 1 != len {
            return Err(ChainError::Grant { link: self.grants.len() + 1 });
        }
        self.check_grants()
    }

    fn check_grants(&self) -> Result<(), ChainError> {
        let pairs = self.principals.iter().zip(self.principals.iter().skip(1));
        let mut previous: Option<&Grant> = None;
        for (index, ((from, to), grant)) in pairs.zip(&self.grants).enumerate() {
            let link = index + 1;
            if grant.grantor != from.uid || grant.grantee != to.uid {
                return Err(ChainError::Grant { link });
            }
            if previous.is_some_and(|p| !grant.within(p)) {
                return Err(ChainError::Widened { link });
            }
            previous = Some(grant);
        }
        Ok(())
    }

    /// The principal that acts: the last.
    #[must_use]
    pub fn actor(&self) -> Option<&Principal> {
        self.principals.last()
    }

    /// The one that began what the chain does: the service behind its sponsor, else the human.
    #[must_use]
    pub fn submitter(&self) -> Option<&Principal> {
        let service = self.principals.get(1).filter(|second| matches!(second.uid, Uid::Service(_)));
        service.or_else(|| self.principals.first())
    }
}

/// Whether a principal of this kind stands at this link: the human first, a service right behind, then agents.
const fn stands(uid: Uid, link: usize) -> bool {
    match uid {
        Uid::Human(_) => link == 0,
        Uid::Service(_) => link == 1,
        Uid::Agent(_) => link > 0,
        Uid::Daemon => false,
    }
}

impl Grant {
    /// Whether this grant allows nothing that `outer` does not.
    #[must_use]
    pub fn within(&self, outer: &Self) -> bool {
        outer.task.is_none_or(|task| self.task == Some(task))
            && self.expires_at <= outer.expires_at
            && self.scope.tier_max <= outer.scope.tier_max
            && self.scope.tools.iter().all(|tool| outer.scope.tools.contains(tool))
    }

    /// Whether it is not over at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// Whether a call of `tool` at `tier` at `now` is inside this grant.
    #[must_use]
    pub fn allows(&self, tool: &Name, tier: Tier, now: Timestamp) -> bool {
        self.holds(now) && tier <= self.scope.tier_max && self.scope.tools.contains(tool)
    }
}

#[cfg(test)]
mod tests;
