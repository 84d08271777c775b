//! Authorities that are believed about other machines' servers beside the system's: the file of `egress.ca_bundle`.

use std::io::Read as _;
use std::path::Path;

use scalbotics_core::egress::Roots;
use scalbotics_identity::holder::roots::parse;

use crate::start_error::BoxError;

/// Longest file, in bytes: all public authorities together take 250 KiB.
const FILE_LEN_MAX: u64 = 2 << 20;

/// What the file holds; nothing where none is named.
///
/// # Errors
/// When it cannot be read, is too long, or holds something else than certificates of authorities.
pub(crate) fn read(path: Option<&Path>) -> Result<Roots, BoxError> {
    let Some(path) = path else { return Ok(Roots::default()) };
    let mut text = Vec::new();
    std::fs::File::open(path)?.take(FILE_LEN_MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > FILE_LEN_MAX {
        return Err(format!("it is longer than {FILE_LEN_MAX} bytes").into());
    }
    Ok(parse(&text)?)
}
