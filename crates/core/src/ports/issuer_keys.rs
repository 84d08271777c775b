//! The keys that an outside issuer publishes.

use async_trait::async_trait;

/// Why keys could not be had.
#[derive(Debug, thiserror::Error)]
#[error("the keys of the issuer could not be had: {why}")]
pub struct IssuerKeysError {
    /// In words; nothing of a token.
    pub why: String,
}

/// Fetches the keys of outside issuers. Caching is the caller's.
#[async_trait]
pub trait IssuerKeys: Send + Sync + std::fmt::Debug {
    /// The set of keys (RFC 7517) that an issuer publishes at this moment, as text, found by its discovery document.
    ///
    /// # Errors
    /// [`IssuerKeysError`], also for a redirect, an answer that is too long or too late, and a document of another issuer.
    ///
    /// # Cancel safety
    /// Cancel safe: reading changes nothing.
    async fn fetch(&self, issuer: &str) -> Result<String, IssuerKeysError>;
}
