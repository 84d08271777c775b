//! What a log was at a size that somebody outside of the database remembers (semantics §7.4).

use scalbotics_core::audit::merkle::Frontier;
use scalbotics_core::digest::Digest;
use scalbotics_core::ports::StoreError;
use scalbotics_core::tenant::TenantId;

use super::SqliteStore;
use super::audit_log::tree_at;
use super::column::count;
use super::failure::{corrupt, failed};

impl SqliteStore {
    /// The root that a tenant's log had at `size`; `None` where it is shorter. It costs the leaves behind the newest checkpoint of at most
    /// that size, not the whole log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn root_at(&self, tenant: &TenantId, size: u64) -> Result<Option<Digest>, StoreError> {
        if size == 0 {
            return Ok(Some(Frontier::new().root()));
        }
        let tenant = tenant.clone();
        self.read(move |conn| Ok(tree_at(conn, &tenant, size)?.map(|tree| tree.root()))).await
    }

    /// Every log that has a record, with its size.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn log_sizes(&self) -> Result<Vec<(TenantId, u64)>, StoreError> {
        self.read(move |conn| {
            let mut select = conn
                .prepare_cached("SELECT tenant, size FROM audit_head WHERE size > 0 ORDER BY tenant")
                .map_err(failed("list audit logs"))?;
            let rows = select
                .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))
                .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
                .map_err(failed("list audit logs"))?;
            let one = |(tenant, size): (String, i64)| {
                let tenant = TenantId::parse(&tenant).map_err(|error| corrupt(error.to_string()))?;
                Ok((tenant, count(size)?))
            };
            rows.into_iter().map(one).collect()
        })
        .await
    }
}
