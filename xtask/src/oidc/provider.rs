//! The provider as a process of this one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::node::Node;
use crate::cargo;
use crate::daemon::Daemon;

/// People, each with what the provider says of them.
const PEOPLE: &str = r#"{
  "u-ann": { "tenant": "acme", "groups": ["admins", "operators"], "preferred_username": "ann" },
  "u-bob": { "tenant": "acme", "groups": ["operators"], "preferred_username": "bob" },
  "u-eve": { "tenant": "other", "groups": ["admins"], "preferred_username": "eve" }
}
"#;

/// A provider with its folder; its port stays through restarts.
#[derive(Debug)]
pub(super) struct Provider<'a> {
    node: &'a Node,
    folder: PathBuf,
    port: u16,
    running: Option<Daemon>,
}

impl<'a> Provider<'a> {
    /// Makes the folder with the people and a first key, and starts it.
    pub(super) fn start(node: &'a Node, folder: &Path, port: u16) -> Result<Self> {
        fs::create_dir_all(folder).context("cannot make the provider's folder")?;
        fs::write(folder.join("people.json"), PEOPLE).context("cannot write the people")?;
        let mut provider = Self { node, folder: folder.to_path_buf(), port, running: None };
        provider.new_key("one")?;
        provider.resume()?;
        Ok(provider)
    }

    /// The issuer, as its tokens name it.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes a key, which signs from the next start on; those before stay published.
    pub(super) fn new_key(&self, name: &str) -> Result<()> {
        let folder = self.folder.display().to_string();
        cargo::output(&mut self.node.script("keys.mjs", &[&folder, name])).map(drop)
    }

    /// Starts it, and waits until it listens.
    pub(super) fn resume(&mut self) -> Result<()> {
        let folder = self.folder.display().to_string();
        let command = self.node.script("provider.mjs", &[&self.port.to_string(), &folder]);
        let mut running = Daemon::start(command, &self.folder.join("provider.log"))?;
        let port = self.port;
        running.wait_until("the provider listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        self.running = Some(running);
        Ok(())
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.running.take().context("the provider does not run")?.kill()
    }

    /// Whether the address of its keys answers.
    pub(super) fn publish_keys(&self, published: bool) -> Result<()> {
        let mark = self.folder.join("keys.down");
        if published { fs::remove_file(mark) } else { fs::write(mark, "") }.context("cannot mark the provider's keys")
    }
}
