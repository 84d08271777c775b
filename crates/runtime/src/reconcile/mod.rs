//! From desired state to the state in force: poll, load, compile, register, swap.
//!
//! **Invariant:** the state in force is swapped as a whole, and a commit that is refused leaves the last good one in force.
//! **Invariant:** suspension lives in the registry and wins over the repository; a file of an agent that was offboarded binds nobody.

mod board;
mod followed;
mod gone;
mod history;
mod in_force;
mod reconciler;
mod registration;
mod states;
mod status;

pub use board::Board;
pub use followed::Followed;
pub use gone::{binds_nobody, gone};
pub use in_force::{Compiler, InForce};
pub use reconciler::{POLL_MS, REMOTE_POLL_MS, Reconciler};
pub use states::States;
pub use status::Status;
