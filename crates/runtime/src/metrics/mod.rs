//! All metric names, with their units, and the numbers behind them.
//!
//! **Invariant:** labels come from closed sets written here, or are the models of desired state up to a limit; never from a request, so no
//! caller can make a new series.

mod by_model;
mod histogram;
mod identity;
pub mod names;
mod number;
mod set;

pub use by_model::ByModel;
pub use histogram::{BOUNDS_SECONDS, Histogram};
pub use identity::Identity;
pub use number::{Counter, Gauge};
pub use set::{Metrics, Sample, Shown};
