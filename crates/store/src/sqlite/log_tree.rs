//! Proofs out of the stored leaf hashes.

use scalbotics_core::audit::merkle::Levels;
use scalbotics_core::digest::Digest;
use scalbotics_core::ports::StoreError;
use scalbotics_core::tenant::TenantId;

use super::SqliteStore;
use super::failure::{corrupt, failed, refused};
use super::logs::{self, entry};

/// Leaf hashes that one read takes, so that none holds a snapshot for long (semantics §1.4).
const HASHES_PAGE: u64 = 16_384;

impl SqliteStore {
    /// The inclusion proof of each leaf in the tree that the tenant's log was at `size`.
    pub(super) async fn inclusion_proofs(
        &self,
        tenant: &TenantId,
        size: u64,
        indexes: &[u64],
    ) -> Result<Vec<Vec<Digest>>, StoreError> {
        let beyond = || refused("prove an inclusion", format!("the log of `{tenant}` has no such leaf at size {size}"));
        let mut leaves = Vec::new();
        while (leaves.len() as u64) < size {
            let from = leaves.len() as u64;
            let until = size.min(from.saturating_add(HASHES_PAGE));
            let page = self.leaf_hashes(tenant, from, until).await?;
            if page.len() as u64 != until - from {
                return Err(beyond());
            }
            leaves.extend(page);
        }
        let (levels, indexes) = (Levels::of(leaves), indexes.to_vec());
        let proof = |index: &u64| usize::try_from(*index).ok().and_then(|index| levels.inclusion_proof(index));
        indexes.iter().map(|index| proof(index).ok_or_else(beyond)).collect()
    }

    async fn leaf_hashes(&self, tenant: &TenantId, from: u64, until: u64) -> Result<Vec<Digest>, StoreError> {
        let tenant = tenant.clone();
        Self::read(self, move |conn| {
            let Some(log) = logs::load(conn, &tenant)? else { return Ok(Vec::new()) };
            if until > log.frontier.size() {
                return Err(corrupt(format!("the audit log of `{tenant}` is shorter than {until}")));
            }
            let range = (entry(log.key, from)?, entry(log.key, until)?);
            let mut select = conn
                .prepare_cached("SELECT leaf_hash FROM audit_leaf WHERE entry >= ?1 AND entry < ?2 ORDER BY entry")
                .map_err(failed("read leaf hashes"))?;
            let rows = select.query_map(range, |row| row.get(0)).map_err(failed("read leaf hashes"))?;
            rows.map(|row| row.map(Digest::from_bytes).map_err(failed("read leaf hashes"))).collect()
        })
        .await
    }
}
