//! The registry: humans, agents, and the answers given to requests that may be repeated.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Note, StoreError};
use crate::agent::Agent;
use crate::ids::{AgentUid, HumanUid};
use crate::outside::{CLAIMS_AGE_MAX_MS, Outside};
use crate::principal::{Principal, Uid};
use crate::tenant::{Name, TenantId};
use crate::time::Timestamp;
use crate::tool::Tier;

/// A registered human.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Human {
    /// Identity for good.
    pub uid: HumanUid,
    /// The tenant.
    pub tenant: TenantId,
    /// Unique in the tenant, never reused.
    pub name: Name,
    /// Groups bound to the human here, sorted; beside them stand those that an outside issuer says.
    pub groups: Vec<Name>,
    /// Public login key, as a JWK in JSON; empty for a human who logs in by an outside issuer.
    pub login_key: String,
    /// Signed enrolment statement of the approval key, if the human has one; the row is a cache of the log's entry.
    pub enrolment: Option<Vec<u8>>,
    /// Whether the human may act.
    pub standing: crate::agent::Standing,
    /// Rises with each suspension.
    pub epoch: u64,
    /// What an outside issuer says of them; none for a human who logs in by a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<Outside>,
}

impl Human {
    /// The human as policy sees them: in the groups bound here, and in those that their issuer says.
    #[must_use]
    pub fn principal(&self) -> Principal {
        self.principal_in(self.outside.iter())
    }

    /// The same where a tool of this tier is called at `now`: what an issuer said more than an hour ago gives no right to touch the world
    /// (semantics §3.5).
    #[must_use]
    pub fn principal_for(&self, tier: Tier, now: Timestamp) -> Principal {
        let counts = |outside: &&Outside| tier < Tier::Risky || now.since_ms(outside.claims_at) <= CLAIMS_AGE_MAX_MS;
        self.principal_in(self.outside.iter().filter(counts))
    }

    fn principal_in<'a>(&'a self, outside: impl Iterator<Item = &'a Outside>) -> Principal {
        let (uid, tenant, name) = (Uid::Human(self.uid), self.tenant.clone(), self.name.clone());
        let mut groups: Vec<Name> = self.groups.iter().chain(outside.flat_map(|outside| &outside.groups)).cloned().collect();
        groups.sort();
        groups.dedup();
        Principal { uid, tenant, name, groups }
    }
}

/// The first answer to a request id, replayed for 24 h (semantics §9.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Digest of the request's body: another body under the same key is refused.
    pub body: crate::digest::Digest,
    /// The answer's bytes.
    pub answer: Vec<u8>,
    /// When it was given.
    pub at: Timestamp,
}

/// Reads and writes the registry.
#[async_trait]
pub trait Registry: Send + Sync + std::fmt::Debug {
    /// A human by name.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn human(&self, tenant: &TenantId, name: &Name) -> Result<Option<Human>, StoreError>;

    /// A human by identity.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn human_by_uid(&self, uid: HumanUid) -> Result<Option<Human>, StoreError>;

    /// Inserts the human, or replaces the row of the same uid; with its note in the same commit.
    ///
    /// # Errors
    /// [`StoreError`], also when the name belongs to another uid.
    async fn put_human(&self, human: Human, note: Note) -> Result<(), StoreError>;

    /// An agent by name.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn agent_by_name(&self, tenant: &TenantId, name: &Name) -> Result<Option<Agent>, StoreError>;

    /// An agent by identity.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn agent(&self, uid: AgentUid) -> Result<Option<Agent>, StoreError>;

    /// Inserts the agent, or replaces the row of the same uid; with its note in the same commit.
    ///
    /// # Errors
    /// [`StoreError`], also when the name belongs to another uid.
    async fn put_agent(&self, agent: Agent, note: Note) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Standing;
    use crate::digest::Digest;

    #[test]
    fn sem_3_5_an_old_word_of_an_issuer_gives_no_right_to_touch_the_world() {
        let name = |text: &str| Name::parse(text).unwrap();
        let at = Timestamp::from_unix_ms(1_000);
        let outside = Outside {
            issuer: "https://id.example".to_owned(),
            person: Digest::of_bytes(b"x"),
            groups: vec![name("ops"), name("bound")],
            claims_at: at,
        };
        let human = Human {
            uid: HumanUid::from_u128(1),
            tenant: TenantId::parse("acme").unwrap(),
            name: name("ann"),
            groups: vec![name("bound")],
            login_key: String::new(),
            enrolment: None,
            standing: Standing::Active,
            epoch: 0,
            outside: Some(outside),
        };
        let (all, bound) = (vec![name("bound"), name("ops")], vec![name("bound")]);
        assert_eq!(human.principal().groups, all);
        for (tier, later_ms, groups) in [
            (Tier::Risky, 0, &all),
            (Tier::Risky, CLAIMS_AGE_MAX_MS, &all),
            (Tier::Risky, CLAIMS_AGE_MAX_MS + 1, &bound),
            (Tier::Change, CLAIMS_AGE_MAX_MS + 1, &all),
            (Tier::Read, u64::MAX / 2, &all),
        ] {
            assert_eq!(human.principal_for(tier, at.plus_ms(later_ms)).groups, *groups, "{tier:?} {later_ms}");
        }
    }
}
