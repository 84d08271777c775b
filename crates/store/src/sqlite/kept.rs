//! Rows that every call and every decision look up, kept until one of their table is written: who calls, and who acts.
//!
//! **Invariant:** whoever asks after a change was acknowledged sees it. The writer forgets all rows when the change is durable
//! and before it says so; a row that was read before that moment is not kept after it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use scalbotics_core::ports::StoreError;

/// Bytes that half of the rows of a table may take: those of ten thousand agents, and of the certificate of each. A table that few are in
/// takes what they take (docs/decisions/0055-what-a-fleet-holds.md).
const HALF_LEN_MAX: usize = 4 << 20;

/// Bytes that a row is taken to have in its texts, beside its own.
const TEXTS_LEN: usize = 128;

/// The rows of one table that were looked up since it was last written.
#[derive(Debug)]
pub(super) struct Kept<Id, Row>(Mutex<Rows<Id, Row>>);

#[derive(Debug)]
struct Rows<Id, Row> {
    /// How often they were forgotten.
    forgotten: u64,
    /// Those that were looked up since half of the room was last full.
    newer: BTreeMap<Id, Row>,
    /// Those that were looked up before that, and not since: the next to go, all at once.
    older: BTreeMap<Id, Row>,
}

impl<Id: Ord, Row: Clone> Rows<Id, Row> {
    /// Most rows of a half.
    const HALF_MAX: usize = HALF_LEN_MAX / (size_of::<Id>() + size_of::<Row>() + TEXTS_LEN);

    fn find(&mut self, id: &Id) -> Option<Row> {
        if let Some(row) = self.newer.get(id) {
            return Some(row.clone());
        }
        let (id, row) = self.older.remove_entry(id)?;
        self.keep(id, row.clone());
        Some(row)
    }

    fn keep(&mut self, id: Id, row: Row) {
        if self.newer.len() >= Self::HALF_MAX {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(id, row);
    }
}

impl<Id, Row> Default for Kept<Id, Row> {
    fn default() -> Self {
        Self(Mutex::new(Rows { forgotten: 0, newer: BTreeMap::new(), older: BTreeMap::new() }))
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
            let mut kept = self.lock();
            if let Some(row) = kept.find(&id) {
                return Ok(Some(row));
            }
            kept.forgotten
        };
        let row = read.await?;
        if let Some(row) = &row {
            let mut kept = self.lock();
            if kept.forgotten == before {
                kept.keep(id, row.clone());
            }
        }
        Ok(row)
    }

    /// Forgets all rows: one of them is another now.
    pub(super) fn forget(&self) {
        let mut kept = self.lock();
        kept.forgotten = kept.forgotten.wrapping_add(1);
        kept.newer = BTreeMap::new();
        kept.older = BTreeMap::new();
    }

    fn lock(&self) -> MutexGuard<'_, Rows<Id, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use scalbotics_core::agent::Agent;
    use scalbotics_core::identity::Svid;
    use scalbotics_core::ids::AgentUid;
    use scalbotics_core::tenant::{Name, TenantId};

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
        let half_max = Rows::<u32, &'static str>::HALF_MAX;
        let all = 3 * u32::try_from(half_max).unwrap();
        for id in 0..all {
            assert_eq!(ask(&kept, id, Some("row")).await, Some("row"));
        }
        assert!(kept.lock().newer.len() <= half_max && kept.lock().older.len() <= half_max);
        assert_eq!(ask(&kept, 0, Some("other")).await, Some("other"), "the first is forgotten");
    }

    #[tokio::test]
    async fn who_is_asked_for_again_and_again_is_kept_whoever_else_comes() {
        let kept = Kept::default();
        let all = 3 * u32::try_from(Rows::<u32, &'static str>::HALF_MAX).unwrap();
        assert_eq!(ask(&kept, 0, Some("ann")).await, Some("ann"));
        for id in 1..all {
            assert_eq!(ask(&kept, id, Some("row")).await, Some("row"));
            if id % 1_000 == 0 {
                assert_eq!(ask(&kept, 0, None).await, Some("ann"));
            }
        }
    }

    #[test]
    fn ten_thousand_agents_and_their_certificates_are_kept_at_once() {
        let rooms =
            [Rows::<AgentUid, Agent>::HALF_MAX, Rows::<(TenantId, Name), Agent>::HALF_MAX, Rows::<String, Svid>::HALF_MAX];
        assert!(rooms.iter().all(|room| *room >= 10_000), "{rooms:?}");
    }
}
