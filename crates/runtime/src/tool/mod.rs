//! The gate that every tool call passes.

mod gate;

pub(crate) use gate::{Asked, Gate, Ruled, Stale};
