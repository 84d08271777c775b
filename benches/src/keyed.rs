//! Tasks whose steps ask a target with a key each, and what the target saw of them.

use anyhow::Result;
use serde::Serialize;

use crate::sink::Sink;
use crate::tasks;

/// Which tasks, and where the target is.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    tasks: tasks::Options,
    /// Port of the loopback address on which the target listens
    #[arg(long)]
    port: u16,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Samples {
    /// The tasks.
    tasks: tasks::Samples,
    /// Requests that the target saw.
    requests: usize,
    /// Requests without a key.
    without_key: usize,
    /// Keys that the target saw.
    keys: usize,
    /// Keys that came more than once.
    repeated: usize,
}

/// Runs the rounds beside the target.
pub(crate) async fn measure(options: &Options) -> Result<Samples> {
    let sink = Sink::listen(options.port)?;
    let tasks = tasks::measure(&options.tasks).await?;
    let mut seen = sink.keys();
    let without_key = seen.remove(&None).unwrap_or_default();
    let (keys, repeated) = (seen.len(), seen.values().filter(|count| **count > 1).count());
    Ok(Samples { tasks, requests: without_key + seen.values().sum::<usize>(), without_key, keys, repeated })
}
