//! `fs.list`, `fs.read`, `fs.search` and `fs.write` over the directories of a workspace.
//!
//! Each directory is opened once a call; every later name is resolved by the kernel with
//! `openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)` from that descriptor, so there is no check that a swapped
//! symbolic link could race.
//!
//! **Invariant:** no byte outside the directories is read or written.
//! - Symbolic links are followed by `fs.list` and `fs.read` as long as they stay beneath the root; absolute ones and ones
//!   that climb out fail in the kernel. `fs.search` follows none. `fs.write` replaces a link in the last place and never
//!   writes through it.
//! - A regular file with more than one name (hard link) is not read: the other name may lie outside, and nothing in
//!   the file tells. `fs.write` replaces by rename, so another name of the old file keeps its old content.
//! - FIFOs, sockets and devices are refused; opening never blocks (`O_NONBLOCK`).
//! - `.git` cannot be written: its hooks and configuration are programs that run later.

mod dir;
mod error;
mod limits;
mod list;
mod mounts;
mod path;
mod read;
mod search;
#[cfg(test)]
mod tests;
mod tool;
mod workspace;
mod write;

pub use self::error::Error;
pub use self::limits::*;
pub use self::list::Args as ListArgs;
pub use self::mounts::{Mount, Mounts};
pub use self::path::RelPath;
pub use self::read::Args as ReadArgs;
pub use self::search::Args as SearchArgs;
pub use self::tool::{Output, Tool};
pub use self::workspace::Workspace;
pub use self::write::{Args as WriteArgs, Verdict};
