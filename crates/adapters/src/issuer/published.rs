//! The port for keys of outside issuers.

use async_trait::async_trait;
use scalbotics_core::egress::Roots;
use scalbotics_core::ports::{IssuerKeys, IssuerKeysError};

use super::discovery::discover;

/// Keys as issuers publish them now, found by their discovery documents.
#[derive(Debug)]
pub struct Published {
    roots: Roots,
}

impl Published {
    /// Believes `roots` about the issuers' servers beside the system's authorities.
    #[must_use]
    pub const fn trusting(roots: Roots) -> Self {
        Self { roots }
    }
}

#[async_trait]
impl IssuerKeys for Published {
    async fn fetch(&self, issuer: &str) -> Result<String, IssuerKeysError> {
        let why = |error: super::Error| IssuerKeysError { why: scalbotics_core::in_words(&error) };
        discover(issuer, &self.roots).await.map(|found| found.jwks).map_err(why)
    }
}
