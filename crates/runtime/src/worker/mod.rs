//! Workers in processes of their own: who attends, what each was given, and the runner of the tools that name one (semantics §8.1).
//!
//! **Invariant:** a call is given to the worker that its tool names, of the epoch that the registry has at that moment, and whose last question
//! is younger than a lease; to nobody else, and never later.
//! **Invariant:** what only a worker knows is asked of the process that was given it: from another one that knows nothing, nothing follows but that
//! time has to prove that the first is gone.

mod outcome;
mod posts;
mod runner;

pub use outcome::{Ended, Word};
pub use posts::{Attending, Hello, Instance, Key, Order, Posts};
pub use runner::{Place, Runner};

#[cfg(test)]
mod tests;
