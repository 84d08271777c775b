//! A person who is logged in to a daemon that runs.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tonic::transport::Channel;

use crate::client::Person;

/// Who asks.
#[derive(Debug, clap::Args)]
pub(crate) struct Who {
    /// Where the command line keeps its contexts
    #[arg(long)]
    config_dir: PathBuf,
    /// Who asks
    #[arg(long)]
    context: String,
}

/// Who asks, and which agent it is about.
#[derive(Debug, clap::Args)]
pub(crate) struct WhoAndAgent {
    /// Who asks.
    #[command(flatten)]
    pub(crate) who: Who,
    /// The agent
    #[arg(long)]
    pub(crate) agent: String,
}

/// A person with a connection and a token.
pub(crate) struct Known {
    /// The person.
    pub(crate) person: Person,
    /// Their connection.
    pub(crate) channel: Channel,
    /// Their token, which counts for ten minutes.
    pub(crate) token: String,
}

impl Known {
    /// Connects and logs in, once.
    ///
    /// # Errors
    /// When the daemon does not answer, or knows nobody of this context.
    pub(crate) async fn log_in(who: &Who) -> Result<Self> {
        let person = Person::load(&who.config_dir, &who.context)?;
        let channel = person.connect(|| false).await.context("the daemon does not answer")?;
        let token = person.log_in(&channel).await.context("cannot log in")?;
        Ok(Self { person, channel, token })
    }

    /// Gets another token.
    ///
    /// # Errors
    /// When the daemon gives none.
    pub(crate) async fn log_in_again(&mut self) -> Result<()> {
        self.token = self.person.log_in(&self.channel).await.context("cannot log in")?;
        Ok(())
    }
}
