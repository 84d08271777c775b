//! Who may act after a restore: nobody who could not before it, as far as anybody remembers.
//!
//! **Invariant:** a standing is the worse of the backup's and the remembered one, groups are those of both, an epoch is above both, and an
//! approval key or a grant counts only if it is the remembered one. Whom nobody remembers is suspended. Humans and agents are looked for among
//! the marks of their own tenant ([`Standings::apart`]).

use std::collections::{BTreeMap, BTreeSet};

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::ids::AgentUid;
use scalbotics_core::outside::Outside;
use scalbotics_core::ports::Human;
use scalbotics_core::service::Service;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;

use crate::anchor::{AgentMark, HumanMark, Standings, enrolment_of};

/// Hexadecimal digits in the name of somebody whose name is not remembered.
const DIGITS: usize = 24;

/// The worse of two.
pub(super) const fn worse(one: Standing, other: Standing) -> Standing {
    match (one, other) {
        (Standing::Offboarded, _) | (_, Standing::Offboarded) => Standing::Offboarded,
        (Standing::Suspended, _) | (_, Standing::Suspended) => Standing::Suspended,
        (Standing::Active, Standing::Active) => Standing::Active,
    }
}

/// Groups of both.
fn shared(one: &[Name], other: &[Name]) -> Vec<Name> {
    one.iter().filter(|group| other.contains(group)).cloned().collect()
}

/// A human after the restore; `keep` has those whom the operator vouches for where nobody remembers them.
pub(super) fn human(old: &Human, standings: &Standings, keep: &BTreeSet<Name>) -> Human {
    let Some(mark) = standings.humans.iter().find(|mark| mark.uid == old.uid) else {
        let standing = if keep.contains(&old.name) { old.standing } else { worse(old.standing, Standing::Suspended) };
        return Human { standing, epoch: old.epoch.saturating_add(1), outside: bare(old), ..old.clone() };
    };
    Human {
        standing: worse(old.standing, mark.standing),
        epoch: old.epoch.max(mark.epoch).saturating_add(1),
        groups: shared(&old.groups, &mark.groups),
        enrolment: old.enrolment.clone().filter(|_| enrolment_of(old) == mark.enrolment),
        outside: bare(old),
        ..old.clone()
    }
}

/// Who somebody is at an outside issuer, without the groups that it said in the days of the backup: it says them anew at the next login.
fn bare(human: &Human) -> Option<Outside> {
    human.outside.clone().map(|outside| Outside { groups: Vec::new(), ..outside })
}

/// People of outside issuers whom the backup does not know and who must not come back as somebody new: those who may not act.
pub(super) fn unknown_people(known: &[Human], standings: &Standings, tenant: &TenantId) -> Vec<Human> {
    let human = |mark: &HumanMark| {
        let person = mark.person.filter(|_| mark.standing != Standing::Active)?;
        if known.iter().any(|human| human.uid == mark.uid || human.outside.as_ref().is_some_and(|known| known.person == person)) {
            return None;
        }
        let digits: String = person.to_string().chars().take(DIGITS).collect();
        let outside = Outside { issuer: String::new(), person, groups: Vec::new(), claims_at: Timestamp::from_unix_ms(0) };
        Some(Human {
            uid: mark.uid,
            tenant: tenant.clone(),
            // Names of people are not remembered.
            name: Name::parse(&format!("person-{digits}")).ok()?,
            groups: Vec::new(),
            login_key: String::new(),
            enrolment: None,
            standing: mark.standing,
            epoch: mark.epoch.saturating_add(1),
            outside: Some(outside),
        })
    };
    standings.humans.iter().filter_map(human).collect()
}

/// A service after the restore.
pub(super) fn service(old: &Service, standings: &Standings) -> Service {
    let mark = standings.services.iter().find(|mark| mark.uid == old.uid);
    let same = mark.is_some_and(|mark| mark.grant == old.grant.id);
    let remembered = mark.filter(|_| same).map_or(Standing::Suspended, |mark| mark.standing);
    // One that was offboarded stays so whatever became of its grant.
    let remembered = mark.map_or(remembered, |mark| worse(remembered, mark.standing));
    Service {
        standing: worse(old.standing, remembered),
        epoch: old.epoch.max(mark.map_or(0, |mark| mark.epoch)).saturating_add(1),
        groups: mark.map_or_else(|| old.groups.clone(), |mark| shared(&old.groups, &mark.groups)),
        ..old.clone()
    }
}

/// The agents after the restore: those of the backup, suspended until they are resumed by name or gone as they were, and those that it does not
/// know, registered since, with the name that is theirs for ever.
pub(super) fn agents(known: &[Agent], standings: &Standings, tenant: &TenantId) -> Vec<Agent> {
    let marks: BTreeMap<AgentUid, &AgentMark> = standings.agents.iter().map(|mark| (mark.uid, mark)).collect();
    let uids: BTreeSet<AgentUid> = known.iter().map(|agent| agent.uid).collect();
    let names: BTreeSet<&Name> = known.iter().map(|agent| &agent.name).collect();
    let restored = known.iter().map(|old| agent(old, marks.get(&old.uid).copied()));
    let since = standings.agents.iter().filter(|mark| !uids.contains(&mark.uid) && !names.contains(&mark.name));
    let new = since.map(|mark| Agent {
        uid: mark.uid,
        tenant: tenant.clone(),
        name: mark.name.clone(),
        standing: worse(mark.standing, Standing::Suspended),
        epoch: mark.epoch.saturating_add(1),
    });
    restored.chain(new).collect()
}

fn agent(old: &Agent, mark: Option<&AgentMark>) -> Agent {
    let standing = worse(worse(old.standing, Standing::Suspended), mark.map_or(Standing::Suspended, |mark| mark.standing));
    Agent { standing, epoch: old.epoch.max(mark.map_or(0, |mark| mark.epoch)).saturating_add(1), ..old.clone() }
}

#[cfg(test)]
mod tests {
    use scalbotics_core::ids::{GrantId, HumanUid, ServiceUid};
    use scalbotics_core::service::StandingGrant;
    use scalbotics_core::tool::Tier;

    use super::*;
    use crate::anchor::ServiceMark;

    const ALL: [Standing; 3] = [Standing::Active, Standing::Suspended, Standing::Offboarded];

    fn names(text: &str) -> Vec<Name> {
        text.split_whitespace().map(|name| Name::parse(name).unwrap()).collect()
    }

    fn ann(standing: Standing, groups: &str) -> Human {
        Human {
            uid: HumanUid::from_u128(1),
            tenant: TenantId::parse("acme").unwrap(),
            name: Name::parse("ann").unwrap(),
            groups: names(groups),
            login_key: String::new(),
            enrolment: Some(b"statement".to_vec()),
            standing,
            epoch: 3,
            outside: None,
        }
    }

    fn remembered(human: &Human) -> Standings {
        let enrolment = enrolment_of(human);
        let mark = HumanMark {
            tenant: None,
            uid: human.uid,
            standing: human.standing,
            epoch: human.epoch,
            groups: human.groups.clone(),
            enrolment,
            person: None,
        };
        Standings { humans: vec![mark], ..Standings::unknown() }
    }

    #[test]
    fn sem_7_4_nobody_is_given_back_what_was_taken() {
        for (backup, then) in ALL.into_iter().flat_map(|backup| ALL.map(|then| (backup, then))) {
            let restored = human(&ann(backup, "admins ops"), &remembered(&ann(then, "ops more")), &BTreeSet::new());
            assert_eq!(restored.standing, worse(backup, then), "{backup:?} and then {then:?}");
            assert_eq!((restored.groups, restored.epoch), (names("ops"), 4));
            assert!(restored.enrolment.is_some());
        }
        let late = Human { epoch: 9, enrolment: Some(b"another".to_vec()), ..ann(Standing::Active, "ops") };
        let restored = human(&ann(Standing::Active, "ops"), &remembered(&late), &BTreeSet::new());
        assert_eq!((restored.epoch, restored.enrolment), (10, None), "an approval key that was replaced does not come back");
    }

    #[test]
    fn sem_7_4_whom_nobody_remembers_is_suspended() {
        let keep: BTreeSet<Name> = names("ann").into_iter().collect();
        let unknown = Standings::unknown();
        assert_eq!(human(&ann(Standing::Active, "ops"), &unknown, &BTreeSet::new()).standing, Standing::Suspended);
        assert_eq!(human(&ann(Standing::Active, "ops"), &unknown, &keep).standing, Standing::Active);
        assert_eq!(human(&ann(Standing::Suspended, "ops"), &unknown, &keep).standing, Standing::Suspended);
        let known = remembered(&ann(Standing::Suspended, "ops"));
        assert_eq!(
            human(&ann(Standing::Active, "ops"), &known, &keep).standing,
            Standing::Suspended,
            "it is remembered otherwise"
        );
    }

    #[test]
    fn sem_7_4_a_service_acts_only_under_the_grant_that_is_remembered() {
        let grant = |id| StandingGrant {
            id: GrantId::from_u128(id),
            sponsor: HumanUid::from_u128(1),
            tier_max: Tier::Change,
            granted_at: Timestamp::from_unix_ms(0),
            expires_at: Timestamp::from_unix_ms(9),
        };
        let old = Service {
            uid: ServiceUid::from_u128(2),
            tenant: TenantId::parse("acme").unwrap(),
            name: Name::parse("ci").unwrap(),
            groups: names("ops"),
            login_key: String::new(),
            standing: Standing::Active,
            epoch: 1,
            grant: grant(7),
        };
        let marked = |standing, id| {
            let mark = ServiceMark { uid: old.uid, standing, epoch: 5, groups: names("ops"), grant: GrantId::from_u128(id) };
            service(&old, &Standings { services: vec![mark], ..Standings::unknown() })
        };
        assert_eq!((marked(Standing::Active, 7).standing, marked(Standing::Active, 7).epoch), (Standing::Active, 6));
        assert_eq!(marked(Standing::Active, 8).standing, Standing::Suspended);
        assert_eq!(marked(Standing::Offboarded, 8).standing, Standing::Offboarded);
        assert_eq!(service(&old, &Standings::unknown()).standing, Standing::Suspended);
    }

    #[test]
    fn sem_7_4_every_agent_is_suspended_also_one_that_the_backup_does_not_know() {
        let tenant = TenantId::parse("acme").unwrap();
        let of = |uid, name: &str, standing| Agent {
            uid: AgentUid::from_u128(uid),
            tenant: tenant.clone(),
            name: Name::parse(name).unwrap(),
            standing,
            epoch: 2,
        };
        let mark = |uid, name: &str, standing| AgentMark {
            tenant: None,
            uid: AgentUid::from_u128(uid),
            name: Name::parse(name).unwrap(),
            standing,
            epoch: 4,
        };
        let marks = vec![
            mark(1, "clerk", Standing::Offboarded),
            mark(2, "late", Standing::Active),
            mark(3, "gone", Standing::Offboarded),
        ];
        let standings = Standings { agents: marks, ..Standings::unknown() };
        let known = [of(1, "clerk", Standing::Active), of(9, "other", Standing::Active)];
        let all = agents(&known, &standings, &tenant);
        let found: Vec<_> = all.iter().map(|agent| (agent.name.as_str(), agent.standing, agent.epoch)).collect();
        let wanted = [
            ("clerk", Standing::Offboarded, 5),
            ("other", Standing::Suspended, 3),
            ("late", Standing::Suspended, 5),
            ("gone", Standing::Offboarded, 5),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn who_was_offboarded_after_the_backup_does_not_come_back_by_their_issuer() {
        let person = scalbotics_core::outside::person("https://id.example", "42");
        let tenant = TenantId::parse("acme").unwrap();
        let marked = |standing| {
            let mut standings = remembered(&ann(standing, "ops"));
            standings.humans[0].person = Some(person);
            standings
        };
        for standing in [Standing::Suspended, Standing::Offboarded] {
            let back = unknown_people(&[], &marked(standing), &tenant);
            assert_eq!((back.len(), back[0].standing, back[0].epoch), (1, standing, 4));
            assert_eq!(back[0].outside.as_ref().map(|outside| outside.person), Some(person));
            assert!(back[0].groups.is_empty());
            assert_eq!(unknown_people(&back, &marked(standing), &tenant), [], "once");
        }
        assert_eq!(unknown_people(&[], &marked(Standing::Active), &tenant), [], "they come again by themselves");
        assert_eq!(unknown_people(&[], &remembered(&ann(Standing::Suspended, "ops")), &tenant), [], "who logs in by a key");
    }
}
