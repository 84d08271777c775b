//! Whether anybody could log in by the keys that an outside issuer publishes: judged as a login judges them.

use scalbotics_adapters::issuer::{Discovered, Error};
use scalbotics_identity::authority::outside::{Algorithm, KeySet};

/// How many of the keys that were found verify tokens by one of these algorithms; one at least.
///
/// # Errors
/// [`Error::Document`] for a set by which every token would be refused.
pub(crate) fn usable(found: &Discovered, algorithms: &[Algorithm]) -> Result<usize, Error> {
    let judged = KeySet::parse(&found.jwks, algorithms);
    let refused = |reason: String| Error::Document { place: found.jwks_uri.clone(), reason };
    judged.map(|keys| keys.count()).map_err(|error| refused(error.to_string()))
}
