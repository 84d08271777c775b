//! Why a remote repository is not had.

use crate::git::BoxError;

/// Why a remote repository is not had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none that a token may be sent to.
    #[error("the address of the repository is not usable: {reason}")]
    Address {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nobody answered.
    #[error("`{address}` does not answer")]
    Unreachable {
        /// Where.
        address: String,
        /// What the network said.
        #[source]
        source: BoxError,
    },
    /// The token is missing, wrong, or may not do this.
    #[error("`{address}` refuses the token with status {status}")]
    Token {
        /// Where.
        address: String,
        /// 401 or 403.
        status: u16,
    },
    /// There is nothing of that name, or nothing that this token may see.
    #[error("`{address}` has no such repository")]
    NotFound {
        /// Where.
        address: String,
    },
    /// It answers with another address, to which no token is sent.
    #[error("`{address}` redirects with status {status}, which is not followed")]
    Redirected {
        /// Where.
        address: String,
        /// The status.
        status: u16,
    },
    /// What answers is no git server.
    #[error("`{address}` does not answer as a git server: {reason}")]
    NotGit {
        /// Where.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// The branch could not be fetched into the copy.
    #[error("`{address}` cannot be fetched")]
    Fetch {
        /// Where.
        address: String,
        /// What git's library said.
        #[source]
        source: BoxError,
    },
    /// It sends more than a repository of desired state needs.
    #[error("`{address}` sends too much: {what}")]
    TooLarge {
        /// Where.
        address: String,
        /// What is too large, and the limit.
        what: String,
    },
    /// A branch of the copy could not be pushed.
    #[error("`{address}` does not take the push: {said}")]
    Push {
        /// Where.
        address: String,
        /// What git said.
        said: String,
    },
}
