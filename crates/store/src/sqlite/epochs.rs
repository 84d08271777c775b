//! The epochs that void warrants, as they are stored now.

use async_trait::async_trait;
use rusqlite::Connection;
use scalbotics_core::ids::AgentUid;
use scalbotics_core::ports::{Epochs, EpochsNow, Registry as _, StoreError};

use super::SqliteStore;
use super::column::count;
use super::failure::failed;

#[async_trait]
impl Epochs for SqliteStore {
    /// The writer's epoch is read from the database, where another process would write it; the agent's row is kept like those of callers,
    /// since nobody writes it but this store, which forgets it before it says that a suspension is durable.
    async fn now(&self, agent: AgentUid) -> Result<EpochsNow, StoreError> {
        let writer = self.look_up(|conn| count(writer_epoch(conn).map_err(failed("read the writer's epoch"))?)).await?;
        Ok(EpochsNow { writer, agent: self.agent(agent).await? })
    }
}

/// The epoch of the newest writer.
pub(super) fn writer_epoch(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("SELECT writer_epoch FROM installation WHERE one = 1")?.query_row([], |row| row.get(0))
}
