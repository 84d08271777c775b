//! Tasks through a daemon that runs, one in flight, from the call that submits to the event that ends the task.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use scalbotics_proto::v1;
use scalbotics_proto::v1::TaskStatus;
use scalbotics_proto::v1::submit_task_request::Goal;
use scalbotics_proto::v1::task_service_client::TaskServiceClient;
use serde::Serialize;
use tokio::time::Instant;
use tonic::transport::Channel;

use crate::bare::{self, Bare};
use crate::client::{request, who_am_i};
use crate::known::{Known, WhoAndAgent};
use crate::spent::micros;

/// Commits of the bare run that a task of three steps is held against.
const BARE_COMMITS: usize = 4;

/// Bytes of a small row: one that fits on a page with others.
const SMALL_BYTES: u32 = 200;

/// Which tasks.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    of: WhoAndAgent,
    /// Workflows that are run in turn, one task each a round
    #[arg(long = "workflow", required_unless_present = "goals")]
    workflows: Vec<String>,
    /// Goals that are given in turn, behind the workflows
    #[arg(long = "goal")]
    goals: Vec<String>,
    /// Rounds that are measured
    #[arg(long, default_value_t = 200)]
    rounds: usize,
    /// Rounds before that, which are not
    #[arg(long, default_value_t = 50)]
    warm_up: usize,
    /// Folder in which bare SQLite commits are made in turn with the tasks
    #[arg(long, requires = "database")]
    beside: Option<PathBuf>,
    /// The daemon's database: its growth during the warm-up tells how many bytes a bare commit writes
    #[arg(long)]
    database: Option<PathBuf>,
}

/// What was measured, in microseconds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Samples {
    /// From the call that submits to the event that ends the task, by workflow.
    task_us: BTreeMap<String, Vec<u64>>,
    /// The part until the submission was answered, by workflow: the first commit is durable then.
    submit_us: BTreeMap<String, Vec<u64>>,
    /// A call that does nothing but go through every layer.
    call_us: Vec<u64>,
    /// Four bare commits.
    bare_us: Vec<u64>,
    /// Bytes that a bare commit writes: what the store grows by for a task, by four.
    bare_bytes: u32,
    /// Four bare commits of one small row each.
    small_us: Vec<u64>,
}

/// Runs the rounds.
pub(crate) async fn measure(options: &Options) -> Result<Samples> {
    let Known { person, channel, token } = Known::log_in(&options.of.who).await?;
    let round = Round { options, agent: person.resource("agents", &options.of.agent), channel, token };
    let before = options.database.as_deref().map(bare::size).transpose()?;
    for _ in 0..options.warm_up {
        round.run(&mut Samples::default()).await?;
    }
    let grown = options.database.as_deref().map(bare::size).transpose()?.zip(before).map(|(after, before)| after - before);
    let commits = BARE_COMMITS.saturating_mul(options.warm_up).saturating_mul(options.workflows.len());
    let bare_bytes = grown.map_or(0, |grown| grown / u64::try_from(commits.max(1)).unwrap_or(u64::MAX));
    let mut samples = Samples { bare_bytes: u32::try_from(bare_bytes)?, ..Samples::default() };
    let peers = options.beside.as_deref().map(|dir| peers(dir, samples.bare_bytes)).transpose()?;
    if let Some((bare, small)) = &peers {
        (0..options.warm_up).try_for_each(|_| four(bare).and(four(small)).map(drop))?;
    }
    for _ in 0..options.rounds {
        round.run(&mut samples).await?;
        if let Some((bare, small)) = &peers {
            samples.bare_us.push(four(bare)?);
            samples.small_us.push(four(small)?);
        }
    }
    Ok(samples)
}

/// Bare databases with commits as large as the store's, and with small ones.
fn peers(dir: &Path, bytes: u32) -> Result<(Bare, Bare)> {
    Ok((Bare::create(&dir.join("bare.db"), bytes)?, Bare::create(&dir.join("small.db"), SMALL_BYTES)?))
}

/// Four commits; their time in microseconds.
fn four(bare: &Bare) -> Result<u64> {
    let begun = Instant::now();
    (0..BARE_COMMITS).try_for_each(|_| bare.commit())?;
    Ok(micros(begun.elapsed()))
}

/// One task of each workflow, and an empty call.
struct Round<'a> {
    options: &'a Options,
    agent: String,
    channel: Channel,
    token: String,
}

impl Round<'_> {
    async fn run(&self, samples: &mut Samples) -> Result<()> {
        let workflows = self.options.workflows.iter().map(|id| (id, Goal::Workflow(id.clone())));
        for (what, goal) in workflows.chain(self.options.goals.iter().map(|text| (text, Goal::Text(text.clone())))) {
            let begun = Instant::now();
            let task = self.submit(goal).await?;
            samples.submit_us.entry(what.clone()).or_default().push(micros(begun.elapsed()));
            self.follow(task).await?;
            samples.task_us.entry(what.clone()).or_default().push(micros(begun.elapsed()));
        }
        let begun = Instant::now();
        who_am_i(&self.channel, &self.token).await?;
        samples.call_us.push(micros(begun.elapsed()));
        Ok(())
    }

    async fn submit(&self, goal: Goal) -> Result<String> {
        let goal = Some(goal);
        let submit = v1::SubmitTaskRequest { agent: self.agent.clone(), goal, ..v1::SubmitTaskRequest::default() };
        let answer = TaskServiceClient::new(self.channel.clone()).submit_task(request(&self.token, submit)?).await;
        Ok(answer.context("the task was not taken on")?.into_inner().name)
    }

    /// Waits for the event that ends the task.
    async fn follow(&self, name: String) -> Result<()> {
        let watch = v1::WatchTaskRequest { name: name.clone(), from_sequence: 0 };
        let mut client = TaskServiceClient::new(self.channel.clone());
        let mut events =
            client.watch_task(request(&self.token, watch)?).await.context("the task cannot be watched")?.into_inner();
        let mut last = TaskStatus::Unspecified;
        while let Some(event) = events.message().await? {
            last = event.status();
            if last == TaskStatus::Completed {
                return Ok(());
            }
        }
        bail!("task {name} did not complete, its last status is {}", last.as_str_name())
    }
}
