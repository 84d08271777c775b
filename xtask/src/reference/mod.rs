//! `cargo xtask docs`: the reference pages of the book, made from what is reviewed and tested elsewhere.
//!
//! Help texts (`crates/cli/tests/it/help/`, `crates/daemon/tests/process/scalboticsd.txt`), schemas (`docs/schemas/`), pages of errors
//! (`docs/errors/`) and names of metrics are each compared with the programs by a test of their own; here they become pages, and a test
//! compares those with the files in `docs/book/src/reference/`.

mod command;
mod errors;
mod help;
mod metrics;
mod page;
mod row;
mod schema;

pub(crate) use command::command;
