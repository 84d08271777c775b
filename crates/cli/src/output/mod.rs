//! How answers are printed: tables and details for people, JSON, JSON lines, YAML and names for programs.
//!
//! **Invariant:** nothing that others wrote reaches a terminal unescaped, in any format.

mod confirm;
mod escape;
mod fields;
mod format;
mod money;
mod print;
mod progress;
mod table;

pub(crate) use confirm::Confirm;
pub(crate) use escape::{escape, escape_json};
pub(crate) use fields::Fields;
pub(crate) use format::{Color, Format};
pub(crate) use money::money;
pub(crate) use print::{Printer, column, pretty, print_data, tell, wide};
pub(crate) use progress::while_waiting;
pub(crate) use table::pad;

use escape::is_plain;
