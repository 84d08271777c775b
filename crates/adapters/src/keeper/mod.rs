//! Who keeps checkpoints outside of this host: witnesses (C2SP tlog-witness), a webhook, a file; and what a place that only holds may take.
//!
//! **Boundary:** no keys here: what a witness answers is verified by who has its key.
//! **Invariant:** an answer has a limit in bytes and in time, and no redirection is followed.

mod file;
mod http;
mod judge;
mod webhook;
mod witness;

pub use file::File;
pub use http::{Address, AddressError};
pub use judge::judge;
pub use webhook::Webhook;
pub use witness::Witness;
