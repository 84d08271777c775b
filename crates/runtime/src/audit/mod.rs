//! Audit of what no task's commit writes, signed checkpoints of the logs, and who keeps them outside of this host.

mod auditor;
mod checkpointer;
mod keepers;
mod made;
mod proofs;
mod quota;

pub use auditor::{Auditor, Error, LOSS_WINDOW_MS, Unauthenticated};
pub use checkpointer::{Checkpointer, PERIOD_MS, SIZE_STEP, Signed};
pub use keepers::{Keepers, Outside, Standing, confirm};
pub use proofs::{CHECKPOINT_WAIT_S, ProofError, growth, inclusion};
pub use quota::{BYTES_PER_DAY, Quota};
