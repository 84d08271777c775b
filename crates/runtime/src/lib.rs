//! What happens in ScalBotics: the loops that drive core over ports.
//!
//! **Invariant:** decide purely, act after commit: every loop here asks core what a command means, commits the answer, and
//! only then does what the answer says.
//! **Boundary:** nothing here knows SQL, TLS, HTTP or protobuf; everything outside is reached through [`Ports`].
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::allow_attributes,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::too_many_lines,
        clippy::wildcard_enum_match_arm,
        reason = "tests may unwrap and be long"
    )
)]

pub mod approval;
pub mod audit;
mod caller;
mod change;
mod decisions;
pub mod evidence;
pub mod identity;
pub mod issuers;
pub mod metrics;
pub mod model;
pub mod people;
mod ports;
pub mod privacy;
pub mod reconcile;
pub mod secret;
mod supervisor;
pub mod task;
pub mod tenants;
mod timers;
mod tool;
mod vault;
pub mod worker;

pub use caller::Caller;
pub use change::{ChangeError, Changed};
pub use decisions::{Decisions, Error as DecisionError};
pub use ports::Ports;
pub use supervisor::{Drained, Supervisor};
