//! `[log]`, `[redaction]`: what is told, and what is covered in it.

use scalbotics_core::redaction::Detect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// From which level on.
    pub level: LogLevel,
    /// JSON lines or text.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Json }
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What needs somebody.
    Error,
    /// What may need somebody.
    Warn,
    /// What happened.
    Info,
    /// How it happened.
    Debug,
    /// Every step.
    Trace,
}

/// The shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// `[redaction]`: values of the secret store are covered everywhere and always, and what looks like a secret in the log, in errors, in words of tools and
/// models and in what models are asked; this is about the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Redaction {
    /// Where personal data is covered: addresses of mail, telephone numbers, accounts, cards, national identifiers.
    pub personal_data: Vec<Sink>,
    /// Whether what looks like a secret is covered in results of tools too. Then a file that a workflow reads and writes back is another one.
    pub secrets_in_results: bool,
}

impl Default for Redaction {
    /// Operators read logs, and need to know nobody for it; agents may have to work with what people gave them.
    fn default() -> Self {
        Self { personal_data: vec![Sink::Logs], secrets_in_results: false }
    }
}

/// Where texts go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sink {
    /// Lines of the daemon's own log.
    Logs,
    /// Errors that calls of the API answer.
    Errors,
    /// What tools and models answer, as it is stored and goes on.
    Outputs,
    /// What models are asked.
    Prompts,
}

impl Redaction {
    /// What is looked for in what goes there.
    #[must_use]
    pub fn detect(&self, sink: Sink) -> Detect {
        if self.personal_data.contains(&sink) {
            Detect::SecretsAndPersonalData
        } else if sink == Sink::Outputs && !self.secrets_in_results {
            Detect::Nothing
        } else {
            Detect::Secrets
        }
    }
}
