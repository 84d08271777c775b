//! Why a process is nobody.

/// Why nothing can be said of a process.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel does not tell who it is: it is in another namespace of processes or users.
    #[error("the process cannot be told from others: it is in another namespace")]
    Unknown,
    /// It has ended.
    #[error("the process has ended")]
    Gone,
    /// It became another program or another user while it was looked at.
    #[error("the process changed while it was looked at")]
    Changed,
    /// It took too long: its program is on a slow file system, or one that its user made.
    #[error("the process could not be looked at in time")]
    Late,
    /// The system did not answer.
    #[error("cannot {attempt}")]
    System {
        /// What was attempted.
        attempt: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

pub(super) fn system<E: Into<std::io::Error>>(attempt: &'static str) -> impl FnOnce(E) -> Error {
    move |source| Error::System { attempt, source: source.into() }
}
