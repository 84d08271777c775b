//! Running a program and looking at what it answered.

use std::io::Read;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Time that a command gets; the slowest one runs tests in a mount namespace of its own.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a finished command left.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) line: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl std::fmt::Debug for Answer {
    /// As a person would have seen it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, code, stdout, stderr } = self;
        write!(f, "\n$ {line}\nexit {code}\n-- stdout\n{stdout}\n-- stderr\n{stderr}")
    }
}

impl Answer {
    /// Runs a command to its end; one that does not end is killed, such as a daemon that was to refuse its start and serves.
    pub(crate) fn of(command: &mut Command) -> Self {
        let line = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{line}: {error}"));
        let (stdout, stderr) = (read(child.stdout.take().unwrap()), read(child.stderr.take().unwrap()));
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > end {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        Self::from(line, Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() })
    }

    pub(crate) fn from(line: String, output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        // A process that died by a signal has no code; shells give 128 and the signal's number.
        let code = output
            .status
            .code()
            .unwrap_or_else(|| 128 + std::os::unix::process::ExitStatusExt::signal(&output.status).unwrap_or_default());
        Self { line, code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The same answer, which has to have this exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The one JSON value on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The JSON values on standard output, one a line.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:#?}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The error of a command that ran with `-o json`: all four parts are there.
    #[track_caller]
    pub(crate) fn error(&self) -> Error {
        let parsed = self.stderr.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
        let Some(error) = parsed.and_then(|value| value.get("error").cloned()) else { panic!("no error: {self:#?}") };
        let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let error =
            Error { what: part("what"), code: part("code"), why: part("why"), next: part("next"), reference: part("ref") };
        for (name, text) in [("what", &error.what), ("code", &error.code), ("why", &error.why), ("next", &error.next)] {
            assert!(!text.is_empty(), "the error has no `{name}`: {self:#?}");
        }
        // Its form: a command as a whole, or words in which commands stand in backticks.
        crate::next_steps::commands(&error.next);
        error
    }
}

impl Answer {
    /// The error of a command of the daemon's, in words: all four parts are there.
    #[track_caller]
    pub(crate) fn error_in_words(&self) -> Error {
        let line = |begin: &str| {
            let found = self.stderr.lines().find_map(|line| line.strip_prefix(begin));
            found.unwrap_or_else(|| panic!("no `{begin}`: {self:#?}")).to_owned()
        };
        let (what, code) = (line("error: "), line("error: "));
        let code = code.rsplit_once('[').and_then(|(_, code)| code.strip_suffix(']')).unwrap_or_default().to_owned();
        let error = Error { what, code, why: line("  why: "), next: line(" next: "), reference: line("  ref: ") };
        crate::next_steps::commands(&error.next);
        error
    }
}

/// The parts of a printed error.
#[derive(Debug, Clone)]
pub(crate) struct Error {
    pub(crate) what: String,
    pub(crate) code: String,
    pub(crate) why: String,
    pub(crate) next: String,
    pub(crate) reference: String,
}

/// Reads a stream to its end beside the process that writes it.
fn read(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    })
}
