//! Agents that join a daemon that serves, each over a connection of its own; and how soon a suspension refuses the next call of one, while others
//! call.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustls::time_provider::DefaultTimeProvider;
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::{certificate, signing_request, tls, trust};
use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_client::AgentServiceClient;
use scalbotics_proto::v1::identity_service_client::IdentityServiceClient;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Code;
use tonic::transport::Channel;

use crate::client::{Person, request, who_am_i};
use crate::start::micros;

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
    /// Where the command line keeps its contexts
    #[arg(long)]
    config_dir: PathBuf,
    /// Who makes tokens and suspends
    #[arg(long)]
    context: String,
    /// The agent
    #[arg(long)]
    agent: String,
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
    person: Person,
    trust: trust::File,
    channel: Channel,
    token: String,
    agent: String,
}

/// Runs the rounds.
pub(crate) async fn measure(options: &Options) -> Result<Samples> {
    let person = Person::load(&options.config_dir, &options.context)?;
    let channel = person.connect(|| false).await.context("the daemon does not answer")?;
    let token = person.log_in(&channel).await.context("cannot log in")?;
    let agent = person.resource("agents", &options.agent);
    let trust = person.trust()?;
    let mut house = House { person, trust, channel, token, agent };
    let mut samples = Samples::default();
    while samples.enrolments < options.enrolments {
        samples.enrolled_us += micros(house.round().await?);
        samples.enrolments += ROUND;
    }
    for trial in 0..options.suspensions {
        if trial.is_multiple_of(50) {
            house.token = house.person.log_in(&house.channel).await.context("cannot log in")?;
        }
        samples.refused_us.push(micros(house.suspend().await?));
    }
    Ok(samples)
}

impl House {
    fn agents(&self) -> AgentServiceClient<Channel> {
        AgentServiceClient::new(self.channel.clone())
    }

    async fn join_token(&self) -> Result<String> {
        let wanted = v1::CreateJoinTokenRequest { name: self.agent.clone(), request_id: String::new() };
        Ok(self.agents().create_join_token(request(&self.token, wanted)?).await?.into_inner().token)
    }

    /// Time of as many enrolments as tokens may wait.
    async fn round(&self) -> Result<Duration> {
        let mut waiting = Vec::new();
        for _ in 0..ROUND {
            // Made before: a worker's own work is not the daemon's.
            let key = Pair::generate(Algorithm::P256)?;
            waiting.push((self.join_token().await?, signing_request::make(&key)?));
        }
        let begun = Instant::now();
        let mut joining = JoinSet::new();
        loop {
            while joining.len() < IN_FLIGHT
                && let Some((token, signing_request)) = waiting.pop()
            {
                joining.spawn(enroll(self.person.dial().await?, self.agent.clone(), token, signing_request));
            }
            match joining.join_next().await {
                Some(joined) => drop(joined??),
                None => return Ok(begun.elapsed()),
            }
        }
    }

    /// A connection of the agent, which joins anew.
    async fn join(&self) -> Result<Channel> {
        let key = Pair::generate(Algorithm::P256)?;
        let token = self.join_token().await?;
        let issued = enroll(self.person.dial().await?, self.agent.clone(), token, signing_request::make(&key)?).await?;
        let identity = tls::Identity { chain: certificate::from_pem(&issued.chain)?, key };
        let roots = self.trust.roots()?;
        let config = tls::client_config(&roots, &self.trust.trust_domain, Some(&identity), Arc::new(DefaultTimeProvider))?;
        self.person.dial_as(config).await
    }

    /// Suspends the agent while others call; answers how long it took until a call of it was refused, and resumes it.
    async fn suspend(&self) -> Result<Duration> {
        let agent = self.join().await?;
        let mut own = SessionServiceClient::new(agent);
        own.who_am_i(v1::WhoAmIRequest {}).await.context("the agent does not count")?;
        let ends = Arc::new(AtomicBool::new(false));
        let mut others = JoinSet::new();
        for _ in 0..OTHERS {
            others.spawn(calls(self.channel.clone(), self.token.clone(), Arc::clone(&ends)));
        }
        let standing = || v1::AgentStandingRequest { name: self.agent.clone(), ..v1::AgentStandingRequest::default() };
        let (mut agents, asked) = (self.agents(), request(&self.token, standing())?);
        let begun = Instant::now();
        let mut suspending = JoinSet::new();
        suspending.spawn(async move { agents.suspend_agent(asked).await });
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
        self.agents().resume_agent(request(&self.token, standing())?).await?;
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

async fn enroll(channel: Channel, agent: String, token: String, signing_request: Vec<u8>) -> Result<v1::Certificate> {
    let request = v1::EnrollRequest { agent, token, signing_request };
    Ok(IdentityServiceClient::new(channel).enroll(request).await?.into_inner())
}
