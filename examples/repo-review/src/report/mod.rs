//! The report: findings in, Markdown and numbers out. The same input gives the same bytes.
//!
//! **Invariant:** no matched secret is in the output, and nothing of a reviewed repository is read as Markdown or reaches a
//! terminal as a control.

mod compose;
mod findings;
mod markdown;
mod shown;

pub(crate) use compose::compose;
