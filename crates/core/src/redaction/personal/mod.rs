//! Personal data: addresses of mail, telephone numbers, accounts, cards and national identifiers.
//!
//! What has a checksum is believed by it; what has none, or a weak one, only in a form that nothing else has, or behind a word
//! that names it.

mod card;
mod checksum;
mod email;
mod iban;
mod lettered;
mod national;
mod number;
mod phone;

pub(super) use email::find_email;
pub(super) use number::find_number;
