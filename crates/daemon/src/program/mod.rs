//! The program: arguments, verbs, and the loop of signals around a running daemon.

mod allocator;
mod arguments;
mod report;
mod run;
mod serve;

pub use allocator::give_memory_back;
pub use arguments::{Arguments, Format};
pub(crate) use report::{Told, say, speak};
pub use run::{no_runtime, run};
