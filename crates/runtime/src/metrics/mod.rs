//! All metric names, with their units, and the numbers behind them.
//!
//! **Invariant:** labels come from closed sets written here, never from a request, so no caller can make a new series.

mod histogram;
pub mod names;
mod number;
mod set;

pub use histogram::{BOUNDS_SECONDS, Histogram};
pub use number::{Counter, Gauge};
pub use set::{Metrics, Sample, Shown};
