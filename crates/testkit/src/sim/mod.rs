//! A simulation of the whole runtime: one seed makes one run, with random tasks, people, faults and crashes, in virtual time.
//!
//! **Invariant:** everything that happens comes from the seed, so the same seed gives the same trace; what is outside of the
//! runtime (the stored data and the targets of effects) survives a crash and is never asked for mercy.
//! **Boundary:** targets keep their promises by the guarded clock: a wall clock that steps under a target's settling time or
//! key life voids a promise that was made in real time, and no runtime can see that after a restart.

mod chance;
mod check;
mod clock;
mod desired;
mod engine;
mod flows;
mod life;
mod outside;
mod people;
mod reads;
mod run;
mod stage;
mod task_log;
#[cfg(test)]
mod tests;
mod tools;
mod trace;
mod weather;

pub use run::{Report, run, shrink};
