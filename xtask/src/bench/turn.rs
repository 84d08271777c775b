//! One turn of an agent: two answers of a model that thinks no time, and one tool, beside frameworks that journal nothing.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::json;

use super::figure::{Bound, Figure, Samples, number};
use super::place::{DRIVEN, Place};
use super::serving::{Daemon, Under};
use super::{probe, reading};
use crate::cargo;

/// What the agent is asked.
pub(super) const GOAL: &str = "Read the note.";

/// What the model says in the end; the peers' program knows it too.
const SAID: &str = "The note has 27 lines.";

/// The peers, with everything that they need, pinned.
const REQUIREMENTS: &str = include_str!("peers/requirements.txt");

/// The program that runs them.
const PROGRAM: &str = include_str!("peers/turn.py");

/// Rounds before those that count.
const WARM_UP: usize = 50;

/// Turns of a peer.
#[derive(Debug, Deserialize)]
struct Peer {
    turn_us: Vec<u64>,
    cpu_us: u64,
}

/// A model server that ends with this.
pub(super) struct Model(Child);

impl Drop for Model {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

impl Model {
    /// Starts the scripted server, which gives the same two answers again and again.
    pub(super) fn start(place: &Place) -> Result<Self> {
        let script = json!([{"call": [{"name": "fs_read", "arguments": {"path": "work/note.txt"}}]}, {"say": SAID}]);
        let file = place.path("script.json");
        std::fs::write(&file, script.to_string()).context("cannot write the model's script")?;
        let mut command = place.command("scalbotics-scripted-model");
        command.arg("--script").arg(&file).args(["--port", &place.model_port.to_string(), "--repeat"]);
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start the model server")?;
        let out = child.stdout.take().context("the model server has no output")?;
        let model = Self(child);
        // It prints its address once it listens.
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).context("cannot read what the model server says")?;
        if line.is_empty() { bail!("the model server ended at once") } else { Ok(model) }
    }
}

/// The time of a turn as the one who submits the task sees it, and how it stands beside the fastest peer.
pub(super) fn agent(root: &Path, place: &Place, rounds: usize) -> Result<(Vec<Figure>, Vec<String>)> {
    let python = install(root)?;
    let _model = Model::start(place)?;
    let daemon = Daemon::start(place, Under::Nothing)?;
    probe::goals(place, DRIVEN, GOAL, (0, WARM_UP))?;
    let before = reading::cpu_ms(daemon.pid())?;
    let measured = probe::goals(place, DRIVEN, GOAL, (0, rounds))?;
    let cpu_ms = (reading::cpu_ms(daemon.pid())? - before) / number(u64::try_from(rounds)?);
    daemon.stop()?;
    let ours = Samples::of(measured.of(GOAL));
    let peers = peers(place, &python, rounds)?;
    let mut notes = vec![format!(
        "agent turn: p50 {:.2} ms, p90 {:.2}, p99 {:.2}, CPU of the daemon {cpu_ms:.2} ms a turn, journal and audit on",
        ours.p50_ms(),
        ours.percentile_ms(90),
        ours.percentile_ms(99)
    )];
    let mut fastest = f64::INFINITY;
    for (name, peer) in peers {
        let samples = Samples::of(peer.turn_us);
        fastest = fastest.min(samples.p50_ms());
        notes.push(format!(
            "agent turn of {name} {}: p50 {:.2} ms, p99 {:.2}, CPU {:.2} ms a turn, nothing is kept",
            version(&name),
            samples.p50_ms(),
            samples.percentile_ms(99),
            number(peer.cpu_us) / 1_000.0
        ));
    }
    let what = format!("agent turn, two answers of a model and one tool, journalled, p50 of {}", ours.count());
    let turn = Figure { id: "agent-turn", what, measured: ours.p50_ms(), unit: "ms", limit: Bound::Most(3.0), goal: None };
    let what = "agent turn by that of the faster of LangGraph and Agno, which keep nothing, p50".to_owned();
    let beside = Figure {
        id: "agent-turn-peers",
        what,
        measured: ours.p50_ms() / fastest,
        unit: "x",
        limit: Bound::Most(1.0),
        goal: None,
    };
    Ok((vec![turn, beside], notes))
}

/// The version that is pinned.
fn version(name: &str) -> &'static str {
    let pin = |line: &'static str| line.split_once("==").filter(|(package, _)| *package == name).map(|(_, version)| version);
    REQUIREMENTS.lines().find_map(pin).unwrap_or_default()
}

/// A Python with the peers, made once.
fn install(root: &Path) -> Result<PathBuf> {
    let home = cargo::target_directory(root)?.join("tools").join("bench-peers");
    let (python, mark) = (home.join("bin/python"), home.join("requirements.txt"));
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == REQUIREMENTS) {
        return Ok(python);
    }
    let wanted = home.with_extension("txt");
    std::fs::create_dir_all(home.parent().unwrap_or(&home)).context("cannot make the tools folder")?;
    std::fs::write(&wanted, REQUIREMENTS).context("cannot write the requirements")?;
    let mut make = cargo::program(root, Path::new("python3"));
    cargo::step("bench: a Python for LangGraph and Agno", make.args(["-m", "venv", "--clear"]).arg(&home))?;
    let mut fetch = cargo::program(root, &python);
    fetch.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "-r"]).arg(&wanted);
    cargo::step("bench: fetch LangGraph and Agno", &mut fetch)?;
    std::fs::rename(&wanted, &mark).context("cannot note what is installed")?;
    Ok(python)
}

fn peers(place: &Place, python: &Path, rounds: usize) -> Result<BTreeMap<String, Peer>> {
    let program = place.path("turn.py");
    std::fs::write(&program, PROGRAM).context("cannot write the peers' program")?;
    let mut command = Command::new(python);
    command.arg(&program).arg(format!("http://127.0.0.1:{}/v1", place.model_port)).arg(place.path("work/note.txt"));
    command.args([rounds.to_string(), WARM_UP.to_string()]).stdin(Stdio::null());
    serde_json::from_str(&cargo::output(&mut command)?).context("the peers answered something else")
}

#[cfg(test)]
mod tests {
    use super::{PROGRAM, REQUIREMENTS, SAID, version};

    #[test]
    fn the_peers_are_pinned_and_hear_the_same() {
        assert!(REQUIREMENTS.lines().all(|line| line.split_once("==").is_some_and(|(_, version)| !version.is_empty())));
        assert!(!version("langgraph").is_empty() && !version("agno").is_empty());
        assert!(PROGRAM.contains(SAID));
    }
}
