//! Policy engines behind the port of core, and the policies that a new installation starts with.
//!
//! **Invariant:** an engine answers; it never decides. What counts as allowed is said by core's `authorize` alone.

pub mod cedar;
mod defaults;

pub use cedar::Engine as CedarEngine;
pub use defaults::defaults;

#[cfg(test)]
mod fixture;
