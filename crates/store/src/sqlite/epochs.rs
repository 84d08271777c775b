//! The epochs that void warrants, as they are stored now.

use async_trait::async_trait;
use rusqlite::Connection;
use scalbotics_core::ids::AgentUid;
use scalbotics_core::ports::{Epochs, EpochsNow, StoreError};

use super::SqliteStore;
use super::column::count;
use super::failure::failed;
use super::registry::stored_agent;

#[async_trait]
impl Epochs for SqliteStore {
    async fn now(&self, agent: AgentUid) -> Result<EpochsNow, StoreError> {
        self.look_up(move |conn| {
            let writer = writer_epoch(conn).map_err(failed("read the writer's epoch"))?;
            Ok(EpochsNow { writer: count(writer)?, agent: stored_agent(conn, agent)? })
        })
        .await
    }
}

/// The epoch of the newest writer.
pub(super) fn writer_epoch(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("SELECT writer_epoch FROM installation WHERE one = 1")?.query_row([], |row| row.get(0))
}
