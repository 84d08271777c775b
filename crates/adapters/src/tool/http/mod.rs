//! Requests that leave the machine: `http.fetch` and the destinations of desired state (security row 15).
//!
//! A name is resolved once; every address that it has is checked; and the connection goes to exactly those addresses. A redirect
//! is followed by the same steps, or is the answer. Proxies of the environment are not asked.
//!
//! **Boundary:** B4. Whether a request may be made is decided before; where it may go is asked of
//! [`Reach`](scalbotics_core::egress::Reach) at every step.
//!
//! **Invariant:** nothing is sent to an address that was not checked for this request.
//!
//! **Invariant:** what never left is only said when no byte of a request was sent.

mod answer;
mod arguments;
mod client;
mod exchange;
mod limits;
mod resolver;

pub use exchange::{Fetch, Fetcher};
pub use resolver::{Resolver, SystemResolver};
