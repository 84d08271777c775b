//! How answers are printed: tables and details for people, JSON, JSON lines, YAML and names for programs.

mod escape;
mod format;
mod print;

pub(crate) use escape::escape;
pub(crate) use format::{Color, Format};
pub(crate) use print::{Printer, column, print_data, wide};
