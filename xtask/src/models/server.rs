//! The model server, as a process of this one.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::installation::Installation;
use super::wheels::Wheels;
use crate::{ports, say};

/// The program that starts it.
const PROGRAM: &str = include_str!("serve.py");

/// How it writes a conversation down for the model.
const TEMPLATE: &str = include_str!("chat.jinja");

/// How long the server may take to load its weights.
const READY: Duration = Duration::from_secs(60);

/// How long one answer about itself may take: it gives none while it reads a long question.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time between two looks.
const TICK: Duration = Duration::from_millis(50);

/// Most bytes of an answer about itself; that of its one place has some 2 KiB.
const ANSWER_LEN_MAX: u64 = 1 << 20;

/// A server that ends with this, or with this program, however that ends: it reads its standard input to the end.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Server {
    /// Starts it, and waits until its weights are loaded.
    pub(super) fn start(wheels: &Wheels, installation: &Installation) -> Result<Self> {
        let (program, template, log) =
            (installation.path("serve.py"), installation.path("chat.jinja"), installation.path("server.log"));
        std::fs::write(&program, PROGRAM).context("cannot write the server's program")?;
        std::fs::write(&template, TEMPLATE).context("cannot write the server's template")?;
        let port = ports::free_pair()?;
        let out = File::create(&log).context("cannot write the server's log")?;
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", &wheels.home).env("PYTHONNOUSERSITE", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        command.arg(&program).arg(wheels.weights()).arg(&template).arg(port.to_string()).stdin(Stdio::piped());
        command.stderr(out.try_clone().context("cannot share the server's log")?).stdout(out);
        let child = command.spawn().context("the model server cannot be started: is there a python3?")?;
        let mut server = Self { child, port, log };
        server.wait_ready()?;
        Ok(server)
    }

    /// Base of its OpenAI-compatible API.
    pub(super) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    fn wait_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < READY {
            if let Some(status) = self.child.try_wait().context("cannot look at the model server")? {
                bail!("the model server ended ({status}); its words are in `{}`", self.log.display());
            }
            if self.get("health").is_ok() {
                say::line(&format!("    model server: ready after {:.1} s", begun.elapsed().as_secs_f64()));
                return Ok(());
            }
            std::thread::sleep(TICK);
        }
        bail!("the model server was not ready within {} s; its words are in `{}`", READY.as_secs(), self.log.display())
    }

    /// The tokens that its one place has said of the answer under way; nothing while the place is free.
    pub(super) fn under_way(&self) -> Result<Option<u64>> {
        let places: Value =
            serde_json::from_str(&self.get("slots")?).context("the model server tells of its places in other words")?;
        let busy = places.pointer("/0/is_processing").and_then(Value::as_bool);
        let said = places.pointer("/0/next_token/0/n_decoded").or_else(|| places.pointer("/0/next_token/n_decoded"));
        Ok(busy
            .context("the model server does not tell whether its place is free")?
            .then(|| said.and_then(Value::as_u64).unwrap_or_default()))
    }

    /// The tokens of all its answers, by its own count.
    pub(super) fn said(&self) -> Result<u64> {
        count(&self.get("metrics")?, "llamacpp:tokens_predicted_total")
    }

    /// Open connections to it, of whoever: those of this program end before it looks.
    pub(super) fn connections(&self) -> Result<usize> {
        let table = std::fs::read_to_string("/proc/net/tcp").context("cannot look at connections")?;
        Ok(table.lines().filter(|line| is_open_to(line, self.port)).count())
    }

    fn get(&self, path: &str) -> Result<String> {
        get(self.port, path)
    }
}

/// What a server of this machine answers to a plain request.
pub(super) fn get(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /{path} HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_LEN_MAX).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without an end of its head")?;
    if !head.starts_with("HTTP/1.") || head.get(9..12) != Some("200") {
        bail!("/{path} was answered by {}", head.lines().next().unwrap_or_default());
    }
    Ok(body.to_owned())
}

/// The value of a series in the text form of Prometheus; 0 where it was never counted.
pub(super) fn count(metrics: &str, series: &str) -> Result<u64> {
    let Some(value) = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')) else { return Ok(0) };
    value.trim().parse().with_context(|| format!("`{series}` is no number: {value}"))
}

/// Whether a line of `/proc/net/tcp` is a connection to this port of 127.0.0.1 that is established on its caller's side.
fn is_open_to(line: &str, port: u16) -> bool {
    let mut fields = line.split_whitespace().skip(2);
    fields.next() == Some(format!("0100007F:{port:04X}").as_str()) && fields.next() == Some("01")
}

#[cfg(test)]
mod tests {
    use super::{count, is_open_to};

    #[test]
    fn connections_are_read_off_the_kernel_s_table() {
        let line =
            |remote: &str, state: &str| format!("  12: 0100007F:C4D2 {remote} {state} 00000000:00000000 00:00000000 00000000");
        assert!(is_open_to(&line("0100007F:2712", "01"), 10_002));
        for (remote, state) in [("0100007F:2713", "01"), ("0100007F:2712", "06"), ("0200007F:2712", "01")] {
            assert!(!is_open_to(&line(remote, state), 10_002), "{remote} {state}");
        }
        assert!(!is_open_to("  sl  local_address rem_address   st", 10_002));
    }

    #[test]
    fn series_are_read_off_metrics() {
        let text = "# HELP a b\n# TYPE a counter\na{type=\"x\"} 12\nab 3\n";
        assert_eq!((count(text, "a{type=\"x\"}").unwrap(), count(text, "ab").unwrap(), count(text, "a").unwrap()), (12, 3, 0));
        assert!(count("a 1.5e9x\n", "a").is_err());
    }
}
