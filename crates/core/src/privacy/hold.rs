//! Legal holds: while one stands, nothing that it is about is erased, by order or by age.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{HoldId, HumanUid, TaskId};
use crate::payload::Ref;
use crate::principal::Uid;
use crate::tenant::TenantId;
use crate::time::Timestamp;

/// Holds that a tenant may have at once: each pass looks at all of them.
pub const HOLDS_MAX: usize = 1_000;

/// What an erasure or a hold is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "scope", content = "id", rename_all = "snake_case")]
pub enum Scope {
    /// One task.
    Task(TaskId),
    /// One human: the tasks that run for them, and what they said and asked elsewhere.
    Human(HumanUid),
    /// Everything of the tenant; only of a hold.
    Tenant,
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Task(task) => write!(f, "{task}"),
            Self::Human(human) => write!(f, "{human}"),
            Self::Tenant => f.write_str("tenant"),
        }
    }
}

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// The tenant.
    pub tenant: TenantId,
    /// What it is about.
    pub scope: Scope,
    /// Who placed it.
    pub by: Uid,
    /// When.
    pub at: Timestamp,
    /// Why; a payload.
    pub reason: Ref,
}

impl Hold {
    /// The first hold that stops erasing something with these scopes; a hold on the tenant stops all of it.
    pub fn find<'a>(holds: &'a [Self], scopes: &BTreeSet<Scope>) -> Option<&'a Self> {
        holds.iter().find(|hold| hold.scope == Scope::Tenant || scopes.contains(&hold.scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::ids::PayloadId;

    fn hold(id: u128, scope: Scope) -> Hold {
        let reason = Ref { id: PayloadId::from_u128(1), commitment: Digest::of_bytes(b"x"), len: 1 };
        let tenant = TenantId::parse("acme").unwrap();
        Hold { id: HoldId::from_u128(id), tenant, scope, by: Uid::Daemon, at: Timestamp::from_unix_ms(0), reason }
    }

    #[test]
    fn a_hold_stops_what_it_is_about_and_one_on_the_tenant_everything() {
        let (task, human) = (Scope::Task(TaskId::from_u128(1)), Scope::Human(HumanUid::from_u128(2)));
        let other = Scope::Task(TaskId::from_u128(9));
        for (holds, asked, stops) in [
            (vec![], vec![task, human], None),
            (vec![hold(5, other)], vec![task, human], None),
            (vec![hold(5, other), hold(6, human)], vec![task, human], Some(6)),
            (vec![hold(7, task)], vec![task], Some(7)),
            (vec![hold(8, Scope::Tenant)], vec![], Some(8)),
        ] {
            let asked: BTreeSet<Scope> = asked.into_iter().collect();
            assert_eq!(Hold::find(&holds, &asked).map(|hold| hold.id.as_u128()), stops, "{asked:?}");
        }
    }

    #[test]
    fn a_scope_is_written_with_its_kind() {
        let scope = Scope::Task(TaskId::from_u128(1));
        let text = serde_json::to_string(&scope).unwrap();
        assert_eq!(text, r#"{"scope":"task","id":"task_00000000000000000000000001"}"#);
        assert_eq!(serde_json::from_str::<Scope>(&text).unwrap(), scope);
        assert_eq!(serde_json::from_str::<Scope>(r#"{"scope":"tenant"}"#).unwrap(), Scope::Tenant);
    }
}
