//! Why a secret was not put, rotated or removed.

use scalbotics_core::ports::CipherError;
use scalbotics_core::secret::{SECRETS_MAX, VALUE_LEN_MAX};
use scalbotics_core::tenant::Name;

use crate::change::ChangeError;

/// Why a secret was not put, rotated or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tenant has no such secret.
    #[error("there is no secret `{name}`")]
    NotFound {
        /// The name.
        name: Name,
    },
    /// The tenant has one of that name already.
    #[error("there is a secret `{name}` already")]
    Taken {
        /// The name.
        name: Name,
    },
    /// Somebody else changed it at the same time.
    #[error("secret `{name}` was changed by somebody else at the same time")]
    Raced {
        /// The name.
        name: Name,
    },
    /// The tenant has as many as it may have.
    #[error("the tenant has {SECRETS_MAX} secrets, as many as it may have")]
    TooMany,
    /// The value is empty or too long.
    #[error("value of {len} bytes is refused: it has 1 to {VALUE_LEN_MAX}")]
    Length {
        /// How long it is, in bytes.
        len: usize,
    },
    /// It could not be sealed.
    #[error("secret could not be sealed")]
    Cipher(#[from] CipherError),
    /// The change was not made.
    #[error(transparent)]
    Change(#[from] ChangeError),
}
