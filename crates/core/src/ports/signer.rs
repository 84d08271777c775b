//! The signature under audit checkpoints.

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
#[error("log key does not sign")]
pub struct SignError {
    /// What the key store said.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Signs checkpoints of the audit logs as C2SP signed notes.
pub trait Signer: Send + Sync + std::fmt::Debug {
    /// The signed note over `text`, which ends with a newline.
    ///
    /// # Errors
    /// [`SignError`] when the key cannot be used.
    fn sign_note(&self, text: &str) -> Result<String, SignError>;

    /// The verifier key in C2SP form: `name+hash+base64`.
    fn verifier_key(&self) -> String;
}
