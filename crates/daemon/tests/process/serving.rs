//! A running daemon.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::process::until;

/// Time that a daemon gets to answer or to drain; debug builds on a busy machine need a part of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon, killed when this is dropped, so that nothing outlives its test.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    admin: u16,
}

impl Daemon {
    /// Starts it; what it prints goes to the end of the log.
    pub(crate) fn spawn(mut command: Command, log: &Path, admin: u16) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, admin }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until it is ready; `false` when it ended before.
    pub(crate) fn is_ready(&mut self) -> bool {
        until("the daemon is ready", PATIENCE, || {
            if self.ended().is_some() {
                return Some(false);
            }
            (self.get("/readyz").0 == 200).then_some(true)
        })
    }

    /// Status and body of a page of the admin address; 0 when there is no answer.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        get(self.admin, path).unwrap_or_default()
    }

    /// `kill -9`, and waits for the end.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        until("the daemon ends", PATIENCE, || self.ended())
    }

    /// `kill -TERM`, and waits for the drain; answers how it ended and how long that took.
    pub(crate) fn stop(mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        self.signal(Signal::TERM);
        (self.wait(), start.elapsed())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn get(port: u16, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    Ok((status, body))
}
