//! Values of secrets, for whoever must send them.

use async_trait::async_trait;

use crate::policy::Warrant;
use crate::secret::{RevealError, Secret, SecretRef};
use crate::tool::Call;

/// Hands over secrets, each for one warrant.
#[async_trait]
pub trait SecretSource: Send + Sync + std::fmt::Debug {
    /// The value of now, for the call of this warrant; that it was handed over, and which version, is in the audit log before
    /// this returns.
    ///
    /// # Errors
    /// [`RevealError`]; the call must not be sent then. A secret of another tenant than the call's does not exist.
    async fn reveal(&self, warrant: &Warrant<Call>, secret: &SecretRef) -> Result<Secret, RevealError>;
}
