//! Files of agents that were offboarded: a commit may bring one back, by a revert most of all, and then it binds nobody.
//!
//! Such a commit is not refused. Who may act is the registry's to say, and it says no whatever the file is; all else of the commit would wait for
//! nothing. And a commit in which the agent was offboarded a moment ago would be refused at the next start, where there is no other.

use scalbotics_core::agent::Standing;
use scalbotics_core::desired::{Finding, FindingKind, Snapshot};
use scalbotics_core::ports::{ROSTER_PAGE_MAX, StoreError};
use scalbotics_core::tenant::Name;

use crate::Ports;

/// The agents of `snapshot` that were offboarded, in order of name. Reads the registry by pages.
///
/// # Errors
/// [`StoreError`].
pub async fn gone(ports: &Ports, snapshot: &Snapshot) -> Result<Vec<Name>, StoreError> {
    let (mut found, mut last) = (Vec::new(), None);
    loop {
        let page = ports.roster.agents(&snapshot.tenant, last.as_ref(), ROSTER_PAGE_MAX).await?;
        let is_gone = |standing| standing == Standing::Offboarded;
        let named = page.iter().filter(|known| is_gone(known.standing) && snapshot.agents.contains_key(&known.name));
        found.extend(named.map(|known| known.name.clone()));
        if page.len() < ROSTER_PAGE_MAX {
            return Ok(found);
        }
        last = page.into_iter().next_back().map(|agent| agent.name);
    }
}

/// What is said of such an agent's file.
#[must_use]
pub fn binds_nobody(agent: &Name) -> Finding {
    Finding {
        file: format!("agents/{agent}.yaml"),
        line: None,
        kind: FindingKind::Reference,
        what: format!("agent `{agent}` stays gone"),
        why: "it was offboarded, which is for good, and names are never used again; the rest of the commit is in force"
            .to_owned(),
        next: "remove the file and commit; an agent that comes after it takes another name".to_owned(),
    }
}
