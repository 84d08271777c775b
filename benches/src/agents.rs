//! The first page of the list of agents, through a daemon that serves.

use anyhow::{Context as _, Result, ensure};
use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_client::AgentServiceClient;
use serde::Serialize;
use tokio::time::Instant;

use crate::client::request;
use crate::known::{Known, Who};
use crate::spent::micros;

/// Items of a page: the API's, where a caller does not say.
const PAGE: usize = 50;

/// Which daemon, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    who: Who,
    /// How often the first page is asked for
    #[arg(long, default_value_t = 100)]
    runs: usize,
}

/// What was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Samples {
    /// From the call to the whole page, in microseconds.
    page_us: Vec<u64>,
    /// All agents, counted page by page afterwards.
    agents: usize,
    /// Time of that, in microseconds.
    all_us: u64,
}

/// Asks.
pub(crate) async fn measure(options: &Options) -> Result<Samples> {
    let Known { channel, token, .. } = Known::log_in(&options.who).await?;
    let mut agents = AgentServiceClient::new(channel);
    let mut samples = Samples::default();
    for _ in 0..options.runs {
        let begun = Instant::now();
        let page = agents.list_agents(request(&token, v1::ListAgentsRequest::default())?).await?.into_inner();
        samples.page_us.push(micros(begun.elapsed()));
        ensure!(page.agents.len() == PAGE && !page.next_page_token.is_empty(), "there are not more agents than a page has");
    }
    let (begun, mut page_token) = (Instant::now(), String::new());
    loop {
        let wanted = v1::ListAgentsRequest { page_token, page_size: 1_000, ..v1::ListAgentsRequest::default() };
        let page = agents.list_agents(request(&token, wanted)?).await.context("a page is missing")?.into_inner();
        samples.agents += page.agents.len();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    samples.all_us = micros(begun.elapsed());
    Ok(samples)
}
