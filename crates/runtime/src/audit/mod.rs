//! Audit of what no task's commit writes, and signed checkpoints of the logs.

mod auditor;
mod checkpointer;
mod made;
mod quota;

pub use auditor::{Auditor, Error, LOSS_WINDOW_MS, Unauthenticated};
pub use checkpointer::{Checkpointer, PERIOD_MS, SIZE_STEP};
pub use quota::{BYTES_PER_DAY, Quota};
