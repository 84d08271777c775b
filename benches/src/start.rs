//! From exec to the first authenticated answer.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use tokio::time::Instant;

use crate::client::Person;
use crate::spent::micros;

/// Time between two looks at a daemon that drains.
const TICK: Duration = Duration::from_millis(5);

/// Which daemon, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The daemon's program
    #[arg(long)]
    daemon: PathBuf,
    /// The configuration that it serves
    #[arg(long)]
    config: PathBuf,
    /// Where the command line keeps its contexts
    #[arg(long)]
    pub(crate) config_dir: PathBuf,
    /// Who asks
    #[arg(long)]
    pub(crate) context: String,
    /// Where the daemon's log goes
    #[arg(long)]
    log: PathBuf,
    /// How many starts are measured
    #[arg(long, default_value_t = 20)]
    pub(crate) runs: usize,
}

/// What was measured, in microseconds from just before fork and exec.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Samples {
    /// Until the TLS handshake was done.
    connected_us: Vec<u64>,
    /// Until an authenticated call with a token of before was answered.
    answered_us: Vec<u64>,
}

/// Starts the daemon again and again. The first start is not counted: it gets the token that the others use.
pub(crate) async fn measure(options: &Options) -> Result<Samples> {
    let person = Person::load(&options.config_dir, &options.context)?;
    let token = first(options, &person).await?;
    let mut samples = Samples::default();
    for _ in 0..options.runs {
        let begun = Instant::now();
        let mut daemon = Daemon::spawn(options)?;
        let channel = person.connect(|| daemon.is_alive()).await.context("the daemon does not answer")?;
        let connected = begun.elapsed();
        person.prove(&channel, &token).await.context("the first call failed")?;
        samples.answered_us.push(micros(begun.elapsed()));
        samples.connected_us.push(micros(connected));
        drop(channel);
        daemon.stop().await?;
    }
    Ok(samples)
}

async fn first(options: &Options, person: &Person) -> Result<String> {
    let mut daemon = Daemon::spawn(options)?;
    let channel = person.connect(|| daemon.is_alive()).await.context("the daemon does not answer")?;
    let token = person.log_in(&channel).await.context("cannot log in")?;
    daemon.stop().await?;
    Ok(token)
}

/// A daemon that is ended when this is dropped.
pub(crate) struct Daemon(Child);

impl Daemon {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no such program, or no log.
    pub(crate) fn spawn(options: &Options) -> Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(&options.log).context("cannot open the daemon's log")?;
        let mut command = Command::new(&options.daemon);
        command.arg("--config").arg(&options.config).stdin(Stdio::null());
        command.stdout(log.try_clone().context("cannot share the log")?).stderr(log);
        command.spawn().context("cannot start the daemon").map(Self)
    }

    /// Whether it runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// Ends it as a service manager does. The client's end of the connection is served meanwhile: the drain waits for it.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw).context("the daemon has no id")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).context("cannot signal the daemon")?;
        while self.is_alive() {
            tokio::time::sleep(TICK).await;
        }
        Ok(())
    }

    /// Ends it by `kill -9`.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.0.kill().and_then(|()| self.0.wait()).context("cannot kill the daemon").map(drop)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.is_alive() {
            let _gone = self.0.kill();
            let _gone = self.0.wait();
        }
    }
}
