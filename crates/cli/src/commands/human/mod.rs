//! `human`

mod add;
mod keygen;
mod verb;

pub(crate) use add::public_key;
pub(crate) use keygen::keygen;
pub(crate) use verb::{Verb, run, show};
