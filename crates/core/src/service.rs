//! A service: a program that calls the API by itself, such as a CI job, and the standing grant by which it may.
//!
//! **Invariant:** a service acts only under a grant that a human gave and that ends; the human stands at the head of everything
//! that it does (semantics §3.5, decisions/0024).

use serde::{Deserialize, Serialize};

use crate::agent::Standing;
use crate::ids::{GrantId, HumanUid, ServiceUid, TaskId};
use crate::principal::{Chain, Grant, Principal, Scope, Uid};
use crate::tenant::{Name, TenantId};
use crate::time::Timestamp;
use crate::tool::Tier;

/// Longest life of a standing grant, in milliseconds: ninety days, so that somebody looks at each service four times a year.
pub const GRANT_LIFETIME_MAX_MS: u64 = 90 * 86_400_000;

/// Groups that only humans are in: who decides about others answers for it in person.
pub const HUMAN_GROUPS: [&str; 2] = ["admins", "approvers"];

/// What a service may ever ask of the API, whatever policy permits it: to work with tasks and to look at what they need. So none
/// approves, administers anybody, keeps secrets or changes what is in force.
pub const ACTIONS: [&str; 13] = [
    "agent.list",
    "agent.read",
    "installation.status",
    "session.whoami",
    "task.cancel",
    "task.list",
    "task.read",
    "task.submit",
    "task.watch",
    "team.list",
    "team.read",
    "tool.list",
    "tool.read",
];

/// What a human lets a service do until it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingGrant {
    /// The grant's id, in every chain that rests on it.
    pub id: GrantId,
    /// The human who gave it and answers for it.
    pub sponsor: HumanUid,
    /// Highest tier of a tool that is called under it.
    pub tier_max: Tier,
    /// When it was given.
    pub granted_at: Timestamp,
    /// End of its life; a call at or after this moment is denied.
    pub expires_at: Timestamp,
}

/// A registered service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Identity for good.
    pub uid: ServiceUid,
    /// The tenant.
    pub tenant: TenantId,
    /// Unique in the tenant among services, never reused.
    pub name: Name,
    /// Groups bound to the service, sorted; none of [`HUMAN_GROUPS`].
    pub groups: Vec<Name>,
    /// Public login key, as a JWK in JSON.
    pub login_key: String,
    /// Whether it may act.
    pub standing: Standing,
    /// Rises with each suspension.
    pub epoch: u64,
    /// By what right it acts.
    pub grant: StandingGrant,
}

impl Service {
    /// The service as policy sees it.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal {
            uid: Uid::Service(self.uid),
            tenant: self.tenant.clone(),
            name: self.name.clone(),
            groups: self.groups.clone(),
        }
    }

    /// Its grant as the first link of a chain: for calls of the API, which name no tool.
    #[must_use]
    pub fn link(&self) -> Grant {
        Grant {
            id: self.grant.id,
            grantor: Uid::Human(self.grant.sponsor),
            grantee: Uid::Service(self.uid),
            task: None,
            scope: Scope { tools: Vec::new(), tier_max: self.grant.tier_max },
            expires_at: self.grant.expires_at,
        }
    }
}

/// For whom a service calls: the human at the head of its chain, and what they let it do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sponsor {
    /// The human, as the registry knows them at this moment.
    pub human: Principal,
    /// The standing grant.
    pub grant: Grant,
}

/// The chain of somebody who calls the API: a human alone, or a service behind its sponsor.
#[must_use]
pub fn chain(caller: &Principal, sponsor: Option<&Sponsor>) -> Chain {
    match sponsor {
        None => Chain { principals: vec![caller.clone()], grants: Vec::new() },
        Some(Sponsor { human, grant }) => Chain { principals: vec![human.clone(), caller.clone()], grants: vec![grant.clone()] },
    }
}

/// A standing grant as it holds for one task: of the tools that the task's agent has, and no higher than before.
#[must_use]
pub fn for_task(standing: &Grant, task: TaskId, tools: &[Name]) -> Grant {
    let scope = Scope { tools: tools.to_vec(), tier_max: standing.scope.tier_max };
    Grant { task: Some(task), scope, ..standing.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AgentUid;

    fn service() -> Service {
        Service {
            uid: ServiceUid::from_u128(2),
            tenant: TenantId::parse("acme").unwrap(),
            name: Name::parse("ci").unwrap(),
            groups: vec![Name::parse("operators").unwrap()],
            login_key: String::new(),
            standing: Standing::Active,
            epoch: 0,
            grant: StandingGrant {
                id: GrantId::from_u128(3),
                sponsor: HumanUid::from_u128(1),
                tier_max: Tier::Change,
                granted_at: Timestamp::from_unix_ms(0),
                expires_at: Timestamp::from_unix_ms(100),
            },
        }
    }

    fn sponsor() -> Principal {
        Principal { uid: Uid::Human(HumanUid::from_u128(1)), groups: Vec::new(), ..service().principal() }
    }

    #[test]
    fn sem_3_5_a_chain_of_a_service_starts_with_its_sponsor_and_only_shrinks() {
        let (service, read) = (service(), Name::parse("fs.read").unwrap());
        let calls = chain(&service.principal(), Some(&Sponsor { human: sponsor(), grant: service.link() }));
        assert_eq!(calls.check(), Ok(()));
        assert_eq!(calls.submitter().map(|who| who.uid), Some(Uid::Service(service.uid)));
        let own = chain(&sponsor(), None);
        assert_eq!((own.check(), own.submitter()), (Ok(()), own.actor()));
        assert!(chain(&service.principal(), None).check().is_err(), "nobody stands for it");
        let task = TaskId::from_u128(9);
        let agent = Principal { uid: Uid::Agent(AgentUid::from_u128(4)), ..sponsor() };
        let first = for_task(&service.link(), task, std::slice::from_ref(&read));
        let root = |tier_max, expires| Grant {
            id: GrantId::from_u128(5),
            grantor: Uid::Service(service.uid),
            grantee: agent.uid,
            task: Some(task),
            scope: Scope { tools: vec![read.clone()], tier_max },
            expires_at: Timestamp::from_unix_ms(expires),
        };
        let principals = vec![sponsor(), service.principal(), agent.clone()];
        let whole = |root| Chain { principals: principals.clone(), grants: vec![first.clone(), root] };
        assert_eq!(whole(root(Tier::Change, 100)).check(), Ok(()));
        assert!(whole(root(Tier::Risky, 100)).check().is_err(), "a higher tier than the sponsor gave");
        assert!(whole(root(Tier::Change, 101)).check().is_err(), "longer than the sponsor gave");
    }

    #[test]
    fn a_service_asks_for_nothing_that_decides_about_others() {
        let refused = [
            "approval.",
            "human.",
            "service.",
            "secret.",
            "agent.suspend",
            "agent.resume",
            "agent.offboard",
            "audit.",
            "repository.",
        ];
        for action in ACTIONS {
            assert!(refused.iter().all(|prefix| !action.starts_with(prefix)), "{action}");
        }
        assert!(ACTIONS.is_sorted());
    }
}
