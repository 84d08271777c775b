//! The standings: what was taken away from whom, and what must not be erased and what was, as a restored database must not forget it (semantics §7.4).
//!
//! Names of people stand in none of it: a human is a uid, and an enrolment its digest.

use std::collections::BTreeMap;
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

/// Longest file, in bytes: about 100 000 principals with the orders of many tenants. What is written never gets longer: it lists fewer then.
pub(super) const LEN_MAX: u64 = 64 << 20;

/// Longest document in it, in bytes: what is left for the signature is more than any has.
pub(super) const LINE_LEN_MAX: u64 = LEN_MAX - (64 << 10);

/// The only version of the document.
pub(super) const VERSION: u16 = 1;

/// Most principals that are listed, of all tenants. Beyond it the document says that it is not complete, and a restore suspends whom it does not
/// list: first of the tenants that have the most, so that nobody has others left out.
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

    /// What it says of each tenant, apart from the others; of services only the whole says anything, by their uids. What names no tenant is of
    /// the time when the operating one was the only one.
    pub(crate) fn apart(&self, operating: &TenantId) -> BTreeMap<TenantId, Self> {
        let mut all: BTreeMap<TenantId, Self> = BTreeMap::new();
        let whose = |tenant: &Option<TenantId>| tenant.clone().unwrap_or_else(|| operating.clone());
        let empty = || Self { complete: self.complete, ..Self::unknown() };
        for mark in &self.humans {
            all.entry(whose(&mark.tenant)).or_insert_with(empty).humans.push(mark.clone());
        }
        for mark in &self.agents {
            all.entry(whose(&mark.tenant)).or_insert_with(empty).agents.push(mark.clone());
        }
        all
    }

    /// The same with half as many of those whom it hurts least: agents, which a restore suspends anyway, then services, then humans; orders only
    /// where nobody is left. `None` where there is nothing that may be left out.
    pub(super) fn shortened(mut self) -> Option<Self> {
        match (self.agents.len(), self.services.len(), self.humans.len(), self.erasures.len()) {
            (0, 0, 0, 0) => return None,
            (0, 0, 0, erasures) => drop(self.erasures.drain(..erasures.div_ceil(2))),
            (0, 0, humans, _) => self.humans.truncate(humans / 2),
            (0, services, _, _) => self.services.truncate(services / 2),
            (agents, _, _, _) => self.agents.truncate(agents / 2),
        }
        Some(Self { complete: false, ..self })
    }

    /// As the registry is now, with these marks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn of(ports: &Ports, tenants: Vec<Tenant>, marks: PrivacyMarks) -> Result<Self, StoreError> {
        let PrivacyMarks { holds, erasures } = marks;
        let (mut humans, mut services, mut agents) = (Vec::new(), Vec::new(), Vec::new());
        for Tenant { id, .. } in &tenants {
            humans.push(ports.roster.humans(id).await?.into_iter().map(human).collect());
            services.push(ports.services.services(id).await?.into_iter().map(service).collect());
            agents.push(agents_of(ports, id).await?);
        }
        let mut room = Room { left: PRINCIPALS_MAX, complete: true };
        let (humans, services, agents) = (room.take(humans), room.take(services), room.take(agents));
        let complete = room.complete;
        Ok(Self { version: VERSION, complete, tenants, humans, services, agents, holds, erasures })
    }
}

/// What may still be listed.
struct Room {
    left: usize,
    complete: bool,
}

impl Room {
    /// What of all tenants' marks is listed, in their order: of each as many as of any other, until all are or the room is full.
    fn take<T>(&mut self, all: Vec<Vec<T>>) -> Vec<T> {
        let each = fair(all.iter().map(Vec::len).collect(), self.left);
        let mut taken = Vec::new();
        for mut marks in all {
            self.complete &= marks.len() <= each;
            marks.truncate(each);
            taken.append(&mut marks);
        }
        self.left = self.left.saturating_sub(taken.len());
        taken
    }
}

/// The most that one of several may have so that together they have no more than `room`.
fn fair(mut wanted: Vec<usize>, mut room: usize) -> usize {
    wanted.sort_unstable();
    let mut left = wanted.len();
    for wanted in wanted {
        if wanted.saturating_mul(left) > room {
            return room / left;
        }
        (room, left) = (room - wanted, left - 1);
    }
    usize::MAX
}

/// All agents of a tenant, of which a page of rows is held at a time.
async fn agents_of(ports: &Ports, tenant: &TenantId) -> Result<Vec<AgentMark>, StoreError> {
    let (mut marks, mut last): (Vec<AgentMark>, Option<Name>) = (Vec::new(), None);
    loop {
        let page = ports.roster.agents(tenant, last.as_ref(), ROSTER_PAGE_MAX).await?;
        let is_last = page.len() < ROSTER_PAGE_MAX;
        last = page.last().map(|last| last.name.clone());
        marks.extend(page.into_iter().map(agent));
        if is_last {
            return Ok(marks);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_others_left_out() {
        for (wanted, room, each) in [
            (vec![], 9, usize::MAX),
            (vec![0, 0], 0, usize::MAX),
            (vec![3, 3, 3], 9, usize::MAX),
            (vec![3, 3, 4], 9, 3),
            (vec![1, 2, 100], 10, 7),
            (vec![100, 100, 1], 10, 4),
            (vec![5], 0, 0),
            (vec![1, 1, 1], 2, 0),
        ] {
            assert_eq!(fair(wanted.clone(), room), each, "{wanted:?} in {room}");
        }
        let mut room = Room { left: 5, complete: true };
        assert_eq!((room.take(vec![vec![1], vec![2, 3, 4, 5, 6], vec![]]), room.complete), (vec![1, 2, 3, 4, 5], false));
        assert_eq!(room.take(vec![vec![7]]), Vec::<i32>::new(), "it is full");
        let mut room = Room { left: 5, complete: true };
        assert_eq!(
            (room.take(vec![vec![1], vec![2, 3]]), room.take(vec![vec![4, 5]]), room.complete),
            (vec![1, 2, 3], vec![4, 5], true)
        );
    }

    #[test]
    fn what_is_too_long_lists_fewer_and_says_so() {
        let agent = |number: u128| AgentMark {
            tenant: None,
            uid: AgentUid::from_u128(number),
            name: Name::parse(&format!("agent-{number}")).unwrap(),
            standing: Standing::Active,
            epoch: 1,
        };
        let mut standings = Standings { complete: true, agents: (0..5).map(agent).collect(), ..Standings::unknown() };
        let mut lens = Vec::new();
        while let Some(shorter) = standings.clone().shortened() {
            lens.push((shorter.agents.len(), shorter.complete));
            standings = shorter;
        }
        assert_eq!(lens, [(2, false), (1, false), (0, false)]);
    }
}
