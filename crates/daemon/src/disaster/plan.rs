//! What a restore loses, and whom it suspends: known before anything is changed.

use std::collections::BTreeSet;
use std::path::Path;

use scalbotics_core::agent::Standing;
use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::{HeadNote, LostNote, RestoreNote};
use scalbotics_core::ports::Human;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_store::open_read_only;
use serde_json::{Value, json};

use super::error::Error;
use super::manifest::Manifest;
use super::principals;
use super::rewrite::Remembered;
use crate::anchor::Standings;
use crate::config::Config;

/// The group whose members resume others.
const ADMINS: &str = "admins";

/// What every log will say.
pub(super) fn of(manifest: &Manifest, remembered: &Remembered, incarnation: u64) -> RestoreNote {
    let anchored = remembered.anchor.iter().flat_map(|anchor| &anchor.logs);
    let tenants: BTreeSet<&TenantId> = manifest.logs.iter().chain(anchored.clone()).map(|log| &log.tenant).collect();
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

/// Humans of the backup who may act in it and may not after the restore, by name.
///
/// # Errors
/// [`Error::NoAdmin`] when nobody could resume them; [`Error::NoHuman`].
pub(super) fn humans(
    backup: &Path,
    config: &Config,
    (standings, keep): (&Standings, &BTreeSet<Name>),
) -> Result<Vec<String>, Error> {
    let store = open_read_only(backup).map_err(|error| Error::damaged(backup, error))?;
    let old = store.humans(&config.tenant).map_err(|error| Error::damaged(backup, error))?;
    if let Some(name) = keep.iter().find(|name| !old.iter().any(|human| human.name == **name)) {
        return Err(Error::NoHuman { name: name.to_string() });
    }
    let new: Vec<Human> = old.iter().map(|human| principals::human(human, standings, keep)).collect();
    let is_admin =
        |human: &Human| human.standing == Standing::Active && human.groups.iter().any(|group| group.as_str() == ADMINS);
    if old.iter().any(is_admin) && !new.iter().any(is_admin) {
        return Err(Error::NoAdmin);
    }
    let suspended =
        old.iter().zip(&new).filter(|(old, new)| old.standing == Standing::Active && new.standing != Standing::Active);
    Ok(suspended.map(|(old, _)| old.name.to_string()).collect())
}

/// What was lost of each log.
pub(super) fn shown(note: &RestoreNote) -> Vec<Value> {
    let one = |lost: &LostNote| {
        let known = lost.size.map(|size| size.saturating_sub(lost.kept));
        json!({ "tenant": lost.tenant, "from_record": lost.kept, "to_size": lost.size, "records": known })
    };
    note.lost.iter().map(one).collect()
}
