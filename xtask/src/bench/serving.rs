//! The daemon as a process of this one.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::place::Place;

/// Time that the daemon gets to be ready, and to drain.
const PATIENCE: Duration = Duration::from_secs(30);

/// Time between two looks.
const TICK: Duration = Duration::from_millis(10);

/// What a daemon runs under.
#[derive(Debug, Clone, Copy)]
pub(super) enum Under<'a> {
    /// Nothing: as it is released.
    Nothing,
    /// A library that is loaded before all others, and writes to a file.
    Library(&'a Path, &'a Path),
    /// Nothing, and it is another program.
    Another(&'a Path),
    /// An emulator of this name that writes each instruction which it meets for the first time to a file.
    Emulator(&'a str, &'a Path),
}

impl Under<'_> {
    fn command(self, place: &Place) -> Command {
        let mut command = place.command("scalboticsd");
        match self {
            Self::Nothing => {}
            Self::Another(program) => {
                command = Command::new(program);
                command.stdin(Stdio::null());
            }
            Self::Library(library, file) => {
                command.env("LD_PRELOAD", library).env("SYNCS_FILE", file);
            }
            Self::Emulator(emulator, file) => {
                let program = command.get_program().to_owned();
                let mut emulated = Command::new(emulator);
                emulated.args(["-cpu", "max", "-d", "in_asm,page,nochain", "-D"]).arg(file).arg(program).stdin(Stdio::null());
                command = emulated;
            }
        }
        command.arg("--config").arg(place.config());
        command
    }
}

/// A daemon that serves; killed when this is dropped.
#[derive(Debug)]
pub(super) struct Daemon {
    child: Child,
    admin_port: u16,
}

impl Daemon {
    /// Starts it and waits until it is ready.
    pub(super) fn start(place: &Place, under: Under<'_>) -> Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(place.log()).context("cannot open the daemon's log")?;
        let mut command = under.command(place);
        command.stdout(log.try_clone().context("cannot share the daemon's log")?).stderr(log);
        let child = command.spawn().context("cannot start the daemon")?;
        let mut daemon = Self { child, admin_port: place.admin_port };
        let start = Instant::now();
        while !daemon.get("/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            if let Some(status) = daemon.child.try_wait().context("cannot look at the daemon")? {
                bail!("the daemon ended ({status}) before it was ready");
            }
            if start.elapsed() > PATIENCE {
                bail!("the daemon was not ready within {} s", PATIENCE.as_secs());
            }
            std::thread::sleep(TICK);
        }
        Ok(daemon)
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The sum of all series of this name.
    pub(super) fn metric(&self, name: &str) -> Result<f64> {
        let text = self.get("/metrics")?;
        Ok(total(&text, name))
    }

    /// What the admin address answers, head and body.
    fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.admin_port))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Ends it in good order.
    pub(super) fn stop(mut self) -> Result<()> {
        terminate(&mut self.child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _gone = self.child.kill();
            let _gone = self.child.wait();
        }
    }
}

/// `kill -TERM`, and waits for the end.
pub(super) fn terminate(child: &mut Child) -> Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("the process has no id")?;
    kill_process(pid, Signal::TERM).context("cannot signal the process")?;
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if child.try_wait().context("cannot look at the process")?.is_some() {
            return Ok(());
        }
        std::thread::sleep(TICK);
    }
    bail!("the daemon did not drain within {} s", PATIENCE.as_secs())
}

fn total(text: &str, name: &str) -> f64 {
    let series = text.lines().filter_map(|line| line.strip_prefix(name));
    let values =
        series.filter(|rest| rest.starts_with([' ', '{'])).filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn series_of_a_name_are_added_and_longer_names_are_not() {
        let text = "# TYPE a counter\na_total{x=\"y\"} 2\na_total{x=\"z\"} 3\na_total_more 7\nb_seconds_sum 0.5\n# EOF\n";
        assert_eq!((total(text, "a_total"), total(text, "b_seconds_sum"), total(text, "c")), (5.0, 0.5, 0.0));
    }
}
