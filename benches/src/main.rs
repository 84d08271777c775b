//! Measures a daemon as its users see it: over TLS and gRPC, through every layer. `cargo xtask bench` starts it and judges.
//!
//! **Boundary:** no part of the product. It prints samples as JSON and knows no limit.
#![forbid(unsafe_code)]

mod agents;
mod bare;
mod client;
mod cores;
mod echo;
mod joins;
mod keyed;
mod known;
mod known_calls;
mod log;
mod query;
mod reads;
mod redact;
mod restart;
mod rotation;
mod sink;
mod spent;
mod start;
mod svids;
mod tasks;
mod worker;

use std::io::Write as _;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

/// What is measured.
#[derive(Debug, Parser)]
#[command(name = "scalbotics-bench", about = "Measures a ScalBotics daemon; `cargo xtask bench` runs it")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

/// One measurement.
#[derive(Debug, Subcommand)]
enum What {
    /// Time from exec of the daemon to its first authenticated answer, several times
    Start(start::Options),
    /// Time of tasks through a daemon that runs, one in flight, in turn with bare SQLite commits
    Tasks(tasks::Options),
    /// The same beside a target that counts keys: tasks whose steps ask it with a key each
    Keyed(keyed::Options),
    /// Calls of a second that read, in turn with those of a bare echo, one processor for each server
    Reads(reads::Options),
    /// Appends to an audit log, one at a time in turn with bare SQLite, and many at once
    Log(log::Options),
    /// Queries, a proof and a check of the audit log of a daemon that runs
    Query(query::Options),
    /// Redaction of clean text
    Redact(redact::Options),
    /// Certificates of agents, in a store that no daemon serves
    Svids(svids::Options),
    /// Enrolments through a daemon that runs, and how soon a suspension refuses the next call
    Joins(joins::Options),
    /// Workers that call through a daemon that runs, while somebody rotates their keys or its issuing CA
    Rotation(rotation::Options),
    /// The first page of the list of agents of a daemon that runs
    Agents(agents::Options),
    /// Calls by a token and by a certificate, through a daemon that measures by itself what it takes to know who calls
    KnownCalls(known_calls::Options),
    /// The bare echo, for one connection
    Echo,
    /// Time from exec to the first authenticated answer of a daemon that was killed with many open tasks
    Restart(restart::Options),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("the runtime does not start")?;
    let samples = match &arguments.what {
        What::Start(options) => serde_json::to_string(&runtime.block_on(start::measure(options))?),
        What::Tasks(options) => serde_json::to_string(&runtime.block_on(tasks::measure(options))?),
        What::Keyed(options) => serde_json::to_string(&runtime.block_on(keyed::measure(options))?),
        What::Reads(options) => serde_json::to_string(&runtime.block_on(reads::measure(options))?),
        What::Log(options) => serde_json::to_string(&runtime.block_on(log::measure(options))?),
        What::Query(options) => serde_json::to_string(&runtime.block_on(query::measure(options))?),
        What::Redact(options) => serde_json::to_string(&redact::measure(options)?),
        What::Joins(options) => serde_json::to_string(&runtime.block_on(joins::measure(options))?),
        What::Svids(options) => serde_json::to_string(&runtime.block_on(svids::measure(options))?),
        What::Rotation(options) => serde_json::to_string(&runtime.block_on(rotation::measure(options))?),
        What::Agents(options) => serde_json::to_string(&runtime.block_on(agents::measure(options))?),
        What::KnownCalls(options) => serde_json::to_string(&runtime.block_on(known_calls::measure(options))?),
        What::Restart(options) => serde_json::to_string(&runtime.block_on(restart::measure(options))?),
        What::Echo => return echo::serve(),
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", samples.context("samples have no JSON form")?).context("cannot print the samples")
}
