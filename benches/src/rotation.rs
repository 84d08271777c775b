//! Workers that call while their keys, or the issuing CA, are rotated: each watches, renews and switches as `scalbotics agent enroll --watch` does, and
//! one follows a task beside it. What fails is counted, and said.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use prost_types::Timestamp;
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use scalbotics_proto::v1::task_service_client::TaskServiceClient;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tonic::Streaming;

use crate::client::{request, submit};
use crate::known::{Known, WhoAndAgent};
use crate::spent::micros;
use crate::worker::Worker;

/// Time between two looks of a worker at how long its certificate counts: that of the command line's.
const LOOK: Duration = Duration::from_secs(15);

/// An end that is so much earlier than the certificate's own, in seconds, means that it is to be renewed: the command line's.
const CUT_SHORT_S: i64 = 1;

/// Most failures of which it is said what they were.
const SAID_MAX: usize = 5;

/// Which daemon, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    of: WhoAndAgent,
    /// A workflow whose tasks wait, to be followed
    #[arg(long)]
    workflow: String,
    /// Workers, each with a certificate and a connection of its own
    #[arg(long, default_value_t = 20)]
    workers: u32,
    /// Calls of a second, of all workers
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// How long they call, in seconds
    #[arg(long, default_value_t = 80)]
    seconds: u64,
}

/// What was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Samples {
    /// Calls that were answered or failed.
    calls: u64,
    /// Calls and renewals that failed, and streams that broke while somebody followed them.
    failed: u64,
    /// What the first of them were.
    said: Vec<String>,
    /// Renewals.
    renewed: u64,
    /// Times that a stream was moved to another connection.
    moved: u64,
    /// Time of all of it, in microseconds.
    wall_us: u64,
}

impl Samples {
    fn fails(&mut self, what: &str, error: &dyn std::fmt::Display) {
        self.failed += 1;
        if self.said.len() < SAID_MAX {
            self.said.push(format!("{what}: {error}"));
        }
    }

    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.renewed += other.renewed;
        self.moved += other.moved;
        self.said.extend(other.said);
        self.said.truncate(SAID_MAX);
    }
}

/// Calls for so long; who rotates is somebody else.
pub(crate) async fn measure(options: &Options) -> Result<Samples> {
    let known = Arc::new(Known::log_in(&options.of.who).await?);
    let agent = known.person.resource("agents", &options.of.agent);
    let task = submit(&known.channel, &known.token, [&agent, &options.workflow]).await?.name;
    let apart = Duration::from_secs(1) * options.workers.max(1) / options.rate.max(1);
    let mut workers = Vec::new();
    for _ in 0..options.workers {
        workers.push(Worker::join(&known, &agent).await?);
    }
    let begun = Instant::now();
    let mut calling = JoinSet::new();
    for (nth, worker) in (0_u32..).zip(workers) {
        // The first follows a task too.
        let task = (nth == 0).then(|| task.clone());
        let first = begun + apart * nth / options.workers.max(1);
        let ends = begun + Duration::from_secs(options.seconds);
        calling.spawn(calls(Arc::clone(&known), worker, task, (first, apart, ends)));
    }
    let mut samples = Samples::default();
    while let Some(called) = calling.join_next().await {
        samples.add(called.context("a worker did not end well")??);
    }
    samples.wall_us = micros(begun.elapsed());
    // Nothing of it waits in what is measured next.
    let cancel = v1::CancelTaskRequest { name: task, ..v1::CancelTaskRequest::default() };
    TaskServiceClient::new(known.channel.clone()).cancel_task(request(&known.token, cancel)?).await?;
    Ok(samples)
}

/// One worker: calls at its pace, renews when it is told to, and goes on by what it has then.
async fn calls(
    known: Arc<Known>,
    mut worker: Worker,
    task: Option<String>,
    (first, apart, ends): (Instant, Duration, Instant),
) -> Result<Samples> {
    let (mut samples, mut pace) = (Samples::default(), tokio::time::interval_at(first, apart));
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut followed = match &task {
        Some(task) => Some(follow(&worker, task).await?),
        None => None,
    };
    // Workers that began at once do not look at once.
    let mut looks_at = first + LOOK.mul_f64(f64::from(worker.certificate.serial.bytes().last().unwrap_or_default() % 16) / 16.0);
    while Instant::now() < ends {
        tokio::select! {
            biased;
            broken = broken(&mut followed) => {
                samples.fails("the stream", &broken);
                followed = None;
                continue;
            }
            _ = pace.tick() => {}
        }
        samples.calls += 1;
        let identity = match SessionServiceClient::new(worker.channel.clone()).who_am_i(v1::WhoAmIRequest {}).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => {
                samples.fails("a call", &status);
                continue;
            }
        };
        if Instant::now() < looks_at || !is_cut_short(identity.expire_time, &worker.certificate) {
            continue;
        }
        looks_at = Instant::now() + LOOK;
        match worker.renew(&known).await {
            Ok(renewed) => worker = renewed,
            Err(error) => {
                samples.fails("a renewal", &format!("{error:#}"));
                continue;
            }
        }
        samples.renewed += 1;
        if let Some(task) = &task {
            // The next one is open before this one ends.
            followed = Some(follow(&worker, task).await?);
            samples.moved += 1;
        }
    }
    Ok(samples)
}

fn is_cut_short(counts_until: Option<Timestamp>, certificate: &v1::Certificate) -> bool {
    let seconds = |at: Option<Timestamp>| at.map_or(i64::MAX, |at| at.seconds);
    seconds(counts_until).saturating_add(CUT_SHORT_S) < seconds(certificate.expire_time)
}

async fn follow(worker: &Worker, task: &str) -> Result<Streaming<v1::TaskEvent>> {
    let watch = v1::WatchTaskRequest { name: task.to_owned(), from_sequence: 0 };
    let mut events = TaskServiceClient::new(worker.channel.clone()).watch_task(watch).await?.into_inner();
    events.message().await?.context("the stream tells nothing")?;
    Ok(events)
}

/// Returns when the stream breaks or ends, and why; never without one.
async fn broken(followed: &mut Option<Streaming<v1::TaskEvent>>) -> String {
    let Some(events) = followed else { return std::future::pending().await };
    loop {
        match events.message().await {
            Ok(Some(_)) => {}
            Ok(None) => return "it ended".to_owned(),
            Err(status) => return status.to_string(),
        }
    }
}
