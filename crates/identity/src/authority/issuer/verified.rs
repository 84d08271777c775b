//! Tokens whose signature was verified a moment ago: a client sends the same one with each call of ten minutes, and a signature
//! costs more than the rest of a small call.
//!
//! **Invariant:** an entry is found by the digest of the whole token, so no byte of it, signature included, can differ; whatever
//! time or the registry says of a token is not kept.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::digest::Digest;

/// Tokens kept: as many people as work at one time, in some kilobytes.
const KEPT_MAX: usize = 128;

/// Domain tag of the digests.
const TAG: &str = "scalbotics/verified-token/v1";

/// What verified tokens say, oldest first; never a token.
pub(super) struct Verified<Claims>(Mutex<VecDeque<(Digest, Arc<Claims>)>>);

impl<Claims> Default for Verified<Claims> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Claims> Verified<Claims> {
    /// What this very token says, if it was verified.
    pub(super) fn find(&self, token: &str) -> Option<Arc<Claims>> {
        let digest = digest(token);
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().find(|(known, _)| *known == digest).map(|(_, claims)| Arc::clone(claims))
    }

    /// Keeps what a verified token says, in the place of the oldest one.
    pub(super) fn keep(&self, token: &str, claims: Claims) -> Arc<Claims> {
        let claims = Arc::new(claims);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((digest(token), Arc::clone(&claims)));
        claims
    }
}

fn digest(token: &str) -> Digest {
    Digest::of_parts(TAG, &[token.as_bytes()])
}

impl<Claims> fmt::Debug for Verified<Claims> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_token_is_found_and_few_are_kept() {
        let verified = Verified::default();
        verified.keep("a.b.c", 1);
        assert_eq!(verified.find("a.b.c").as_deref(), Some(&1));
        for other in ["a.b.d", "a.b.c ", "a.b.", "b.b.c", ""] {
            assert_eq!(verified.find(other), None, "{other}");
        }
        for number in 0..KEPT_MAX {
            verified.keep(&format!("t{number}"), number);
        }
        assert_eq!(verified.find("a.b.c"), None);
        assert_eq!(verified.find("t0").as_deref(), Some(&0));
    }
}
