//! Which process of this host is which agent: selectors that desired state names, what was seen of a process, and whether they match.
//!
//! **Invariant:** a selector that names something that nobody saw does not match.

mod selectors;
mod unit;

pub use selectors::{PATH_LEN_MAX, Seen, Selectors, SelectorsFault, Systemd, UNIT_LEN_MAX, Unix, Wanted};
pub use unit::unit_of;
