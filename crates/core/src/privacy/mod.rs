//! Privacy: what of a task is kept how long, what stops erasure, and how far the work of erasing has come (semantics §7.2).
//!
//! **Invariant:** erasure takes the bytes, the key and the salt of payloads, and nothing of journal and log, which hold commitments.
//! **Invariant:** time that is not believed erases nothing: a pass counts by the log's times, and a clock that jumped stops it.

mod class;
mod erasure;
mod hold;
mod keep;
mod marks;

pub use class::{Class, Released, released};
pub use erasure::{ERASURES_MAX, Erasure, REASON_LEN_MAX};
pub use hold::{HOLDS_MAX, Hold, Scope};
pub use keep::Keep;
pub use marks::{Believed, JUMP_MAX_MS, Marks, believe};
