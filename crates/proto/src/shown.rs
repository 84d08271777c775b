//! `Debug` of messages that hold a value of a secret or a join token: the generator is told to leave theirs out.

use crate::v1;

impl std::fmt::Debug for v1::PutSecretRequest {
    /// Prints the name and how long the value is, never the value.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PutSecretRequest").field("name", &self.name).field("value_len", &self.value.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for v1::RotateSecretRequest {
    /// Prints the name and how long the value is, never the value.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("RotateSecretRequest");
        shown.field("name", &self.name).field("value_len", &self.value.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for v1::JoinToken {
    /// Prints whom it lets join, never the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinToken").field("agent", &self.agent).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for v1::EnrollRequest {
    /// Prints who wants to join, never the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrollRequest").field("agent", &self.agent).finish_non_exhaustive()
    }
}
