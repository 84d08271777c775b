//! Whom this machine believes about servers of other machines, beside the system's own authorities.

use std::fmt;
use std::sync::Arc;

/// Certificates of authorities that an operator trusts beside those of the system, such as a company's own; none where nothing is
/// configured.
///
/// They count for every server that is reached by name over TLS, and for nothing inside of the trust domain.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Roots(Arc<[Vec<u8>]>);

impl Roots {
    /// Those certificates, each in DER (RFC 5280); whoever reads them has seen to it that each is an authority's.
    #[must_use]
    pub fn new(der: Vec<Vec<u8>>) -> Self {
        Self(der.into())
    }

    /// Each in DER.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the system's are all that there is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Roots").field(&self.len()).finish()
    }
}
