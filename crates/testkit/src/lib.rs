//! What tests share: fakes of the ports, the conformance suites that every implementation passes, and builders of valid values.
//!
//! **Boundary:** a dev-dependency only. Nothing here does I/O but the scripted model and the front of TLS, which listen on loopback; time, ids and
//! randomness come from a seed.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be built, or a rule that is broken, fails the test that asked for it"
)]

mod authority;
pub mod canary;
mod cipher;
mod clock;
pub mod conformance;
pub mod fixture;
mod ids;
mod memory;
pub mod model;
mod policies;
mod secrets;
pub mod sim;
pub mod tls;
mod tools;
mod turning;

pub use authority::FakeAuthority;
pub use cipher::PlainCipher;
pub use clock::FixedClock;
pub use ids::SeededIds;
pub use memory::MemoryStore;
pub use policies::{AllowAll, DenyAll, Scripted};
pub use secrets::MemorySecrets;
pub use tools::{NeverStop, Reply, ScriptedTools, Sent};
pub use turning::TurningCipher;
