//! `cargo xtask tlog`: logs, checkpoints, tiles and cosignatures before a reader that others wrote, aics-tlog of the Python package index.
//!
//! It comes as wheels, pinned by SHA-256, and stays in the target folder; nothing of it is shipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::daemon::Daemon;
use crate::place::Place;
use crate::{cargo, ports, say, wheel};

/// Names, versions and digests, in pip's own words; a package with wheels for several machines has a digest for each.
const REQUIREMENTS: &str = include_str!("tlog/requirements.txt");

/// Name of the witness.
const WITNESS: &str = "witness.test/w1";

/// Calls that make records: enough for a full tile and a part of the next.
const CALLS: usize = 300;

/// Makes a log, has it cosigned, writes it as tiles, and lets the other program read them. Safe to run twice.
///
/// # Errors
/// When something cannot be fetched or started, or the reader refuses what is sound or takes what is not.
pub(crate) fn command(root: &Path) -> Result<ExitCode> {
    let target = cargo::target_directory(root)?;
    let home = target.join("tools").join("tlog-aics-0.2.1");
    let is_whole = || home.join("aics_tlog").is_dir() && home.join("cryptography").is_dir();
    if !is_whole() {
        say::line("==> tlog: fetching the reader");
        wheel::fetch(REQUIREMENTS, &home, is_whole).context("the reader cannot be fetched: it needs Linux on x86-64 or arm64, Python 3.10 to 3.13 with pip or venv, and the Python package index")?;
        ensure!(is_whole(), "what was fetched into `{}` has no reader", home.display());
    }
    cargo::step("tlog: build the programs", cargo::command(root).args(["build", "--workspace", "--locked", "--quiet"]))?;
    let run = Run { place: Place::prepare(&target, "tlog")?, wheels: home };
    say::line("==> tlog: a log that a witness cosigns, and its tiles");
    run.all()?;
    say::line("    tlog: sound");
    Ok(ExitCode::SUCCESS)
}

/// The folder, and what runs in it.
#[derive(Debug)]
struct Run {
    place: Place,
    wheels: PathBuf,
}

/// A witness; killed when dropped.
struct Witness(Child);

impl Drop for Witness {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

impl Run {
    fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// What the reader says; its exit code is its verdict.
    fn reads(&self, words: &[&str]) -> Result<bool> {
        let mut command = self.place.python(&self.wheels);
        let answer = command
            .args(["-m", "aics_tlog"])
            .args(words)
            .output()
            .context("the reader cannot be started: is there a python3?")?;
        let said = String::from_utf8_lossy(&answer.stdout).into_owned() + &String::from_utf8_lossy(&answer.stderr);
        ensure!(!said.contains("Traceback"), "the reader failed: {said}");
        fs::write(self.path("reader.log"), format!("{words:?}\n{said}")).context("cannot write what the reader said")?;
        Ok(answer.status.success())
    }

    fn accepts(&self, words: &[&str]) -> Result<()> {
        if self.reads(words)? {
            return Ok(());
        }
        bail!("the reader refuses what is sound: {}", fs::read_to_string(self.path("reader.log")).unwrap_or_default())
    }

    fn all(&self) -> Result<()> {
        let keygen = ["audit", "witness", "--dir", "w1", "--name", WITNESS, "--keygen"];
        let witness_key = cargo::output(&mut self.place.program("scalboticsd", &keygen))?.trim().to_owned();
        let port = ports::free_pair()?.to_string();
        cargo::output(&mut self.place.program("scalbotics", &["dev", "--port", &port, "--persist", "box", "--", "true"]))?;
        let trust: Value = serde_json::from_str(&fs::read_to_string(self.path("box/trust.json"))?)?;
        let key = |log: &str| -> Result<String> {
            let keys = trust.get("log_keys").and_then(Value::as_array).context("the trust file has no log keys")?;
            let found = keys.iter().filter_map(Value::as_str).find(|key| key.contains(&format!("/audit/{log}+")));
            Ok(found.with_context(|| format!("the trust file has no key of {log}"))?.to_owned())
        };
        let (system, tenant) = (key("system")?, key("dev")?);
        let address = format!("127.0.0.1:{}", ports::free_pair()?);
        let listen = ["audit", "witness", "--dir", "w1", "--name", WITNESS, "--listen", &address, "--log", &system];
        let _witness = Witness(self.place.program("scalboticsd", &listen).stdout(Stdio::null()).spawn().context("no witness")?);

        let mut dev = self.place.program("scalbotics", &["dev", "--port", &port, "--persist", "box"]);
        dev.env("SCALBOTICSD_AUDIT_WITNESSES", format!("{witness_key} http://{address}"));
        let log = self.path("daemon.log");
        let mut daemon = Daemon::start(dev, &log)?;
        let ask =
            |words: &[&str]| cargo::output(self.place.program("scalbotics", &["--context", "dev", "-o", "json"]).args(words));
        daemon.wait_until("it answers", || ask(&["whoami"]).is_ok())?;
        for _ in 0..CALLS {
            ask(&["whoami"])?;
        }
        let witnessed = || {
            let status = ask(&["status"]).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
            status
                .is_some_and(|status| status.pointer("/audit_unwitnessed").and_then(Value::as_u64).is_some_and(|left| left < 20))
        };
        daemon.wait_until("a witness has cosigned", witnessed)?;
        self.cosigned(&mut daemon, &system, &witness_key)?;
        self.export("dev", "dev-tiles")?;
        fs::copy(self.path("dev-tiles/checkpoint"), self.path("older")).context("cannot keep a checkpoint")?;
        for _ in 0..5 {
            ask(&["whoami"])?;
        }
        ensure!(daemon.stop()?, "the daemon did not end well; its log is {}", log.display());
        self.export("dev", "dev-tiles")?;
        self.tiles(&tenant)
    }

    fn export(&self, log: &str, tiles: &str) -> Result<()> {
        let words = ["audit", "tiles", "--data", "box/data", "--log", log, "--out", tiles];
        cargo::output(&mut self.place.program("scalboticsd", &words)).map(drop)
    }

    /// The installation log's checkpoint with the witness's signature. The newest one may have been signed a moment ago.
    fn cosigned(&self, daemon: &mut Daemon, system: &str, witness: &str) -> Result<()> {
        let words =
            ["verify-checkpoint", "--tiles", "system-tiles", "--log-key", system, "--witness-key", witness, "--quorum", "1"];
        let once = || self.export("system", "system-tiles").and_then(|()| self.reads(&words)).unwrap_or(false);
        daemon.wait_until("the reader takes the cosigned checkpoint", once)?;
        let other = witness.replacen(WITNESS, "witness.test/w2", 1);
        let words =
            ["verify-checkpoint", "--tiles", "system-tiles", "--log-key", system, "--witness-key", &other, "--quorum", "1"];
        ensure!(!self.reads(&words)?, "the reader takes another witness's key");
        say::line("    the cosigned checkpoint of the installation log is taken");
        Ok(())
    }

    /// Entries, growth, and a changed byte.
    fn tiles(&self, key: &str) -> Result<()> {
        let with = |words: &[&str]| -> Vec<String> {
            words.iter().chain(&["--tiles", "dev-tiles", "--log-key", key]).map(|word| (*word).to_owned()).collect()
        };
        let accepts = |words: &[&str]| self.accepts(&with(words).iter().map(String::as_str).collect::<Vec<_>>());
        accepts(&["verify-checkpoint"])?;
        for index in ["0", "1", "255", "256", "299"] {
            accepts(&["verify-inclusion", "--index", index])?;
        }
        accepts(&["verify-consistency", "--old-checkpoint", "older"])?;
        let tile = self.path("dev-tiles/tile/0/000");
        let mut bytes = fs::read(&tile).context("there is no full tile")?;
        ensure!(bytes.len() == 8_192, "a full tile has 256 hashes");
        if let Some(byte) = bytes.get_mut(77) {
            *byte ^= 1;
        }
        fs::write(&tile, bytes).context("cannot change the tile")?;
        let refused = with(&["verify-inclusion", "--index", "5"]);
        ensure!(!self.reads(&refused.iter().map(String::as_str).collect::<Vec<_>>())?, "the reader takes a changed tile");
        say::line("    tiles, entries and growth of the tenant's log are taken, and a changed byte is not");
        Ok(())
    }
}
