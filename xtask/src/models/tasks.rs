//! Tasks of agents that the model drives, through `scalbotics dev` with the programs that are shipped.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::installation::{Installation, NOTE, READER, TALKER};
use super::server::{self, Server};
use crate::daemon::Daemon;
use crate::{ports, say};

/// Time that a task gets: some hundred tokens on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Time in which an answer that nobody waits for has to be over, at both ends.
const SOON: Duration = Duration::from_secs(5);

/// Time between two looks.
const TICK: Duration = Duration::from_millis(50);

/// Tokens that are heard before a task is canceled: enough to know that they come one by one.
const HEARD: u64 = 8;

/// Failures that end what a small model does not bring to an end itself.
const DEFINED: [&str; 3] = ["NO_PROGRESS", "TURNS_EXHAUSTED", "MODEL_FAILED"];

/// Starts an installation and runs everything.
pub(super) fn run(installation: &Installation, server: &Server) -> Result<()> {
    installation.desire(&server.base_url())?;
    let port = ports::free_pair()?;
    let mut command = installation.program("scalbotics", &["dev", "--port", &port.to_string(), "--persist"]);
    command.arg(installation.path("box"));
    command.arg("--desired").arg(installation.path("desired")).arg("--workspace-root").arg(installation.path("work"));
    let log = installation.path("daemon.log");
    let mut daemon = Daemon::start(command, &log)?;
    let is_ready = || server::get(port + 1, "readyz").is_ok() && installation.ask(&["whoami"]).is_ok();
    daemon.wait_until("it is ready", is_ready).with_context(|| format!("its log is {}", log.display()))?;
    reads_a_file(installation, server, port + 1)?;
    canceled(installation, server)?;
    let after = rest(installation, &submit(installation, READER, &format!("Read the file {NOTE}"))?)?;
    ended(&after)?;
    say::line(&format!("    after it: the next task is {}", text(&after, "/status")));
    installation.ask(&["audit", "verify"])?;
    say::line("    audit verify: holds");
    ensure!(daemon.stop()?, "the daemon did not end well; its log is {}", log.display());
    Ok(())
}

/// A task whose model asks for a file, hears it and says its last word. The programs counts of tokens are the server's.
fn reads_a_file(installation: &Installation, server: &Server, admin: u16) -> Result<()> {
    let said_before = server.said()?;
    let task = submit(installation, READER, &format!("Read the file {NOTE}"))?;
    let shown = rest(installation, &task)?;
    ended(&shown)?;
    let calls = shown.get("calls").and_then(Value::as_array).context("the task shows no calls")?;
    let steps: Vec<(&str, &str)> = calls.iter().map(|call| (text(call, "/step"), text(call, "/tool"))).collect();
    ensure!(steps.starts_with(&[("turn-1", "model.call"), ("turn-1.call-1", "fs.read"), ("turn-2", "model.call")]), "{shown:#}");
    ensure!(calls.iter().take(3).all(|call| text(call, "/phase") == "landed"), "each is an effect that landed: {shown:#}");
    let metrics = server::get(admin, "metrics")?;
    let tokens = |of: &str| server::count(&metrics, &format!("scalbotics_model_tokens_total{{type=\"{of}\"}}"));
    let (input, output) = (tokens("input")?, tokens("output")?);
    let used = shown.get("tokens_used").and_then(Value::as_u64).unwrap_or_default();
    ensure!(input > 0 && output > 0 && used == input + output, "{used} tokens on the account, {input} + {output} counted");
    let said = server.said()? - said_before;
    ensure!(output == said, "{output} tokens of answers counted, the server counts {said}");
    let result = if text(&shown, "/status") == "COMPLETED" { installation.ask(&["task", "result", &task])? } else { Value::Null };
    say::line(&format!(
        "    a task: {} turns, {used} tokens ({output} of answers, as the server counts), {}, {}",
        steps.iter().filter(|(_, tool)| *tool == "model.call").count(),
        text(&shown, "/status"),
        text(&result, "/text"),
    ));
    Ok(())
}

/// A task that is canceled while the model speaks: the connection is closed, and the server's only place is free, at once.
fn canceled(installation: &Installation, server: &Server) -> Result<()> {
    let task = submit(installation, TALKER, "Tell me a very long story about a lighthouse. Do not stop.")?;
    let heard = until("the model speaks", PATIENCE, || Ok(server.under_way()?.filter(|said| *said >= HEARD)))?;
    ensure!(server.connections()? == 1, "one connection carries the answer");
    let begun = Instant::now();
    installation.ask(&["task", "cancel", &task])?;
    until("the connection is closed and the place is free", SOON, || {
        Ok((server.connections()? == 0 && server.under_way()?.is_none()).then_some(()))
    })?;
    let took = begun.elapsed();
    let shown = rest(installation, &task)?;
    ensure!(text(&shown, "/status") == "CANCELED", "{shown:#}");
    say::line(&format!("    canceled after {heard} tokens: connection closed and the server's place free within {took:.1?}"));
    Ok(())
}

/// A task is over in a state that has a name: completed, or given up for one of few reasons.
fn ended(shown: &Value) -> Result<()> {
    let (status, failure) = (text(shown, "/status"), text(shown, "/failure"));
    ensure!(status == "COMPLETED" || status == "FAILED" && DEFINED.contains(&failure), "{shown:#}");
    Ok(())
}

fn submit(installation: &Installation, agent: &str, goal: &str) -> Result<String> {
    let shown = installation.ask(&["task", "run", "--agent", agent, "--detach", goal])?;
    Ok(text(&shown, "/name").to_owned())
}

/// The task when it is over.
fn rest(installation: &Installation, task: &str) -> Result<Value> {
    until("the task is over", PATIENCE, || {
        let shown = installation.ask(&["task", "show", task])?;
        Ok(Some(shown).filter(|shown| !["SUBMITTED", "WORKING"].contains(&text(shown, "/status"))))
    })
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if let Some(found) = look()? {
            return Ok(found);
        }
        std::thread::sleep(TICK);
    }
    bail!("waited {} s in vain for this: {what}", patience.as_secs())
}
