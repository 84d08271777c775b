//! A remote repository over HTTP, of which a local bare repository holds a copy.
//!
//! It is looked at with one request (`info/refs` of git's smart HTTP protocol), and fetched only when its branch stands elsewhere
//! than the copy's.
//!
//! **Invariant:** the token goes to the one address that was configured: redirects are refused, proxies of the environment are not
//! used, and no helper program or configuration of the machine is asked.

mod address;
mod advertisement;
mod error;
mod fetch;
mod limited;
mod look;
mod push;

pub use address::Address;
pub use error::Error;
pub use look::{Remote, Service};
