//! Where calls may go when they leave this machine: targets, destinations, and which addresses may be connected to.
//!
//! Everything here is pure: an adapter resolves names and connects, and asks here before each of it.
//!
//! **Invariant:** a target is read in one way only: what two programs could read differently is refused (security row 15).
//! **Invariant:** an address that no [`Reach`] names is connected to only if it is one of the public internet's.

mod address;
mod destination;
mod host;
mod reach;
mod roots;
mod target;
mod tool;

pub use address::{Class, classify};
pub use destination::{Destination, DestinationError, HeaderSecret};
pub use host::{HostError, HostPattern};
pub use reach::{Reach, Refused};
pub use roots::Roots;
pub use target::{Host, Method, Scheme, TARGET_LEN_MAX, Target, TargetError};
pub use tool::{
    BODY_LEN_MAX, BYTES_DEFAULT, BYTES_MAX, HEADER_NAME_LEN_MAX, HEADER_VALUE_LEN_MAX, HEADERS_MAX, TOOL_PREFIX, facts,
    is_free_header, method, tool_id,
};
pub(crate) use tool::{fetch_input, fetch_output};
