//! The text of a join token, as it is carried to a worker (semantics §4.2): a secret, and the digest of the trust bundle by which the worker
//! knows the daemon before it says the secret to anybody.

use std::fmt;

use rustls::pki_types::CertificateDer;
use scalbotics_core::digest::Digest;
use zeroize::Zeroizing;

use crate::encoding::{from_base64url, to_base64url};

/// What every token begins with, so that people and scanners of leaked secrets know one.
pub const PREFIX: &str = "sbj1.";

/// Longest text that is looked at, in bytes.
const LEN_MAX: usize = 256;

/// Tag of the digest of a trust bundle.
const BUNDLE_TAG: &str = "scalbotics/trust-bundle/v1";

/// The text is no join token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text is not a join token: `sbj1.` and two parts of 43 characters")]
pub struct ParseError;

/// A join token.
pub struct JoinToken {
    secret: Zeroizing<[u8; 32]>,
    bundle: Digest,
}

impl JoinToken {
    /// A token with this secret, for a daemon that is known by this bundle.
    #[must_use]
    pub fn new(secret: [u8; 32], bundle: Digest) -> Self {
        Self { secret: Zeroizing::new(secret), bundle }
    }

    /// Reads the text of a token; white space around it means nothing.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        let parts = (text.len() <= LEN_MAX).then_some(text).and_then(|text| text.strip_prefix(PREFIX)?.split_once('.'));
        let (secret, bundle) = parts.ok_or(ParseError)?;
        let part = |text: &str| from_base64url(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or(ParseError);
        Ok(Self::new(part(secret)?, Digest::from_bytes(part(bundle)?)))
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The digest of the trust bundle.
    #[must_use]
    pub const fn bundle(&self) -> Digest {
        self.bundle
    }

    /// The text, for whoever it is handed to.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let (secret, bundle) = (to_base64url(self.secret.as_slice()), to_base64url(self.bundle.as_bytes()));
        Zeroizing::new(format!("{PREFIX}{secret}.{bundle}"))
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken").field("bundle", &self.bundle).finish_non_exhaustive()
    }
}

/// The digest of a trust bundle: of its roots, DER, in their order.
#[must_use]
pub fn bundle_digest(roots: &[CertificateDer<'_>]) -> Digest {
    let roots: Vec<&[u8]> = roots.iter().map(AsRef::as_ref).collect();
    Digest::of_parts(BUNDLE_TAG, &roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_has_one_text_and_shows_nothing() {
        let token = JoinToken::new([7; 32], Digest::of_bytes(b"bundle"));
        let text = token.text();
        let again = JoinToken::parse(&format!(" {}\n", *text)).unwrap();
        assert_eq!((again.secret(), again.bundle()), (&[7; 32], token.bundle()));
        assert!(!format!("{token:?}").contains(&text[5..20]));
        let bare = text.strip_prefix(PREFIX).unwrap();
        for bad in
            ["", PREFIX, bare, &text[..text.len() - 1], &format!("{}x", *text), &text.replace('.', "-"), &"sbj1.".repeat(99)]
        {
            assert!(JoinToken::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_bundle_is_its_roots_in_their_order() {
        let (a, b) = (CertificateDer::from(vec![1, 2]), CertificateDer::from(vec![3]));
        let joined = CertificateDer::from(vec![1, 2, 3]);
        let digests = [&[a.clone(), b.clone()][..], &[b, a], &[joined], &[]].map(bundle_digest);
        let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
    }
}
