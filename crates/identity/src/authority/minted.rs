//! What minting a token of either kind answers.

use std::fmt;

use scalbotics_core::time::Timestamp;

/// A new token.
#[derive(Clone)]
pub struct Minted {
    /// The token; a secret.
    pub token: String,
    /// Its name, which may be logged.
    pub jti: String,
    /// Its end.
    pub expires_at: Timestamp,
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minted").field("jti", &self.jti).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
