//! What a login at an outside issuer keeps secret on this side: proof of possession of the code (PKCE, RFC 7636), `state` and `nonce`.

use std::fmt;

use scalbotics_core::digest::Digest;
use zeroize::Zeroizing;

use crate::encoding::to_base64url;
use crate::entropy;

/// Bytes of randomness of each: 43 characters, which RFC 7636 §4.1 names as the length to use.
const RANDOM_LEN: usize = 32;

/// The secrets of one login; drawn for it and never used again.
pub struct Secrets {
    state: String,
    nonce: String,
    verifier: Zeroizing<String>,
}

impl Secrets {
    /// Draws them.
    ///
    /// # Errors
    /// [`entropy::Exhausted`] when the system has no random bytes.
    pub fn draw() -> Result<Self, entropy::Exhausted> {
        let draw = || entropy::bytes::<RANDOM_LEN>().map(to_base64url);
        Ok(Self { state: draw()?, nonce: draw()?, verifier: Zeroizing::new(draw()?) })
    }

    /// What ties the answer of the browser to this login (RFC 6749 §10.12).
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }

    /// What ties the ID token to this login (OpenID Connect Core §3.1.2.1).
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// What is shown to the token endpoint only.
    #[must_use]
    pub fn verifier(&self) -> &str {
        &self.verifier
    }

    /// What the authorization request shows of the verifier, by the method `S256` (RFC 7636 §4.2).
    #[must_use]
    pub fn challenge(&self) -> String {
        challenge(&self.verifier)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(hidden)")
    }
}

fn challenge(verifier: &str) -> String {
    to_base64url(Digest::of_bytes(verifier.as_bytes()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn each_login_has_its_own_and_shows_none() {
        let (one, other) = (Secrets::draw().unwrap(), Secrets::draw().unwrap());
        let all = [one.state(), one.nonce(), one.verifier(), other.state(), other.nonce(), other.verifier()];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert!(all.iter().all(|text| text.len() == 43));
        assert_eq!(format!("{one:?}"), "Secrets(hidden)");
    }
}
