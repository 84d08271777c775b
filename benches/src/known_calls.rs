//! Calls of a person by a token, and of a worker by a certificate, through a daemon that measures by itself what it takes to know them.

use anyhow::Result;
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use serde::Serialize;

use crate::client::who_am_i;
use crate::known::{Known, WhoAndAgent};
use crate::worker::Worker;

/// Which daemon, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    of: WhoAndAgent,
    /// Calls of each
    #[arg(long, default_value_t = 20)]
    calls: usize,
}

/// What was done; what was measured, the daemon's log says.
#[derive(Debug, Serialize)]
pub(crate) struct Samples {
    /// Calls of each.
    calls: usize,
}

/// Calls.
pub(crate) async fn measure(options: &Options) -> Result<Samples> {
    let known = Known::log_in(&options.of.who).await?;
    for _ in 0..options.calls {
        who_am_i(&known.channel, &known.token).await?;
    }
    let worker = Worker::join(&known, &known.person.resource("agents", &options.of.agent)).await?;
    let mut session = SessionServiceClient::new(worker.channel);
    for _ in 0..options.calls {
        session.who_am_i(v1::WhoAmIRequest {}).await?;
    }
    Ok(Samples { calls: options.calls })
}
