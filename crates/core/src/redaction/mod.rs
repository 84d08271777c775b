//! Redaction: what must not be told is covered before a text goes anywhere.
//!
//! One pipeline ([`Mask`]) covers the values of secrets that are known, in every common form, and what detectors find: secrets with a
//! shape of their own (`rules.txt`), secrets by their context (settings, headers, addresses), private keys, the same in an
//! encoded form, and personal data where that is wanted. A known value becomes `***`, anything else `[redacted:KIND]`.
//!
//! **Invariant:** a text costs a time that is linear in its length, whatever it says: no detector goes back, and each sees a
//! bounded part of the text.
//! **Invariant:** in which parts a text arrives does not change what comes out ([`Stream`]).
//!
//! It is a net under people and programs, not a wall: who wants to can write a secret so that nobody looks for it.

mod anchors;
mod aws_pair;
mod bytes;
mod command;
mod emit;
mod encoded;
mod header;
mod mask;
mod naming;
mod pattern;
mod personal;
mod private_key;
mod rules;
mod scan;
mod setting;
mod span;
mod stand_in;
mod values;
mod worth;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use mask::{Detect, Finding, MASK, Mask, Stream};
pub use values::MASKED_LEN_MIN;
