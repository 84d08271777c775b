//! The installation of a run, and the provider that it trusts.

use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::node::Node;
use super::provider::Provider;
use crate::daemon::Daemon;
use crate::place::Place;
use crate::{cargo, ports};

/// The client that is registered with the provider, and for whom its tokens are: an ID token is for the client, and an access token for what
/// was asked for, which has to be a URI.
pub(super) const CLIENT: &str = "urn:scalbotics:cli";

/// An installation in the run's folder.
#[derive(Debug)]
pub(super) struct Installation<'a> {
    place: Place,
    /// What runs scripts.
    pub(super) node: &'a Node,
    api: u16,
    provider: u16,
}

impl<'a> Installation<'a> {
    /// In this folder, which is empty.
    pub(super) fn new(place: Place, node: &'a Node) -> Result<Self> {
        Ok(Self { place, node, api: ports::free_pair()?, provider: ports::free_pair()? })
    }

    /// A path of its folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// The provider, started.
    pub(super) fn provider(&self) -> Result<Provider<'a>> {
        Provider::start(self.node, &self.path("provider"), self.provider)
    }

    /// The command line with these words.
    pub(super) fn scalbotics(&self, words: &[&str]) -> Command {
        let mut command = self.place.program("scalbotics", words);
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        command.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", self.bus().display()));
        command
    }

    /// The session bus of its people, if there is one.
    pub(super) fn bus(&self) -> PathBuf {
        self.path("desk/bus")
    }

    /// What a command of a context came to.
    pub(super) fn ran(&self, context: &str, words: &[&str]) -> Result<Output> {
        self.scalbotics(&[&["--context", context, "-o", "json"], words].concat())
            .output()
            .context("cannot start the command line")
    }

    /// What a command of a context answers, which has to go well.
    pub(super) fn asks(&self, context: &str, words: &[&str]) -> Result<Value> {
        let text = cargo::output(&mut self.scalbotics(&[&["--context", context, "-o", "json"], words].concat()))?;
        serde_json::from_str(&text).context("the answer is no JSON")
    }

    /// A command of a context that answers nothing, and has to go well.
    pub(super) fn asks_nothing(&self, context: &str, words: &[&str]) -> Result<()> {
        cargo::output(&mut self.scalbotics(&[&["--context", context], words].concat())).map(drop)
    }

    /// A command of a context that ends with this exit code and says these words.
    pub(super) fn refused(&self, context: &str, words: &[&str], code: i32, says: &str) -> Result<()> {
        let ran = self.ran(context, words)?;
        let said = String::from_utf8_lossy(&ran.stderr);
        let fits = ran.status.code() == Some(code) && said.contains(says);
        ensure!(fits, "{words:?} was to end with {code} and say `{says}`, and ended with {}: {said}", ran.status);
        Ok(())
    }

    /// Makes an installation that trusts the issuer, and starts its daemon.
    pub(super) fn daemon(&self, issuer: &str) -> Result<Daemon> {
        let listen = format!("127.0.0.1:{}", self.api);
        let admin = format!("127.0.0.1:{}", self.api.saturating_add(1));
        let words = [
            ["--dir", "box"],
            ["--mode", "local"],
            ["--trust-domain", "scalbotics.test"],
            ["--tenant-name", "acme"],
            ["--admin", "root"],
            ["--approver", "keeper"],
            ["--listen", &listen],
            ["--admin-listen", &admin],
            ["--issuer", issuer],
            ["--oidc-audience", CLIENT],
            ["--oidc-tenants", "acme"],
            ["--oidc-groups", "admins,operators"],
            ["--oidc-client-id", CLIENT],
        ];
        cargo::output(&mut self.scalbotics(&[&["initialize", "--yes"], words.concat().as_slice()].concat()))?;
        let daemon =
            Daemon::start(self.place.program("scalboticsd", &["--config", "box/scalbotics.toml"]), &self.path("daemon.log"))?;
        Ok(daemon)
    }

    /// A context that names the issuer.
    pub(super) fn context(&self, name: &str, issuer: &str, more: &[&str]) -> Result<()> {
        let server = format!("https://127.0.0.1:{}", self.api);
        let words = [
            "context",
            "add",
            name,
            "--server",
            &server,
            "--trust-file",
            "box/trust.json",
            "--of-tenant",
            "acme",
            "--issuer",
            issuer,
            "--client-id",
            CLIENT,
        ];
        cargo::output(&mut self.scalbotics(&[&words, more].concat())).map(drop)
    }
}
