//! `Debug` of messages that hold a value of a secret or a join token: the generator is told to leave theirs out.

use crate::v1;

impl std::fmt::Debug for v1::AddTenantRequest {
    /// Prints the name and how long the token is, never the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("AddTenantRequest");
        shown.field("name", &self.name).field("remote_token_len", &self.remote_token.len()).finish_non_exhaustive()
    }
}

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

#[cfg(feature = "workload")]
mod workload {
    use std::fmt;

    use crate::workload::{Jwtsvid, JwtsvidResponse, ValidateJwtsvidRequest, X509svid, X509svidResponse};

    impl fmt::Debug for X509svid {
        /// Prints whom it names, never the key.
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("X509svid").field("spiffe_id", &self.spiffe_id).finish_non_exhaustive()
        }
    }

    impl fmt::Debug for X509svidResponse {
        /// Prints whom it names, never a key.
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("X509svidResponse").field("svids", &self.svids).finish_non_exhaustive()
        }
    }

    impl fmt::Debug for Jwtsvid {
        /// Prints whom it names, never the token.
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Jwtsvid").field("spiffe_id", &self.spiffe_id).finish_non_exhaustive()
        }
    }

    impl fmt::Debug for JwtsvidResponse {
        /// Prints whom it names, never a token.
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("JwtsvidResponse").field("svids", &self.svids).finish_non_exhaustive()
        }
    }

    impl fmt::Debug for ValidateJwtsvidRequest {
        /// Prints the audience, never the token.
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("ValidateJwtsvidRequest").field("audience", &self.audience).finish_non_exhaustive()
        }
    }
}
