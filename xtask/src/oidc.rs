//! `cargo xtask oidc`: people log in at the certified provider of the npm package `oidc-provider`, in every way that the command line has.
//!
//! Node.js comes as a wheel and the provider by a lock file, pinned by digest; both stay in the target folder; nothing of them is shipped.
//! The keyring is gnome-keyring, and the bus that it is asked on dbus-daemon: Debian packages that `.ci/run` installs.

mod acts;
mod attempt;
mod installation;
mod keyring;
mod node;
mod provider;
mod renewal;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::place::Place;
use crate::{cargo, say};
use installation::Installation;

/// Makes an installation that trusts a provider, and logs people in at it. Safe to run twice.
///
/// # Errors
/// When something cannot be fetched or started, or a login succeeds that must not, or does not that must.
pub(crate) fn command(root: &Path) -> Result<ExitCode> {
    let target = cargo::target_directory(root)?;
    let node = node::Node::fetch(&target.join("tools"))?;
    cargo::step("oidc: build the programs", cargo::command(root).args(["build", "--workspace", "--locked", "--quiet"]))?;
    acts::run(&Installation::new(Place::prepare(&target, "oidc")?, &node)?)?;
    say::line("    oidc: sound");
    Ok(ExitCode::SUCCESS)
}
