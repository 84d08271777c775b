//! Errors as a person or a script reads them: always what, why, next, reference (cli.md), and the exit code.

use std::io::Write as _;
use std::process::ExitCode;

use scalbotics_core::in_words;
use serde_json::json;
use tonic_types::StatusExt as _;

use crate::codes::{self, Code};
use crate::output::{Format, escape, escape_json};

/// Exit codes, as `scalbotics help exit-codes` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command failed.
    Failed,
    /// The command line is wrong.
    Usage,
    /// Not logged in.
    NotLoggedIn,
    /// Denied by policy.
    Denied,
    /// Waits for approval.
    Waiting,
    /// Conflict with something that exists.
    Conflict,
    /// The daemon is not reachable.
    Unreachable,
    /// A wait timed out.
    TimedOut,
    /// Not found.
    NotFound,
    /// The reader of stdout has gone: what a program killed by SIGPIPE shows.
    Closed,
}

/// Every exit code with its meaning.
pub(crate) const EXIT_CODES: &[(u8, &str)] = &[
    (0, "ok"),
    (1, "failed"),
    (2, "usage"),
    (4, "not logged in, or a task waits for a login"),
    (5, "denied by policy"),
    (6, "waiting for approval"),
    (7, "conflict"),
    (8, "daemon unreachable"),
    (9, "wait timed out"),
    (10, "not found"),
    (130, "interrupted"),
    (141, "the reader of the output has gone"),
    (143, "terminated"),
];

impl Exit {
    /// The number.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotLoggedIn => 4,
            Self::Denied => 5,
            Self::Waiting => 6,
            Self::Conflict => 7,
            Self::Unreachable => 8,
            Self::TimedOut => 9,
            Self::NotFound => 10,
            Self::Closed => 141,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.number().into()
    }
}

/// One failed command; boxed, since it travels in every result and is rare.
#[derive(Debug)]
pub(crate) struct Failure(Box<Parts>);

impl std::ops::Deref for Failure {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The parts of a failure.
#[derive(Debug)]
pub(crate) struct Parts {
    /// What was attempted on what.
    pub(crate) what: String,
    /// The code, with a page in the docs.
    pub(crate) code: String,
    /// Why.
    pub(crate) why: String,
    /// The next step: a command as a whole, or words in which commands stand in backticks.
    pub(crate) next: String,
    /// Request id and trace id, where a request was made.
    pub(crate) reference: String,
    /// Exit code.
    pub(crate) exit: Exit,
}

impl Failure {
    /// A failure of the command line itself.
    pub(crate) fn new(exit: Exit, code: Code, what: impl Into<String>) -> Self {
        Self::told(exit, code.name(), what)
    }

    /// A failure under a code of the daemon's.
    pub(crate) fn told(exit: Exit, code: &str, what: impl Into<String>) -> Self {
        let (why, reference) = (String::new(), String::new());
        let next = format!("read the page errors/{code} of the documentation");
        Self(Box::new(Parts { what: what.into(), code: code.to_owned(), why, next, reference, exit }))
    }

    /// The same failure with its reason.
    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.0.why = why.into();
        self
    }

    /// The same failure with the next step.
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.0.next = next.into();
        self
    }

    /// Something that should not happen on a sound machine.
    pub(crate) fn internal(what: &str, source: &dyn std::error::Error) -> Self {
        Self::new(Exit::Failed, codes::BROKEN, what).why(in_words(source)).next("scalbotics doctor")
    }

    /// A wrong command line.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, codes::USAGE, what)
    }

    /// Writes the four parts to stderr, as JSON where JSON was asked for; nothing when nobody reads any more.
    pub(crate) fn report(&self, format: Format) {
        if self.exit == Exit::Closed {
            return;
        }
        let mut stderr = anstream::stderr().lock();
        let text = match format {
            Format::Json | Format::Jsonl => {
                let error = json!({
                    "error": {
                        "what": self.what, "code": self.code, "why": self.why, "next": self.next,
                        "ref": self.reference, "docs": format!("errors/{}", self.code), "exit": self.exit.number(),
                    }
                });
                escape_json(&error.to_string())
            }
            Format::Table | Format::Wide | Format::Yaml | Format::Name => self.text(),
        };
        let _closed_stderr = writeln!(stderr, "{text}");
    }

    fn text(&self) -> String {
        let bold = anstyle::Style::new().bold();
        let red = anstyle::AnsiColor::Red.on_default().bold();
        let mut text = format!("{red}error{red:#}: {bold}{}{bold:#} [{}]", escape(&self.what), escape(&self.code));
        for (label, part) in [("  why", &self.why), (" next", &self.next), ("  ref", &self.reference)] {
            if !part.is_empty() {
                text.push_str(&format!("\n{label}: {}", escape(part)));
            }
        }
        let separator = if self.reference.is_empty() { "\n  ref: " } else { "  " };
        text.push_str(&format!("{separator}docs: errors/{}", escape(&self.code)));
        text
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let code = info.map_or_else(|| undetailed(status.code()).name().to_owned(), |info| info.reason.clone());
        let meta = |key: &str| info.and_then(|info| info.metadata.get(key).cloned()).unwrap_or_default();
        let request = details.request_info().map(|r| r.request_id.clone()).unwrap_or_default();
        let trace = meta("trace");
        let mut reference = Vec::new();
        if !request.is_empty() {
            reference.push(format!("request {request}"));
        }
        if !trace.is_empty() {
            reference.push(format!("trace {trace}"));
        }
        let next = match meta("next") {
            next if next.is_empty() && status.code() == tonic::Code::Unauthenticated => "scalbotics login".to_owned(),
            next if next.is_empty() && info.is_none() => "scalbotics doctor".to_owned(),
            next => next,
        };
        Self(Box::new(Parts {
            what: if status.message().is_empty() { "the call failed".to_owned() } else { status.message().to_owned() },
            code,
            why: match meta("why") {
                why if why.is_empty() => std::error::Error::source(&status).map(in_words).unwrap_or_default(),
                why => why,
            },
            next,
            reference: reference.join("  "),
            exit: exit_of(status.code()),
        }))
    }
}

/// The code of an answer without details: it is not the daemon's own, but the transport's.
fn undetailed(code: tonic::Code) -> Code {
    match code {
        tonic::Code::Unauthenticated => codes::UNAUTHENTICATED,
        tonic::Code::Unavailable => codes::UNREACHABLE,
        tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => codes::TIMED_OUT,
        tonic::Code::Ok
        | tonic::Code::Unknown
        | tonic::Code::InvalidArgument
        | tonic::Code::NotFound
        | tonic::Code::AlreadyExists
        | tonic::Code::PermissionDenied
        | tonic::Code::ResourceExhausted
        | tonic::Code::FailedPrecondition
        | tonic::Code::Aborted
        | tonic::Code::OutOfRange
        | tonic::Code::Unimplemented
        | tonic::Code::Internal
        | tonic::Code::DataLoss => codes::PROTOCOL,
    }
}

fn exit_of(code: tonic::Code) -> Exit {
    match code {
        tonic::Code::InvalidArgument | tonic::Code::OutOfRange => Exit::Usage,
        tonic::Code::Unauthenticated => Exit::NotLoggedIn,
        tonic::Code::PermissionDenied => Exit::Denied,
        tonic::Code::AlreadyExists | tonic::Code::Aborted | tonic::Code::FailedPrecondition => Exit::Conflict,
        tonic::Code::Unavailable => Exit::Unreachable,
        tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => Exit::TimedOut,
        tonic::Code::NotFound => Exit::NotFound,
        tonic::Code::Ok
        | tonic::Code::Unknown
        | tonic::Code::ResourceExhausted
        | tonic::Code::Unimplemented
        | tonic::Code::Internal
        | tonic::Code::DataLoss => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_without_details_still_has_four_parts() {
        let failure = Failure::from(tonic::Status::unauthenticated("token is over"));
        assert_eq!(failure.exit, Exit::NotLoggedIn);
        assert_eq!(failure.next, "scalbotics login");
        assert!(failure.text().contains("docs: errors/UNAUTHENTICATED"));
    }

    #[test]
    fn hostile_text_is_escaped() {
        let failure = Failure::new(Exit::Failed, codes::FAILED, "a\u{1b}[2Jb\u{202e}c").why("d\nnext: curl evil");
        let text = failure.text();
        assert!(!text.contains('\u{202e}') && !text.contains("\u{1b}[2J") && !text.contains("\nnext: curl"), "{text}");
    }

    #[test]
    fn every_exit_code_is_explained() {
        for exit in [
            Exit::Failed,
            Exit::Usage,
            Exit::NotLoggedIn,
            Exit::Denied,
            Exit::Waiting,
            Exit::Conflict,
            Exit::Unreachable,
            Exit::TimedOut,
            Exit::NotFound,
            Exit::Closed,
        ] {
            assert!(EXIT_CODES.iter().any(|(number, _)| *number == exit.number()), "{exit:?}");
        }
    }

    #[test]
    fn a_status_of_the_transport_is_no_code_of_the_daemon() {
        let cases = [
            (tonic::Status::unavailable("gone"), "CLI_UNREACHABLE", Exit::Unreachable),
            (tonic::Status::cancelled("Timeout expired"), "CLI_TIMED_OUT", Exit::TimedOut),
            (tonic::Status::deadline_exceeded(""), "CLI_TIMED_OUT", Exit::TimedOut),
            (tonic::Status::unknown("x"), "CLI_PROTOCOL", Exit::Failed),
        ];
        for (status, code, exit) in cases {
            let failure = Failure::from(status);
            assert_eq!((failure.code.as_str(), failure.exit), (code, exit));
            assert!(!failure.what.is_empty() && failure.next == "scalbotics doctor");
        }
    }
}
