//! Canonical JSON (RFC 8785) and nothing else: a text is accepted only if it is the one text of its value.
//!
//! **Invariant:** keys stand in order and once, numbers and escapes have their one form, integers lie within ±(2^53 − 1), so that what is
//! parsed need not be written again to be compared; and the text of a part is the canonical text of that part.
//!
//! What was read is a tape of nodes over the text: nothing is copied.

mod number;
mod read;
mod value;

pub(crate) use read::Document;
pub(crate) use value::Value;

#[cfg(test)]
mod tests;
