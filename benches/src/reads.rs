//! Reads through every layer of a daemon that serves, in turn with those of a bare echo: calls of a second.
//!
//! Each server has one processor, and the client another one; several calls are in flight over one connection.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use scalbotics_proto::v1::task_service_client::TaskServiceClient;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::transport::Channel;

use crate::client::{request, submit, who_am_i};
use crate::known::{Known, WhoAndAgent};
use crate::spent::{computed, computed_since, micros};
use crate::{cores, echo};

/// Calls that are in flight: a server is never without work.
const IN_FLIGHT: usize = 32;

/// Tasks that are read in turn: what a person looks at on one page.
const TASKS: usize = 16;

/// Time of one measurement of one kind of call.
const SLICE: Duration = Duration::from_millis(500);

/// Time after a measurement of the daemon in which it writes the last audit records and empties its log: the echo has the same
/// processor, and is not to pay for that.
const REST: Duration = Duration::from_millis(700);

/// Which daemon, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    of: WhoAndAgent,
    /// A workflow, whose tasks are run and then read
    #[arg(long)]
    workflow: String,
    /// Processor of the echo: that of the daemon
    #[arg(long)]
    server_core: usize,
    /// Processor of the client
    #[arg(long)]
    client_core: usize,
    /// Rounds that are measured; one more comes before them
    #[arg(long, default_value_t = 12)]
    rounds: usize,
}

/// One kind of call in one round.
#[derive(Debug, Clone, Copy, Serialize)]
struct Slice {
    calls: u64,
    wall_us: u64,
    /// What the client computed meanwhile.
    client_us: u64,
}

/// What was measured, a slice a round.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Samples {
    /// The echo.
    echo: Vec<Slice>,
    /// The daemon, asked for a task.
    get_task: Vec<Slice>,
    /// The daemon, asked who asks.
    who_am_i: Vec<Slice>,
}

/// What is called.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Echo,
    GetTask,
    WhoAmI,
}

/// Everything that a call needs.
struct Caller {
    echo: Channel,
    daemon: Channel,
    token: String,
    tasks: Vec<String>,
}

/// Runs the rounds.
pub(crate) async fn measure(options: &Options) -> Result<Samples> {
    cores::pin(options.server_core)?;
    let (_peer, place) = echo::Peer::start()?;
    cores::pin(options.client_core)?;
    let Known { person, channel: daemon, token } = Known::log_in(&options.of.who).await?;
    let agent = person.resource("agents", &options.of.agent);
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        tasks.push(finished(&daemon, &token, [&agent, &options.workflow]).await?);
    }
    let caller = Arc::new(Caller { echo: place.connect().await?, daemon, token, tasks });
    let mut samples = Samples::default();
    for round in 0..=options.rounds {
        let (echo, get_task) = (caller.slice(Kind::Echo).await?, caller.slice(Kind::GetTask).await?);
        tokio::time::sleep(REST).await;
        let who_am_i = caller.slice(Kind::WhoAmI).await?;
        tokio::time::sleep(REST).await;
        if round > 0 {
            samples.echo.push(echo);
            samples.get_task.push(get_task);
            samples.who_am_i.push(who_am_i);
        }
    }
    Ok(samples)
}

/// The name of a task that has ended.
async fn finished(daemon: &Channel, token: &str, what: [&str; 2]) -> Result<String> {
    let name = submit(daemon, token, what).await?.name;
    let watch = v1::WatchTaskRequest { name: name.clone(), from_sequence: 0 };
    let mut events = TaskServiceClient::new(daemon.clone()).watch_task(request(token, watch)?).await?.into_inner();
    while events.message().await?.is_some() {}
    Ok(name)
}

impl Caller {
    /// Calls for the time of a slice.
    async fn slice(self: &Arc<Self>, kind: Kind) -> Result<Slice> {
        let (begun, computed) = (Instant::now(), computed());
        let mut callers = JoinSet::new();
        for nth in 0..IN_FLIGHT {
            let caller = Arc::clone(self);
            callers.spawn(async move {
                let mut calls = 0_u64;
                for task in caller.tasks.iter().cycle().skip(nth % TASKS) {
                    if begun.elapsed() >= SLICE {
                        break;
                    }
                    caller.call(kind, task).await?;
                    calls += 1;
                }
                Ok::<_, anyhow::Error>(calls)
            });
        }
        let mut calls = 0;
        while let Some(called) = callers.join_next().await {
            calls += called.context("a caller did not end well")??;
        }
        Ok(Slice { calls, wall_us: micros(begun.elapsed()), client_us: micros(computed_since(computed)) })
    }

    async fn call(&self, kind: Kind, task: &str) -> Result<()> {
        match kind {
            Kind::Echo => {
                let message = v1::ExchangeAssertionRequest { assertion: task.to_owned() };
                SessionServiceClient::new(self.echo.clone()).exchange_assertion(request(&self.token, message)?).await?;
            }
            Kind::GetTask => {
                let message = v1::GetTaskRequest { name: task.to_owned(), ..v1::GetTaskRequest::default() };
                TaskServiceClient::new(self.daemon.clone()).get_task(request(&self.token, message)?).await?;
            }
            Kind::WhoAmI => who_am_i(&self.daemon, &self.token).await?,
        }
        Ok(())
    }
}
