//! Join tokens, each used at most once.

use async_trait::async_trait;

use super::{Note, StoreError};
use crate::digest::Digest;
use crate::identity::{JoinToken, Svid};

/// What became of a token that somebody wanted to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeemed {
    /// It is used, and the certificate is in the book.
    Entered,
    /// It was used before, is over, or there is none; nothing is written.
    Spent,
    /// The agent is not active at exactly the certificate's epoch; nothing is written, and the token is as it was.
    Void,
}

/// Reads and writes join tokens. A token may be forgotten a day after its end; those of a human whose epoch rises are over from that commit
/// on (semantics §4.3).
#[async_trait]
pub trait JoinTokens: Send + Sync + std::fmt::Debug {
    /// The token with this digest.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn join_token(&self, digest: &Digest) -> Result<Option<JoinToken>, StoreError>;

    /// Keeps a token; answers whether it is, and nothing is written where its agent is not active at exactly its epoch or has
    /// [`JOIN_TOKENS_MAX`](crate::identity::JOIN_TOKENS_MAX) that wait.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put_join_token(&self, token: JoinToken, note: Note) -> Result<bool, StoreError>;

    /// Uses a token for a certificate: both become durable with the note in one commit, or none does.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn redeem(&self, digest: &Digest, svid: Svid, note: Note) -> Result<Redeemed, StoreError>;
}
