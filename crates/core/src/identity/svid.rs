//! Certificates that were issued to agents, as the book of them knows each (semantics §4.3).
//!
//! **Invariant:** a certificate counts while its book entry does: under the epoch that its agent has now, and before the moment at which it
//! was cut short.

use serde::{Deserialize, Serialize};

use super::AuthorityId;
use crate::agent::{Agent, Standing};
use crate::digest::Digest;
use crate::ids::{AgentUid, GrantId, HumanUid};
use crate::principal::{Grant, Scope, Uid};
use crate::tenant::TenantId;
use crate::time::Timestamp;
use crate::tool::Tier;

/// How long certificates go on after new keys were asked for in good order, in milliseconds (semantics §4.8).
pub const ROTATION_OVERLAP_MS: u64 = 60_000;

/// What an agent may ever ask of the API by its own certificate, whatever policy permits it: to know itself, to renew, to see its own tasks, and
/// to attend as a worker.
pub const ACTIONS: [&str; 6] =
    ["identity.renew", "installation.status", "session.whoami", "task.read", "task.watch", "worker.attend"];

/// The human who stands at the head of whatever an agent asks by its certificate, and the grant by which it may (semantics §3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The human who let the agent join.
    pub sponsor: HumanUid,
    /// What they gave; renewals go on under it.
    pub grant: GrantId,
}

/// A certificate of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svid {
    /// Its serial number, in lower-case hexadecimal.
    pub serial: String,
    /// The agent's tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub agent: AgentUid,
    /// The agent's epoch when it was issued.
    pub epoch: u64,
    /// Who signed it.
    pub authority: AuthorityId,
    /// SHA-256 of its key's `SubjectPublicKeyInfo`.
    pub key: Digest,
    /// Who stands for what is asked by it; none where nobody let the agent join, and then the API answers it nothing.
    pub joined: Option<Joined>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Last moment of its life.
    pub not_after: Timestamp,
    /// It counts before this moment: its end, or earlier where it was cut short.
    pub void_at: Timestamp,
}

/// Why a certificate does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Void {
    /// Its life is over, or it was cut short for new keys.
    Over,
    /// It is of an epoch before the agent's.
    Epoch,
    /// The agent may not act.
    Standing,
}

impl Svid {
    /// Why it does not count for `agent` at `now`, if it does not.
    #[must_use]
    pub fn void(&self, agent: &Agent, now: Timestamp) -> Option<Void> {
        if agent.standing != Standing::Active {
            return Some(Void::Standing);
        }
        if self.epoch != agent.epoch || self.agent != agent.uid {
            return Some(Void::Epoch);
        }
        (now >= self.void_at).then_some(Void::Over)
    }

    /// What the human behind it gave, as the one link between them and the agent; it names no tool.
    #[must_use]
    pub fn link(&self) -> Option<Grant> {
        self.joined.map(|Joined { sponsor, grant }| Grant {
            id: grant,
            grantor: Uid::Human(sponsor),
            grantee: Uid::Agent(self.agent),
            task: None,
            scope: Scope { tools: Vec::new(), tier_max: Tier::Read },
            expires_at: self.void_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::{Chain, Principal};
    use crate::tenant::Name;

    fn agent() -> Agent {
        Agent {
            uid: AgentUid::from_u128(7),
            tenant: TenantId::parse("acme").unwrap(),
            name: Name::parse("clerk").unwrap(),
            standing: Standing::Active,
            epoch: 3,
        }
    }

    fn svid() -> Svid {
        let at = Timestamp::from_unix_ms;
        Svid {
            serial: "5e".to_owned(),
            tenant: agent().tenant,
            agent: agent().uid,
            epoch: 3,
            authority: AuthorityId::of_key_identifier([1; 20]),
            key: Digest::of_bytes(b"key"),
            joined: Some(Joined { sponsor: HumanUid::from_u128(1), grant: GrantId::from_u128(2) }),
            issued_at: at(0),
            not_after: at(100),
            void_at: at(100),
        }
    }

    #[test]
    fn sem_4_3_a_certificate_counts_under_its_epoch_and_before_its_end() {
        let at = Timestamp::from_unix_ms;
        assert_eq!(svid().void(&agent(), at(99)), None);
        assert_eq!(svid().void(&agent(), at(100)), Some(Void::Over));
        assert_eq!(Svid { void_at: at(50), ..svid() }.void(&agent(), at(60)), Some(Void::Over));
        for epoch in [0, 2, 4] {
            assert_eq!(svid().void(&Agent { epoch, ..agent() }, at(1)), Some(Void::Epoch), "{epoch}");
        }
        for standing in [Standing::Suspended, Standing::Offboarded] {
            assert_eq!(svid().void(&Agent { standing, ..agent() }, at(1)), Some(Void::Standing));
        }
        assert_eq!(svid().void(&Agent { uid: AgentUid::from_u128(8), ..agent() }, at(1)), Some(Void::Epoch), "another agent's");
    }

    #[test]
    fn sem_3_5_a_human_stands_before_the_agent_and_gives_no_tool() {
        let name = |text: &str| Name::parse(text).unwrap();
        let who = |uid, of: &str| Principal { uid, tenant: agent().tenant, name: name(of), groups: Vec::new() };
        let link = svid().link().unwrap();
        let (human, clerk) = (who(Uid::Human(HumanUid::from_u128(1)), "ann"), who(Uid::Agent(agent().uid), "clerk"));
        let chain = Chain { principals: vec![human, clerk], grants: vec![link.clone()] };
        assert_eq!(chain.check(), Ok(()));
        assert!(!link.allows(&name("fs.read"), Tier::Read, Timestamp::from_unix_ms(1)));
        assert!(Svid { joined: None, ..svid() }.link().is_none());
        assert!(ACTIONS.is_sorted());
    }
}
