//! What a check found.

use scalbotics_core::in_words;
use scalbotics_core::tenant::TenantId;
use serde_json::{Value, json};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it must be.
    Ok,
    /// It works, and somebody should know.
    Warn,
    /// It does not work.
    Fail,
}

impl Outcome {
    /// The word, as the command line prints it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One check and what it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked.
    pub check: &'static str,
    /// How it came out; of what was mended, after that.
    pub outcome: Outcome,
    /// What was found.
    pub detail: String,
    /// What to do; empty where nothing is.
    pub next: String,
    /// What `--fix` did.
    pub fixed: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, outcome: Outcome::Ok, detail: detail.into(), next: String::new(), fixed: None }
    }

    pub(super) fn warn(check: &'static str, detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self { check, outcome: Outcome::Warn, detail: detail.into(), next: next.into(), fixed: None }
    }

    pub(super) fn fail(check: &'static str, detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self { check, outcome: Outcome::Fail, detail: detail.into(), next: next.into(), fixed: None }
    }

    /// One that an error says, in all its words.
    pub(super) fn error(check: &'static str, error: &dyn std::error::Error, next: impl Into<String>) -> Self {
        Self::fail(check, in_words(error), next)
    }

    /// The same of another tenant than the operating one.
    pub(super) fn of_tenant(self, tenant: &TenantId) -> Self {
        Self { detail: format!("tenant `{tenant}`: {}", self.detail), ..self }
    }

    /// The same, mended where `fix` is wanted and succeeds.
    pub(super) fn mended(self, fix: bool, mend: impl FnOnce() -> std::io::Result<String>) -> Self {
        if !fix || self.outcome == Outcome::Ok {
            return self;
        }
        match mend() {
            Ok(done) => Self { outcome: Outcome::Ok, next: String::new(), fixed: Some(done), ..self },
            Err(error) => Self { detail: format!("{}; it could not be mended: {error}", self.detail), ..self },
        }
    }

    /// The finding, for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "name": self.check, "result": self.outcome.word(), "detail": self.detail, "next": self.next,
            "fixed": self.fixed.clone().unwrap_or_default(),
        })
    }
}
