//! What can go wrong at an issuer, in the four parts that people read.

use scalbotics_core::in_words;
use scalbotics_identity::holder::{id_token, roots};

use crate::codes;
use crate::failure::{Exit, Failure};

/// Longest text of an issuer that is shown, in characters.
const SHOWN_MAX: usize = 300;

/// Why an issuer's answer does not count, or none came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The context says something that cannot be used.
    #[error("{0}")]
    Setting(String),
    /// The file of authorities cannot be read.
    #[error("the file of authorities cannot be used")]
    Roots(#[from] roots::Error),
    /// TLS cannot be set up.
    #[error("cannot set TLS up")]
    Tls(#[from] rustls::Error),
    /// Nobody answers, or not in time.
    #[error("`{place}` does not answer: {reason}")]
    Unreachable {
        /// Where.
        place: String,
        /// What the network said.
        reason: String,
    },
    /// Another status than the protocol has.
    #[error("`{place}` answers with status {status}; redirects are not followed")]
    Status {
        /// Where.
        place: String,
        /// The status.
        status: u16,
    },
    /// The answer is too long.
    #[error("`{place}` answers with more than {most} bytes")]
    TooLong {
        /// Where.
        place: String,
        /// What is read at most.
        most: usize,
    },
    /// The answer is no document of the protocol, or says something that it must not.
    #[error("`{place}` is not usable: {reason}")]
    Document {
        /// Where.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The issuer does not offer what was asked for.
    #[error("the identity provider offers no {0}")]
    NotOffered(&'static str),
    /// The issuer says no (RFC 6749 §4.1.2.1, §5.2; RFC 8628 §3.5).
    #[error("the identity provider says {code}{}", told(.description))]
    Denied {
        /// Its code.
        code: String,
        /// Its words, which may be empty.
        description: String,
    },
    /// The ID token does not answer this login.
    #[error(transparent)]
    IdToken(#[from] id_token::Error),
    /// The browser came back with something else than an answer to this login.
    #[error("{0}")]
    Callback(&'static str),
    /// The person took too long.
    #[error("nobody logged in within {seconds} s")]
    TooLate {
        /// How long was waited.
        seconds: u64,
    },
    /// Something on this machine.
    #[error("{what}")]
    Local {
        /// What was attempted.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// No random bytes.
    #[error("no random bytes can be drawn")]
    Entropy,
}

fn told(description: &str) -> String {
    if description.is_empty() { String::new() } else { format!(" ({description})") }
}

/// Text of an issuer, cut to what a person reads.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}

impl Error {
    /// A document that does not count.
    pub(super) fn document(place: &impl ToString, reason: impl Into<String>) -> Self {
        Self::Document { place: place.to_string(), reason: reason.into() }
    }

    /// Whether the issuer took the login back: a refresh token that is over is no use to keep.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Denied { code, .. } if code == "invalid_grant")
    }

    /// The failure that a person reads, of something that was attempted.
    pub(crate) fn failure(&self, attempt: &str) -> Failure {
        let (exit, code, next) = match self {
            Self::Setting(_) | Self::Roots(_) => (Exit::Usage, codes::ISSUER, "scalbotics context add --help"),
            Self::Unreachable { .. } => {
                (Exit::Unreachable, codes::ISSUER, "try again when it answers; `scalbotics login --status` shows what is kept")
            }
            Self::Status { .. } | Self::TooLong { .. } | Self::Document { .. } => (
                Exit::Failed,
                codes::ISSUER,
                "ask who runs the identity provider, and compare the address in `scalbotics context list -o wide`",
            ),
            Self::NotOffered("login by device code") => {
                (Exit::Failed, codes::ISSUER, "give `scalbotics login` the flag --headless")
            }
            Self::NotOffered(_) => (Exit::Failed, codes::ISSUER, "give `scalbotics login` the flag --device"),
            Self::Denied { .. } | Self::IdToken(_) | Self::Callback(_) => (Exit::NotLoggedIn, codes::LOGIN, "scalbotics login"),
            Self::TooLate { .. } => (Exit::TimedOut, codes::LOGIN, "scalbotics login"),
            Self::Tls(_) | Self::Local { .. } | Self::Entropy => (Exit::Failed, codes::BROKEN, "scalbotics doctor"),
        };
        Failure::new(exit, code, attempt).why(in_words(self)).next(next)
    }
}
