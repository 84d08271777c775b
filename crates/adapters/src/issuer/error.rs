//! Why an issuer is not trusted.

/// Why an issuer is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none that an issuer may have.
    #[error("the address of the issuer is not usable: {reason}")]
    Address {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nobody answered in time.
    #[error("`{place}` does not answer")]
    Unreachable {
        /// Where.
        place: String,
        /// What the network said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer is not the document that was asked for.
    #[error("`{place}` answers with status {status}")]
    Status {
        /// Where.
        place: String,
        /// The status; redirects are not followed.
        status: u16,
    },
    /// The answer is too long.
    #[error("`{place}` answers with more than {most} bytes")]
    TooLong {
        /// Where.
        place: String,
        /// What is read at most.
        most: usize,
    },
    /// The document is none, or says something that it must not.
    #[error("`{place}` is not usable: {reason}")]
    Document {
        /// Where.
        place: String,
        /// What is wrong.
        reason: String,
    },
}
