//! Time.

use crate::time::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now, by the wall clock as the clock guard sees it: never before an earlier answer (semantics §4.7).
    fn now(&self) -> Timestamp;
}
