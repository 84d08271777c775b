//! Getting secrets out, one at a time and for one act.

use async_trait::async_trait;

use crate::policy::Warrant;
use crate::secret::{Ref, Secret};
use crate::tool::Call;

/// Reveals secrets to the adapter that must send them.
#[async_trait]
pub trait SecretSource: Send + Sync + std::fmt::Debug {
    /// The value of the named secret, for the act of the warrant.
    ///
    /// # Errors
    /// [`NotRevealed`].
    ///
    /// # Cancel safety
    /// Nothing changes by it.
    async fn reveal(&self, warrant: &Warrant<Call>, name: &Ref) -> Result<Secret, NotRevealed>;
}

/// Why a secret is not revealed; never what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRevealed {
    /// There is none of that name, or it is not the caller's.
    #[error("there is no secret `{name}`")]
    Absent {
        /// The name.
        name: Ref,
    },
    /// The place where secrets are kept does not answer.
    #[error("secret `{name}` cannot be read: {reason}")]
    Unavailable {
        /// The name.
        name: Ref,
        /// Why, without any value.
        reason: String,
    },
}
