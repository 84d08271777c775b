//! What witnesses saw of a tenant's log: a head of it in the installation log, under a checkpoint that they cosigned (semantics §7.3).

use scalbotics_core::audit::checkpoint::{Checkpoint, origin};
use scalbotics_core::audit::merkle::inclusion_ranges;
use scalbotics_core::audit::{HeadNote, Kind, Record};
use scalbotics_core::evidence::{Cosigned, Entry};
use scalbotics_core::ports::{AuditEntry, AuditQuery, StoreError};
use scalbotics_core::tenant::TenantId;

use crate::Ports;

/// Entries that one read goes through.
const PAGE: u64 = 1_000;

/// Entries at the end of the installation log that are looked through: heads are ten seconds apart while a log grows.
const LOOK_BACK: u64 = 10_000;

/// A tenant's log as witnesses saw it.
#[derive(Debug)]
pub(super) struct Seen {
    /// The tenant's checkpoint, a signed note.
    pub(super) checkpoint: String,
    /// The head that names it, in the installation log.
    pub(super) installation: Cosigned,
}

/// The newest checkpoint of the tenant's log that holds the leaf `last` and is named in the installation log that somebody cosigned;
/// `None` where there is none yet.
pub(super) async fn seen(ports: &Ports, domain: &str, tenant: &TenantId, last: u64) -> Result<Option<Seen>, StoreError> {
    let system = TenantId::system();
    let Some(note) = ports.audit_log.head(&system).await?.checkpoint.filter(|note| is_cosigned(note)) else { return Ok(None) };
    let size = of_note(&note)?.size;
    let wanted = origin(domain, tenant);
    let (mut until, end) = (size, size.saturating_sub(LOOK_BACK));
    while until > end {
        let from = until.saturating_sub(PAGE).max(end);
        for (entry, head) in heads(ports, &system, from..until).await?.into_iter().rev().filter(|(_, head)| head.origin == wanted)
        {
            if head.size <= last {
                // Older heads are of smaller sizes.
                return Ok(None);
            }
            let checkpoint = ports.audit_tree.checkpoint_from(tenant, head.size).await?;
            let Some(checkpoint) = checkpoint else { continue };
            let said = of_note(&checkpoint)?;
            // A daemon that died between writing a head and signing it left no checkpoint of that size.
            if (said.size, said.root) != (head.size, head.root) {
                continue;
            }
            let ranges = inclusion_ranges(entry.index, size).unwrap_or_default();
            let proof = ports.audit_tree.roots(&system, ranges).await?;
            let head = Entry { index: entry.index, leaf: entry.leaf, proof };
            return Ok(Some(Seen { checkpoint, installation: Cosigned { head, checkpoint: note } }));
        }
        until = from;
    }
    Ok(None)
}

/// The heads among these entries of the installation log, in order of index.
async fn heads(
    ports: &Ports,
    system: &TenantId,
    indexes: std::ops::Range<u64>,
) -> Result<Vec<(AuditEntry, HeadNote)>, StoreError> {
    let limit = usize::try_from(indexes.end - indexes.start).unwrap_or(usize::MAX);
    let query = AuditQuery { from: indexes.start, limit, kind: Some(Kind::Head), ..AuditQuery::default() };
    let found = ports.audit_log.read(system, &query).await?;
    let head = |entry: AuditEntry| Some((serde_json::from_slice::<Record>(&entry.leaf).ok()?.head?, entry));
    Ok(found.into_iter().filter(|entry| entry.index < indexes.end).filter_map(head).map(|(head, entry)| (entry, head)).collect())
}

/// Whether somebody beside the log itself has signed.
fn is_cosigned(note: &str) -> bool {
    note.lines().filter(|line| line.starts_with("\u{2014} ")).count() > 1
}

fn of_note(note: &str) -> Result<Checkpoint, StoreError> {
    Checkpoint::of_note(note).map_err(|error| StoreError::Corrupt { what: error.to_string() })
}
