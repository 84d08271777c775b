//! From exec to the first authenticated answer of a daemon that was killed with many open tasks.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use scalbotics_proto::v1;
use scalbotics_proto::v1::TaskStatus;
use scalbotics_proto::v1::task_service_client::TaskServiceClient;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::transport::Channel;

use crate::client::{Person, request, submit};
use crate::spent::micros;
use crate::start::{self, Daemon};

/// Submissions that are in flight: they share their commits.
const IN_FLIGHT: usize = 64;

/// Tasks of a page, the most that a list gives.
const PAGE: i32 = 1_000;

/// Which daemon, and how many tasks.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    start: start::Options,
    /// The agent
    #[arg(long)]
    agent: String,
    /// A workflow whose tasks wait for an approval
    #[arg(long)]
    workflow: String,
    /// How many tasks wait
    #[arg(long, default_value_t = 10_000)]
    tasks: usize,
    /// A file that the daemon writes, to see its size before the first kill
    #[arg(long)]
    database: PathBuf,
}

/// What was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Samples {
    /// From just before exec to the first authenticated answer, in microseconds; the first one is of the daemon that took the tasks on.
    answered_us: Vec<u64>,
    /// Tasks that wait for an approval, as the daemon says after the last start.
    open: usize,
    /// Time that submitting them took, in microseconds.
    submitted_us: u64,
    /// Bytes of the database and of its log at the first kill.
    bytes: u64,
}

/// Submits the tasks, and then kills and starts again and again.
pub(crate) async fn measure(options: &Options) -> Result<Samples> {
    let person = Person::load(&options.start.config_dir, &options.start.context)?;
    let mut daemon = Daemon::spawn(&options.start)?;
    let channel = person.connect(|| daemon.is_alive()).await.context("the daemon does not answer")?;
    let token = person.log_in(&channel).await.context("cannot log in")?;
    let begun = Instant::now();
    open(&channel, &token, (&person.resource("agents", &options.agent), options)).await?;
    let mut samples = Samples { submitted_us: micros(begun.elapsed()), ..Samples::default() };
    drop(channel);
    for run in 0..options.start.runs {
        daemon.kill()?;
        if run == 0 {
            samples.bytes = bytes(options)?;
        }
        let begun = Instant::now();
        daemon = Daemon::spawn(&options.start)?;
        let channel = person.connect(|| daemon.is_alive()).await.context("the daemon does not answer")?;
        person.prove(&channel, &token).await.context("the first call failed")?;
        samples.answered_us.push(micros(begun.elapsed()));
        if run + 1 == options.start.runs {
            samples.open = count(&channel, &token).await?;
        }
    }
    daemon.stop().await?;
    Ok(samples)
}

/// Submits all of the tasks.
async fn open(channel: &Channel, token: &str, (agent, options): (&str, &Options)) -> Result<()> {
    let shared = Arc::new((channel.clone(), token.to_owned(), agent.to_owned(), options.workflow.clone()));
    let mut submitters = JoinSet::new();
    for nth in 0..IN_FLIGHT {
        let (shared, share) = (Arc::clone(&shared), (nth..options.tasks).step_by(IN_FLIGHT).count());
        submitters.spawn(async move {
            for _ in 0..share {
                let (channel, token, agent, workflow) = shared.as_ref();
                let status = submit(channel, token, [agent, workflow]).await?.status();
                ensure!(status == TaskStatus::InputRequired, "a task does not wait, its status is {}", status.as_str_name());
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    while let Some(submitted) = submitters.join_next().await {
        submitted.context("a submitter did not end well")??;
    }
    Ok(())
}

/// How many tasks wait for an approval.
async fn count(channel: &Channel, token: &str) -> Result<usize> {
    let mut client = TaskServiceClient::new(channel.clone());
    let filter = "status = \"INPUT_REQUIRED\"".to_owned();
    let mut list = v1::ListTasksRequest { filter, page_size: PAGE, ..v1::ListTasksRequest::default() };
    let mut count = 0;
    loop {
        let page = client.list_tasks(request(token, list.clone())?).await.context("cannot list the tasks")?.into_inner();
        count += page.tasks.len();
        list.page_token = page.next_page_token;
        if list.page_token.is_empty() {
            return Ok(count);
        }
    }
}

/// Bytes of the database with its log.
fn bytes(options: &Options) -> Result<u64> {
    let mut log = options.database.clone().into_os_string();
    log.push("-wal");
    let len = |path: PathBuf| std::fs::metadata(path).map(|data| data.len());
    Ok(len(options.database.clone()).context("there is no database")? + len(log.into()).unwrap_or_default())
}
