//! The standings: what was taken away from whom, and what must not be erased and what was, as a restored database must not forget it (semantics §7.4).
//!
//! Names of people stand in none of it: a human is a uid, and an enrolment its digest.

use std::path::{Path, PathBuf};

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::{AgentUid, GrantId, HumanUid, ServiceUid};
use scalbotics_core::ports::{Human, Orders, PrivacyStore, ROSTER_PAGE_MAX, StoreError, Tenant};
use scalbotics_core::privacy::{Erasure, Hold};
use scalbotics_core::service::Service;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_runtime::Ports;
use serde::{Deserialize, Serialize};

/// What the signature says that the document is.
pub(crate) const KIND: &str = "standings";

/// The name of its file, beside the keystore.
const FILE: &str = "standings";

/// Longest file, in bytes: about 100 000 principals.
pub(super) const LEN_MAX: u64 = 32 << 20;

/// The only version of the document.
pub(super) const VERSION: u16 = 1;

/// Most principals that are listed. Beyond it the document says that it is not complete, and a restore suspends whom it does not list.
const PRINCIPALS_MAX: usize = 100_000;

/// A human.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HumanMark {
    /// Whose; none in a document of a time when there was one tenant only, the operating one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<TenantId>,
    pub(crate) uid: HumanUid,
    pub(crate) standing: Standing,
    pub(crate) epoch: u64,
    pub(crate) groups: Vec<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) enrolment: Option<Digest>,
    /// Who they are at an outside issuer, by which they would come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) person: Option<Digest>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceMark {
    pub(crate) uid: ServiceUid,
    pub(crate) standing: Standing,
    pub(crate) epoch: u64,
    pub(crate) groups: Vec<Name>,
    pub(crate) grant: GrantId,
}

/// An agent; its name is its own for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentMark {
    /// Whose; none in a document of a time when there was one tenant only, the operating one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<TenantId>,
    pub(crate) uid: AgentUid,
    pub(crate) name: Name,
    pub(crate) standing: Standing,
    pub(crate) epoch: u64,
}

/// What was taken away from whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Standings {
    /// 1.
    pub(crate) version: u16,
    /// Whether everybody is in it.
    pub(crate) complete: bool,
    /// Tenants, all of them; none in a document of a time when there was one tenant only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tenants: Vec<Tenant>,
    /// Humans, all of them.
    pub(crate) humans: Vec<HumanMark>,
    /// Services, all of them.
    pub(crate) services: Vec<ServiceMark>,
    /// Agents, all of them.
    pub(crate) agents: Vec<AgentMark>,
    /// Legal holds: a restored database that did not know of one would erase what it is on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) holds: Vec<Hold>,
    /// Orders to erase, the newest: a restored database that did not know of one would have back what was erased.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) erasures: Vec<Erasure>,
}

/// What of the standings is no principal.
#[derive(Debug, Serialize)]
pub(super) struct PrivacyMarks {
    holds: Vec<Hold>,
    erasures: Vec<Erasure>,
}

impl PrivacyMarks {
    /// As the store has it now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn read(privacy: &dyn PrivacyStore, tenants: &[Tenant]) -> Result<Self, StoreError> {
        let (mut holds, mut erasures) = (Vec::new(), Vec::new());
        for Tenant { id, .. } in tenants {
            holds.extend(privacy.holds(id).await?);
            erasures.extend(privacy.orders(id, Orders::UnderWay).await?);
            erasures.extend(privacy.orders(id, Orders::Done).await?);
        }
        Ok(Self { holds, erasures })
    }
}

impl Standings {
    /// Where it is, seen from the keystore.
    pub(crate) fn path(keystore: &Path) -> PathBuf {
        keystore.with_file_name(FILE)
    }

    /// What nobody remembers: a restore then suspends everybody.
    pub(crate) const fn unknown() -> Self {
        Self {
            version: VERSION,
            complete: false,
            tenants: Vec::new(),
            humans: Vec::new(),
            services: Vec::new(),
            agents: Vec::new(),
            holds: Vec::new(),
            erasures: Vec::new(),
        }
    }

    /// As the registry is now, with these marks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn of(ports: &Ports, tenants: Vec<Tenant>, marks: PrivacyMarks) -> Result<Self, StoreError> {
        let PrivacyMarks { holds, erasures } = marks;
        let (mut humans, mut services, mut agents) = (Vec::new(), Vec::new(), Vec::new());
        for Tenant { id, .. } in &tenants {
            humans.extend(ports.roster.humans(id).await?.into_iter().map(human));
            services.extend(ports.services.services(id).await?.into_iter().map(service));
            agents_of(ports, id, &mut agents).await?;
        }
        let complete = humans.len().saturating_add(services.len()).saturating_add(agents.len()) <= PRINCIPALS_MAX;
        if !complete {
            humans.truncate(PRINCIPALS_MAX);
            services.truncate(PRINCIPALS_MAX.saturating_sub(humans.len()));
            agents.truncate(PRINCIPALS_MAX.saturating_sub(humans.len()).saturating_sub(services.len()));
        }
        Ok(Self { version: VERSION, complete, tenants, humans, services, agents, holds, erasures })
    }
}

/// All agents of a tenant, of which a page of rows is held at a time.
async fn agents_of(ports: &Ports, tenant: &TenantId, marks: &mut Vec<AgentMark>) -> Result<(), StoreError> {
    let mut last: Option<Name> = None;
    loop {
        let page = ports.roster.agents(tenant, last.as_ref(), ROSTER_PAGE_MAX).await?;
        let is_last = page.len() < ROSTER_PAGE_MAX;
        last = page.last().map(|last| last.name.clone());
        marks.extend(page.into_iter().map(agent));
        if is_last {
            return Ok(());
        }
    }
}

/// What tells an enrolment from others.
pub(crate) fn enrolment_of(human: &Human) -> Option<Digest> {
    human.enrolment.as_deref().map(Digest::of_bytes)
}

fn human(human: Human) -> HumanMark {
    let enrolment = enrolment_of(&human);
    let person = human.outside.map(|outside| outside.person);
    HumanMark {
        tenant: Some(human.tenant),
        uid: human.uid,
        standing: human.standing,
        epoch: human.epoch,
        groups: human.groups,
        enrolment,
        person,
    }
}

fn service(service: Service) -> ServiceMark {
    let Service { uid, standing, epoch, groups, grant, .. } = service;
    ServiceMark { uid, standing, epoch, groups, grant: grant.id }
}

fn agent(agent: Agent) -> AgentMark {
    AgentMark { tenant: Some(agent.tenant), uid: agent.uid, name: agent.name, standing: agent.standing, epoch: agent.epoch }
}
