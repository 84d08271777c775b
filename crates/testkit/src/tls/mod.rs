//! TLS for servers of tests: an authority of its own, certificates good and bad, and a front that ends TLS before any plain server of loopback.

mod authority;
mod front;

pub use authority::{Authority, Certificate};
pub use front::Front;
