//! Who keeps checkpoints of the installation log outside of this host: a witness, a file elsewhere, a webhook, a branch of a repository (semantics §7.3).

use async_trait::async_trait;

use crate::audit::proof_text::AddCheckpoint;
use crate::time::Span;

/// What a keeper did with a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It keeps it.
    Stored,
    /// It cosigned it: signature lines of a signed note.
    Cosigned {
        /// The lines, each with its newline.
        lines: String,
    },
}

/// Why a keeper does not keep a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// It knows the log at another size than the proof begins with.
    #[error("it knows the log at size {size}")]
    Knows {
        /// That size.
        size: u64,
    },
    /// It knows another history.
    #[error("it knows another history of the log")]
    Forked,
    /// It refuses, or what it answers does not count.
    #[error("{why}")]
    Refused {
        /// In words.
        why: String,
    },
    /// It could not be reached, or did not answer in time.
    #[error("it could not be reached")]
    Unreachable {
        /// What the system or the network said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Keeps checkpoints of one log outside of this host.
#[async_trait]
pub trait CheckpointKeeper: Send + Sync + std::fmt::Debug {
    /// Its name, as status and the daemon's log show it.
    fn name(&self) -> &str;

    /// Whether it is a witness, which cosigns.
    fn is_witness(&self) -> bool;

    /// Least time between two checkpoints that it is given; it gets the newest one then.
    fn apart(&self) -> Span;

    /// Gives it a checkpoint, with the proof that the log grew out of what it knows.
    ///
    /// # Errors
    /// [`KeepError`]: it does not keep it.
    ///
    /// # Cancel safety
    /// Cancel safe: a checkpoint that was kept may be given again.
    async fn keep(&self, checkpoint: &AddCheckpoint) -> Result<Kept, KeepError>;
}
