//! The index of the audit logs: which records say what, in a file of its own beside the database (decisions/0034).
//!
//! Of each *segment*, 2 048 leaves that follow each other, it holds once what each actor, action, kind and decision stands at. A segment
//! is put together as its records are committed, and indexed by a thread of its own when it is whole, and never changed; leaves behind the last one are read themselves.
//!
//! **Invariant:** the file says where to look and never what is there: each leaf that it names is read and asked again. It may be
//! removed at any time, and is made anew where it is damaged, of another version, or of another log than the one beside it.

mod build;
mod entries;
mod file;
mod held;
mod indexer;
mod search;

pub(super) use indexer::Indexer;
