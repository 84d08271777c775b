//! What a log says of a restore: the last that was known of it from outside, and what was lost (semantics §7.4).

use serde::{Deserialize, Serialize};

use super::HeadNote;
use crate::digest::Digest;
use crate::tenant::TenantId;
use crate::time::Timestamp;

/// What a log lost: its records from `kept` on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostNote {
    /// Whose log.
    pub tenant: TenantId,
    /// Records that the backup has: the first index that was lost.
    pub kept: u64,
    /// Size that the log is known to have had; absent where nobody outside of the database remembers one. It may have been longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Its root at that size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Digest>,
}

impl LostNote {
    /// Whether a checkpoint of this size and root was given in the range that was lost.
    #[must_use]
    pub fn explains(&self, size: u64, root: Digest) -> bool {
        size > self.kept
            && match (self.size, self.root) {
                (Some(lost), Some(lost_root)) => size < lost || (size == lost && root == lost_root),
                (Some(lost), None) => size <= lost,
                (None, _) => true,
            }
    }
}

/// A restore, as every log tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreNote {
    /// The incarnation that begins.
    pub incarnation: u64,
    /// SHA-256 of the backup's database.
    pub backup: Digest,
    /// When the backup was made.
    pub backup_at: Timestamp,
    /// The newest checkpoint of the installation log that was kept outside of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<HeadNote>,
    /// What was lost: of every log in the installation log, of its own in a tenant's.
    pub lost: Vec<LostNote>,
}

impl RestoreNote {
    /// The numbers in it that are larger than 32 bits may hold.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        let lost = self.lost.iter().flat_map(|lost| [Some(lost.kept), lost.size]).flatten();
        let head = self.checkpoint.iter().map(|head| head.size);
        [self.incarnation, self.backup_at.unix_ms().unsigned_abs()].into_iter().chain(head).chain(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sem_7_4_only_a_checkpoint_of_the_lost_range_is_explained() {
        let (root, other) = (Digest::of_bytes(b"root"), Digest::of_bytes(b"other"));
        let lost = |size, root| LostNote { tenant: TenantId::parse("acme").unwrap(), kept: 10, size, root };
        for (lost, size, with, explained) in [
            (lost(Some(20), Some(root)), 10, root, false),
            (lost(Some(20), Some(root)), 11, other, true),
            (lost(Some(20), Some(root)), 20, root, true),
            (lost(Some(20), Some(root)), 20, other, false),
            (lost(Some(20), Some(root)), 21, other, false),
            (lost(Some(20), None), 20, other, true),
            (lost(None, None), 10, other, false),
            (lost(None, None), u64::MAX, other, true),
        ] {
            assert_eq!(lost.explains(size, with), explained, "{lost:?} at {size}");
        }
    }
}
