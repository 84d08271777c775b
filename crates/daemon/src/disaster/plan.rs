//! What a restore loses, and whom it suspends: known before anything is changed.

use std::collections::BTreeSet;
use std::path::Path;

use scalbotics_core::agent::Standing;
use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::{HeadNote, LostNote, RestoreNote};
use scalbotics_core::ports::Human;
use scalbotics_core::tenant::TenantId;
use scalbotics_store::open_read_only;
use serde_json::{Value, json};

use super::error::Error;
use super::manifest::Manifest;
use super::rewrite::Remembered;
use super::vouched::{self, Vouched};
use super::{principals, tenants};
use crate::anchor::Standings;
use crate::config::Config;

/// The group whose members resume others.
const ADMINS: &str = "admins";

/// What every log will say.
pub(super) fn of(manifest: &Manifest, remembered: &Remembered, incarnation: u64) -> RestoreNote {
    let anchored = remembered.anchor.iter().flat_map(|anchor| &anchor.logs);
    let registered = remembered.standings.tenants.iter().map(|tenant| &tenant.id);
    let tenants: BTreeSet<&TenantId> =
        manifest.logs.iter().chain(anchored.clone()).map(|log| &log.tenant).chain(registered).collect();
    let lost = |tenant: &TenantId| {
        let kept = manifest.logs.iter().find(|log| log.tenant == *tenant).map_or(0, |log| log.size);
        let had = anchored.clone().find(|log| log.tenant == *tenant);
        LostNote {
            tenant: tenant.clone(),
            kept,
            size: had.map(|had| had.size.max(kept)),
            root: had.filter(|had| had.size > kept).map(|had| had.root),
        }
    };
    let note = remembered.anchor.as_ref().and_then(|anchor| anchor.checkpoint.as_deref());
    let checkpoint = note.and_then(|note| Checkpoint::of_note(note).ok());
    RestoreNote {
        incarnation,
        backup: manifest.sha256,
        backup_at: manifest.at,
        checkpoint: checkpoint.map(|known| HeadNote { origin: known.origin, size: known.size, root: known.root }),
        lost: tenants.into_iter().map(lost).collect(),
    }
}

/// Who may act in the backup and may not after the restore.
#[derive(Debug)]
pub(super) struct Planned {
    /// Humans, by name; of another tenant than the operating one with its name before theirs.
    pub(super) humans: Vec<String>,
    /// Tenants, also those that the backup does not know.
    pub(super) tenants: Vec<String>,
    /// Other tenants than the operating one of which an administrator could act, and none can then: nobody of them resumes the others.
    pub(super) without_admin: Vec<String>,
}

/// Whom a restore suspends.
///
/// # Errors
/// [`Error::NoAdmin`] when nobody could resume the people of the operating tenant; [`Error::NoHuman`].
pub(super) fn suspended(
    backup: &Path,
    config: &Config,
    (remembered, keep): (&Remembered, &BTreeSet<Vouched>),
) -> Result<Planned, Error> {
    let damaged = |error| Error::damaged(backup, error);
    let (store, operating) = (open_read_only(backup).map_err(damaged)?, &config.tenant);
    let known = store.registered().map_err(damaged)?;
    let after = tenants::after(&known, remembered, operating);
    let (apart, unknown) = (remembered.standings.apart(operating), Standings::unknown());
    let mut people: Vec<(&TenantId, Vec<Human>)> = Vec::new();
    for tenant in &after {
        people.push((&tenant.id, store.humans(&tenant.id).map_err(damaged)?));
    }
    let is_there = |vouched: &&Vouched| {
        let own = people.iter().find(|(tenant, _)| *tenant == vouched.tenant(operating));
        own.is_some_and(|(_, old)| old.iter().any(|old| old.name == *vouched.name()))
    };
    if let Some(nobody) = keep.iter().find(|vouched| !is_there(vouched)) {
        return Err(Error::NoHuman { name: nobody.to_string() });
    }
    let named = tenants::suspended(&known, &after).into_iter().map(ToString::to_string).collect();
    let mut planned = Planned { humans: Vec::new(), tenants: named, without_admin: Vec::new() };
    for (tenant, old) in &people {
        let keep = vouched::of_tenant(keep, tenant, operating);
        let own = apart.get(*tenant).unwrap_or(&unknown);
        let new: Vec<Human> = old.iter().map(|human| principals::human(human, own, &keep)).collect();
        if old.iter().any(is_admin) && !new.iter().any(is_admin) {
            if *tenant == operating {
                return Err(Error::NoAdmin);
            }
            planned.without_admin.push(tenant.to_string());
        }
        let pairs = old.iter().zip(&new);
        let suspended = pairs.filter(|(old, new)| old.standing == Standing::Active && new.standing != Standing::Active);
        planned.humans.extend(suspended.map(|(old, _)| Vouched::of(tenant, &old.name, operating).to_string()));
    }
    Ok(planned)
}

fn is_admin(human: &Human) -> bool {
    human.standing == Standing::Active && human.groups.iter().any(|group| group.as_str() == ADMINS)
}

/// What was lost of each log.
pub(super) fn shown(note: &RestoreNote) -> Vec<Value> {
    let one = |lost: &LostNote| {
        let known = lost.size.map(|size| size.saturating_sub(lost.kept));
        json!({ "tenant": lost.tenant, "from_record": lost.kept, "to_size": lost.size, "records": known })
    };
    note.lost.iter().map(one).collect()
}
