//! A webhook: any server that takes a signed note by POST.

use async_trait::async_trait;
use scalbotics_core::audit::proof_text::AddCheckpoint;
use scalbotics_core::egress::Roots;
use scalbotics_core::ports::{CheckpointKeeper, KeepError, Kept};
use scalbotics_core::time::Span;

use super::http::{Address, post};

/// A server at an address.
#[derive(Debug)]
pub struct Webhook {
    name: String,
    address: Address,
    roots: Roots,
}

impl Webhook {
    /// The server at this address, where `roots` are believed beside the system's authorities.
    #[must_use]
    pub fn new(address: Address, roots: Roots) -> Self {
        Self { name: format!("webhook {address}"), address, roots }
    }
}

#[async_trait]
impl CheckpointKeeper for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_witness(&self) -> bool {
        false
    }

    fn apart(&self) -> Span {
        Span::from_ms(0)
    }

    async fn keep(&self, checkpoint: &AddCheckpoint) -> Result<Kept, KeepError> {
        match post(&self.address, checkpoint.note.clone(), &self.roots).await?.status {
            200..=299 => Ok(Kept::Stored),
            status => Err(KeepError::Refused { why: format!("it answers {status}") }),
        }
    }
}
