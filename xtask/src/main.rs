//! The developers' tool: `cargo xtask <task>`. It is no part of the product.

#![forbid(unsafe_code)]

mod bench;
mod cargo;
mod daemon;
mod demo;
mod fuzz;
mod models;
mod oidc;
mod place;
mod policies;
mod ports;
mod reference;
mod runner;
mod say;
mod sim;
mod spiffe;
mod test;
mod tidy;
mod tlog;
mod transcript;
mod wheel;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

/// What a developer, or CI, asks of the repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Tasks of the ScalBotics repository")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

/// One task.
#[derive(Debug, Subcommand)]
enum Task {
    /// Measure the figures of SPECIFICATION.md with optimised programs; builds them, and fails when a limit is missed
    Bench(bench::Options),
    /// Build, and run one task of an agent from the question to the proof: needs git and cargo only
    Demo(demo::Options),
    /// Write the reference pages of the book anew, from reviewed help texts, schemas, error pages and names of metrics
    Docs,
    /// Find anew which functions an idle and a working daemon runs, for the linker to lay them side by side; needs qemu-user
    Layout,
    /// Check the shape of the house: edges, sizes, names, failpoints, promises, documents
    Tidy,
    /// Run the fuzz targets for a while each; installs cargo-fuzz by itself
    Fuzz(fuzz::Options),
    /// Run the provider of models and a task of an agent against a real model server, llama.cpp's with a small model; fetches both, pinned by digest
    Models,
    /// Log people in at a provider that others wrote, the certified `oidc-provider`, in every way there is; fetches it, pinned by digest
    Oidc,
    /// Run seeds of the simulator: random tasks, faults and crashes in virtual time
    Sim(sim::Options),
    /// Let clients that others wrote ask the Workload API: go-spiffe and the Python package spiffe; fetches both, pinned by digest
    Spiffe,
    /// Let a reader that others wrote check logs, tiles and cosigned checkpoints; fetches it, pinned by digest
    Tlog,
    /// Build everything and run every test; installs the test runner by itself
    Test(test::Options),
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let root = root()?;
    match arguments.task {
        Task::Bench(options) => bench::command(&root, &options),
        Task::Demo(options) => demo::command(&root, &options),
        Task::Docs => reference::command(&root),
        Task::Layout => bench::layout::command(&root),
        Task::Tidy => tidy::command(&root),
        Task::Fuzz(options) => fuzz::command(&root, &options),
        Task::Models => models::command(&root),
        Task::Oidc => oidc::command(&root),
        Task::Sim(options) => sim::command(&root, &options),
        Task::Spiffe => spiffe::command(&root),
        Task::Tlog => tlog::command(&root),
        Task::Test(options) => test::command(&root, &options),
    }
}

/// The root of the repository: the parent of this package's folder.
fn root() -> Result<PathBuf> {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = package.parent().context("xtask has no parent folder")?.to_path_buf();
    Ok(root)
}
