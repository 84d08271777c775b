//! Agents that join a daemon that serves, each over a connection of its own; and how soon a suspension refuses the next call of one, while others
//! call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::signing_request;
use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_client::AgentServiceClient;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Code;
use tonic::transport::Channel;

use crate::client::{request, who_am_i};
use crate::known::{Known, WhoAndAgent};
use crate::spent::micros;
use crate::worker::{Worker, enroll, join_token};

/// Tokens of one round: as many as may wait.
const ROUND: usize = 64;

/// Workers that join at one time.
const IN_FLIGHT: usize = 8;

/// Calls of others that are in flight while an agent is suspended.
const OTHERS: usize = 8;

/// A suspension that has not bitten after this time never will.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which daemon, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    of: WhoAndAgent,
    /// Enrolments, in rounds of 64
    #[arg(long, default_value_t = 1_280)]
    enrolments: usize,
    /// Suspensions
    #[arg(long, default_value_t = 200)]
    suspensions: usize,
}

/// What was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Samples {
    /// Enrolments.
    enrolments: usize,
    /// Time of all of them, in microseconds.
    enrolled_us: u64,
    /// From the call that suspends to the first call of the agent that is refused, in microseconds.
    refused_us: Vec<u64>,
}

struct House {
    known: Known,
    agent: String,
}

/// Runs the rounds.
pub(crate) async fn measure(options: &Options) -> Result<Samples> {
    let known = Known::log_in(&options.of.who).await?;
    let agent = known.person.resource("agents", &options.of.agent);
    let mut house = House { known, agent };
    let mut samples = Samples::default();
    while samples.enrolments < options.enrolments {
        samples.enrolled_us += micros(house.round().await?);
        samples.enrolments += ROUND;
    }
    for trial in 0..options.suspensions {
        if trial.is_multiple_of(50) {
            house.known.log_in_again().await?;
        }
        samples.refused_us.push(micros(house.suspend().await?));
    }
    Ok(samples)
}

impl House {
    /// Time of as many enrolments as tokens may wait.
    async fn round(&self) -> Result<Duration> {
        let mut waiting = Vec::new();
        for _ in 0..ROUND {
            // Made before: a worker's own work is not the daemon's.
            let key = Pair::generate(Algorithm::P256)?;
            waiting.push((join_token(&self.known, &self.agent).await?, signing_request::make(&key)?));
        }
        let begun = Instant::now();
        let mut joining = JoinSet::new();
        loop {
            while joining.len() < IN_FLIGHT
                && let Some((token, signing_request)) = waiting.pop()
            {
                joining.spawn(enroll(self.known.person.dial().await?, self.agent.clone(), token, signing_request));
            }
            match joining.join_next().await {
                Some(joined) => drop(joined??),
                None => return Ok(begun.elapsed()),
            }
        }
    }

    /// Suspends the agent while others call; answers how long it took until a call of it was refused, and resumes it.
    async fn suspend(&self) -> Result<Duration> {
        let mut own = SessionServiceClient::new(Worker::join(&self.known, &self.agent).await?.channel);
        own.who_am_i(v1::WhoAmIRequest {}).await.context("the agent does not count")?;
        let ends = Arc::new(AtomicBool::new(false));
        let mut others = JoinSet::new();
        for _ in 0..OTHERS {
            others.spawn(calls(self.known.channel.clone(), self.known.token.clone(), Arc::clone(&ends)));
        }
        let standing = || v1::AgentStandingRequest { name: self.agent.clone(), ..v1::AgentStandingRequest::default() };
        let mut agents = AgentServiceClient::new(self.known.channel.clone());
        let (mut suspends, asked) = (agents.clone(), request(&self.known.token, standing())?);
        let begun = Instant::now();
        let mut suspending = JoinSet::new();
        suspending.spawn(async move { suspends.suspend_agent(asked).await });
        let refused = loop {
            match own.who_am_i(v1::WhoAmIRequest {}).await {
                Err(status) if status.code() == Code::Unauthenticated => break begun.elapsed(),
                Ok(_) | Err(_) if begun.elapsed() > PATIENCE => bail!("the suspension does not bite"),
                Ok(_) => {}
                Err(status) => return Err(status.into()),
            }
        };
        while let Some(suspended) = suspending.join_next().await {
            suspended??;
        }
        ends.store(true, Ordering::Relaxed);
        while let Some(others) = others.join_next().await {
            others??;
        }
        agents.resume_agent(request(&self.known.token, standing())?).await?;
        Ok(refused)
    }
}

/// Calls until it is told to end.
async fn calls(channel: Channel, token: String, ends: Arc<AtomicBool>) -> Result<()> {
    while !ends.load(Ordering::Relaxed) {
        who_am_i(&channel, &token).await?;
    }
    Ok(())
}
