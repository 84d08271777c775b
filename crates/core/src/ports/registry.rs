//! The registry: humans, agents, and the answers given to requests that may be repeated.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Note, StoreError};
use crate::agent::Agent;
use crate::ids::{AgentUid, HumanUid};
use crate::outside::{ClaimsAge, Outside};
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

    /// The same without what an issuer has said too long ago for a call of a tool of this tier at `now`, with when it was said (semantics
    /// §3.5); `None` where nothing counts the less for its age.
    #[must_use]
    pub fn without_aged(&self, ages: &ClaimsAge, tier: Tier, now: Timestamp) -> Option<(Principal, Timestamp)> {
        let aged = self.outside.as_ref().filter(|outside| ages.is_over(tier, outside.claims_at, now))?;
        let bound = self.principal_in(std::iter::empty());
        (bound.groups != self.principal().groups).then_some((bound, aged.claims_at))
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
    use crate::outside::CLAIMS_AGE_MAX;
    use crate::time::Span;

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
        let usual = ClaimsAge::default();
        let strict = ClaimsAge { read: Some(Span::from_ms(9)), change: Some(Span::from_ms(5)), risky: Span::from_ms(1) };
        let hour = CLAIMS_AGE_MAX.as_ms();
        for (ages, tier, later_ms, aged) in [
            (&usual, Tier::Risky, 0, false),
            (&usual, Tier::Risky, hour, false),
            (&usual, Tier::Risky, hour + 1, true),
            (&usual, Tier::Change, hour + 1, false),
            (&usual, Tier::Read, u64::MAX / 2, false),
            (&strict, Tier::Risky, 2, true),
            (&strict, Tier::Change, 5, false),
            (&strict, Tier::Change, 6, true),
            (&strict, Tier::Read, 9, false),
            (&strict, Tier::Read, 10, true),
        ] {
            let without = human.without_aged(ages, tier, at.plus_ms(later_ms));
            let wanted = aged.then(|| (bound.clone(), at));
            assert_eq!(without.map(|(principal, said)| (principal.groups, said)), wanted, "{tier:?} {later_ms}");
        }
        // Nothing counts the less where all that the issuer says is bound here too.
        let human = Human { groups: all, ..human };
        assert_eq!(human.without_aged(&usual, Tier::Risky, at.plus_ms(hour + 1)), None);
    }
}
