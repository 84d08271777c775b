//! The anchor itself: the head of every log, of one installation in one incarnation.

use std::path::{Path, PathBuf};

use scalbotics_core::digest::Digest;
use scalbotics_core::ids::InstallationId;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What the signature says that the document is.
pub(crate) const KIND: &str = "anchor";

/// The name of its file, beside the keystore.
const FILE: &str = "anchor";

/// Longest anchor, in bytes: some thousand logs.
pub(super) const LEN_MAX: u64 = 1 << 20;

/// The only version of the document.
pub(super) const VERSION: u16 = 1;

/// The first incarnation; each restore begins the next.
const FIRST: u64 = 1;

/// A log as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    /// Whose log.
    pub(crate) tenant: TenantId,
    /// Number of its records.
    pub(crate) size: u64,
    /// RFC 6962 root over them.
    pub(crate) root: Digest,
}

/// What is remembered of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Anchor {
    /// 1.
    pub(crate) version: u16,
    /// The installation.
    pub(crate) installation: InstallationId,
    /// Which incarnation of it: 1, and one more with each restore.
    pub(crate) incarnation: u64,
    /// When it was written; time never goes back behind it.
    pub(crate) at: Timestamp,
    /// The newest writer that was seen: a restored database begins a later one.
    pub(crate) writer_epoch: u64,
    /// Whether a restore was begun and is not done: nothing is served until it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) restoring: bool,
    /// The logs, by tenant.
    pub(crate) logs: Vec<Head>,
    /// The newest checkpoint of the installation log, with the cosignatures that witnesses gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoint: Option<String>,
}

impl Anchor {
    /// That of an installation without a record.
    pub(crate) fn empty(installation: InstallationId, at: Timestamp) -> Self {
        let (incarnation, logs) = (FIRST, Vec::new());
        Self { version: VERSION, installation, incarnation, at, writer_epoch: 0, restoring: false, logs, checkpoint: None }
    }

    /// Where it is, seen from the keystore.
    pub(crate) fn path(keystore: &Path) -> PathBuf {
        keystore.with_file_name(FILE)
    }
}

#[cfg(test)]
mod tests {
    use scalbotics_core::audit::checkpoint::NOTE_LEN_MAX;
    use scalbotics_core::ports::TENANTS_MAX;
    use scalbotics_core::tenant::NAME_LEN_MAX;

    use super::*;

    #[test]
    fn the_heads_of_all_tenants_fit() {
        let name = "t".repeat(NAME_LEN_MAX);
        let head = Head { tenant: TenantId::parse(&name).unwrap(), size: u64::MAX, root: Digest::of_bytes(b"") };
        let anchor = Anchor {
            logs: vec![head; TENANTS_MAX + 1],
            // A line of it takes two bytes more in JSON.
            checkpoint: Some("x".repeat(2 * NOTE_LEN_MAX)),
            ..Anchor::empty(InstallationId::from_u128(u128::MAX), Timestamp::from_unix_ms(i64::MAX))
        };
        let len = serde_json::to_vec(&anchor).unwrap().len() as u64;
        assert!(len < LEN_MAX / 2, "{len} bytes");
    }
}
