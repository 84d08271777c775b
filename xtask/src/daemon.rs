//! The daemon as a process of this one.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Time that the daemon gets to answer, and to drain; debug builds on a busy machine need a part of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Time between two looks.
const TICK: Duration = Duration::from_millis(20);

/// A daemon that runs; killed when this is dropped, so that nothing outlives xtask.
#[derive(Debug)]
pub(crate) struct Daemon(Child);

impl Daemon {
    /// Starts it; what it prints goes to the end of the log.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(log).context("cannot open the daemon's log")?;
        command.stdout(log.try_clone().context("cannot share the daemon's log")?).stderr(log);
        command.spawn().context("cannot start the daemon").map(Self)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Waits until `ready` says so; fails when the daemon ends first.
    pub(crate) fn wait_until(&mut self, what: &str, mut ready: impl FnMut() -> bool) -> Result<()> {
        let start = Instant::now();
        while !ready() {
            if let Some(status) = self.0.try_wait().context("cannot look at the daemon")? {
                bail!("the daemon ended ({status}) before {what}");
            }
            if start.elapsed() > PATIENCE {
                bail!("waited {} s in vain for this: {what}", PATIENCE.as_secs());
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    /// `kill -9`, and waits for the end.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.0.kill().context("cannot kill the daemon")?;
        self.0.wait().context("cannot wait for the daemon").map(drop)
    }

    /// `kill -TERM`, and waits for the drain; answers whether it ended well.
    pub(crate) fn stop(mut self) -> Result<bool> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).context("the daemon has no process id")?;
        kill_process(pid, Signal::TERM).context("cannot signal the daemon")?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.0.try_wait().context("cannot look at the daemon")? {
                return Ok(status.success());
            }
            std::thread::sleep(TICK);
        }
        bail!("the daemon did not drain within {} s", PATIENCE.as_secs())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::Daemon;

    fn start(script: &str) -> Daemon {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Daemon::start(command, "/dev/null".as_ref()).unwrap()
    }

    #[test]
    fn an_end_before_readiness_is_an_error() {
        let mut daemon = start("exit 4");
        assert!(daemon.wait_until("it answers", || false).unwrap_err().to_string().contains("before it answers"));
        start("exec sleep 60").wait_until("now", || true).unwrap();
    }

    #[test]
    fn signals_end_it() {
        start("exec sleep 60").kill().unwrap();
        assert!(!start("exec sleep 60").stop().unwrap());
    }
}
