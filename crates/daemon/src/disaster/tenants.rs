//! Who is served after a restore: no tenant that was not before it, as far as anybody remembers, and no name of one is free again.
//!
//! **Invariant:** a standing is the worse of the backup's and the remembered one; a tenant that either of them does not know is suspended. The one
//! that operates the installation is never suspended: nobody could resume it.

use std::collections::{BTreeMap, BTreeSet};

use scalbotics_core::agent::Standing;
use scalbotics_core::ports::Tenant;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;

use super::principals::worse;
use super::rewrite::Remembered;

/// The branch of a tenant of which only the name is remembered, as of one that names none.
const BRANCH: &str = "main";

/// The tenants after a restore of a backup that knows these, by name.
pub(super) fn after(known: &[Tenant], remembered: &Remembered, operating: &TenantId) -> Vec<Tenant> {
    let by_name = |all: &[Tenant]| all.iter().map(|tenant| (tenant.id.clone(), tenant.clone())).collect::<BTreeMap<_, _>>();
    let (backed_up, marked) = (by_name(known), by_name(&remembered.standings.tenants));
    let anchored = remembered.anchor.iter().flat_map(|anchor| &anchor.logs).map(|log| &log.tenant);
    let names: BTreeSet<&TenantId> =
        backed_up.keys().chain(marked.keys()).chain(anchored.filter(|tenant| !tenant.is_system())).chain([operating]).collect();
    let one = |id: &TenantId| {
        let (old, mark) = (backed_up.get(id), marked.get(id));
        let standing = |found: Option<&Tenant>| found.map_or(Standing::Suspended, |found| found.standing);
        let standing = if id == operating { Standing::Active } else { worse(standing(old), standing(mark)) };
        old.or(mark).map_or_else(|| named(id, standing), |found| Tenant { standing, ..found.clone() })
    };
    names.into_iter().map(one).collect()
}

/// A tenant of which only the name is known, by its log.
fn named(id: &TenantId, standing: Standing) -> Tenant {
    let created_at = Timestamp::from_unix_ms(0);
    Tenant { id: id.clone(), standing, created_at, branch: BRANCH.to_owned(), overlay: None, host_access: false, remote: None }
}

/// Those of them that were not suspended in the backup, and are now.
pub(super) fn suspended<'a>(known: &[Tenant], after: &'a [Tenant]) -> Vec<&'a TenantId> {
    let was = |id: &TenantId| known.iter().any(|old| old.id == *id && old.standing != Standing::Active);
    after.iter().filter(|new| new.standing != Standing::Active && !was(&new.id)).map(|new| &new.id).collect()
}

#[cfg(test)]
mod tests {
    use scalbotics_core::digest::Digest;
    use scalbotics_core::ids::InstallationId;

    use super::*;
    use crate::anchor::{Anchor, Head, Standings};

    fn tenant(name: &str, standing: Standing) -> Tenant {
        Tenant { overlay: scalbotics_core::tenant::Name::parse("prod").ok(), ..named(&TenantId::parse(name).unwrap(), standing) }
    }

    fn remembered(tenants: Vec<Tenant>, logs: &[&str]) -> Remembered {
        let head = |name: &&str| Head { tenant: TenantId::parse(name).unwrap(), size: 1, root: Digest::of_bytes(b"") };
        let anchor = Anchor::empty(InstallationId::from_u128(1), Timestamp::from_unix_ms(1));
        let anchor = (!logs.is_empty()).then(|| Anchor { logs: logs.iter().map(head).collect(), ..anchor });
        Remembered { anchor, is_known: true, standings: Standings { tenants, ..Standings::unknown() } }
    }

    fn shown(all: &[Tenant]) -> Vec<(&str, Standing)> {
        all.iter().map(|tenant| (tenant.id.as_str(), tenant.standing)).collect()
    }

    #[test]
    fn sem_7_4_a_tenant_has_the_worse_of_both_standings() {
        use Standing::{Active, Suspended};
        let operating = TenantId::parse("acme").unwrap();
        for (backup, then, now) in [
            (Active, Active, Active),
            (Active, Suspended, Suspended),
            (Suspended, Active, Suspended),
            (Suspended, Suspended, Suspended),
        ] {
            let known = [tenant("acme", Active), tenant("beta", backup)];
            let remembered = remembered(vec![tenant("acme", Active), tenant("beta", then)], &["system", "acme", "beta"]);
            let all = after(&known, &remembered, &operating);
            assert_eq!(shown(&all), [("acme", Active), ("beta", now)], "{backup:?} and then {then:?}");
            assert!(all[1].overlay.is_some(), "it is followed as in the backup");
            let is_new = (backup, now) == (Active, Suspended);
            assert_eq!(suspended(&known, &all).len(), usize::from(is_new), "{backup:?} and then {then:?}");
        }
    }

    #[test]
    fn sem_7_4_no_name_of_a_tenant_is_free_again() {
        use Standing::{Active, Suspended};
        let operating = TenantId::parse("acme").unwrap();
        // One that the standings know, and one of which only the log was anchored.
        let marks = vec![tenant("acme", Active), tenant("late", Active)];
        let all = after(&[tenant("acme", Active)], &remembered(marks, &["system", "acme", "later"]), &operating);
        assert_eq!(shown(&all), [("acme", Active), ("late", Suspended), ("later", Suspended)]);
        assert_eq!(suspended(&[tenant("acme", Active)], &all).len(), 2);
        // Nobody remembers anything.
        let lost = Remembered { anchor: None, is_known: false, standings: Standings::unknown() };
        let all = after(&[tenant("acme", Active), tenant("beta", Active)], &lost, &operating);
        assert_eq!(shown(&all), [("acme", Active), ("beta", Suspended)], "whom nobody remembers is suspended");
        assert_eq!(shown(&after(&[], &lost, &operating)), [("acme", Active)]);
    }
}
