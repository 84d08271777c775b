//! Rows that every call and every decision look up, kept until one of their table is written: who calls, and who acts.
//!
//! **Invariant:** whoever asks after a change was acknowledged sees it. The writer forgets all rows when the change is durable
//! and before it says so; a row that was read before that moment is not kept after it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use scalbotics_core::ports::StoreError;

/// Most rows that are kept: callers of one busy minute; beyond it all are forgotten and read again.
const ROWS_MAX: usize = 1_024;

/// The rows of one table that were looked up since it was last written.
#[derive(Debug)]
pub(super) struct Kept<Id, Row>(Mutex<Rows<Id, Row>>);

#[derive(Debug)]
struct Rows<Id, Row> {
    /// How often they were forgotten.
    forgotten: u64,
    rows: BTreeMap<Id, Row>,
}

impl<Id, Row> Default for Kept<Id, Row> {
    fn default() -> Self {
        Self(Mutex::new(Rows { forgotten: 0, rows: BTreeMap::new() }))
    }
}

impl<Id: Ord, Row: Clone> Kept<Id, Row> {
    /// The row of `id`, from here or by `read`. That there is none is not kept: anybody could fill the room with names.
    ///
    /// # Errors
    /// Those of `read`.
    pub(super) async fn get<Read>(&self, id: Id, read: Read) -> Result<Option<Row>, StoreError>
    where
        Read: Future<Output = Result<Option<Row>, StoreError>>,
    {
        let before = {
            let kept = self.lock();
            if let Some(row) = kept.rows.get(&id) {
                return Ok(Some(row.clone()));
            }
            kept.forgotten
        };
        let row = read.await?;
        if let Some(row) = &row {
            let mut kept = self.lock();
            if kept.forgotten == before {
                if kept.rows.len() >= ROWS_MAX {
                    kept.rows.clear();
                }
                kept.rows.insert(id, row.clone());
            }
        }
        Ok(row)
    }

    /// Forgets all rows: one of them is another now.
    pub(super) fn forget(&self) {
        let mut kept = self.lock();
        kept.forgotten = kept.forgotten.wrapping_add(1);
        kept.rows.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Rows<Id, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(kept: &Kept<u32, &'static str>, id: u32, stored: Option<&'static str>) -> Option<&'static str> {
        kept.get(id, async move { Ok(stored) }).await.unwrap()
    }

    #[tokio::test]
    async fn a_row_is_read_once_until_it_is_forgotten() {
        let kept = Kept::default();
        assert_eq!(ask(&kept, 1, None).await, None);
        assert_eq!(ask(&kept, 1, Some("ann")).await, Some("ann"), "an absence is not kept");
        assert_eq!(ask(&kept, 1, Some("other")).await, Some("ann"));
        kept.forget();
        assert_eq!(ask(&kept, 1, Some("other")).await, Some("other"));
    }

    #[tokio::test]
    async fn a_row_that_was_read_before_a_change_is_not_kept_after_it() {
        let kept: Kept<u32, &str> = Kept::default();
        let late = kept.get(1, async {
            kept.forget();
            Ok(Some("old"))
        });
        assert_eq!(late.await.unwrap(), Some("old"));
        assert_eq!(ask(&kept, 1, Some("new")).await, Some("new"));
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let kept: Kept<u32, &str> = Kept::default();
        assert!(kept.get(1, async { Err(StoreError::Closing) }).await.is_err());
        assert_eq!(ask(&kept, 1, Some("ann")).await, Some("ann"));
    }

    #[tokio::test]
    async fn room_is_limited() {
        let kept = Kept::default();
        for id in 0..u32::try_from(ROWS_MAX).unwrap() * 3 {
            assert_eq!(ask(&kept, id, Some("row")).await, Some("row"));
            assert!(kept.lock().rows.len() <= ROWS_MAX);
        }
    }
}
