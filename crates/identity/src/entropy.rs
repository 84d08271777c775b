//! Random bytes of the operating system, for keys, nonces and identifiers of tokens.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot draw random bytes from the operating system")]
pub struct Exhausted;

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Exhausted> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Exhausted)?;
    Ok(bytes)
}
