//! How long what tasks were given, did and said is kept.
//!
//! It stands here and not in desired state: what is erased does not come back, so that it is who keeps the host that decides, and no
//! push to a repository (decisions/0033).

use scalbotics_core::privacy::Keep;
use scalbotics_core::time::Span;
use scalbotics_runtime::privacy::{BACKUPS, Terms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Shortest time that payloads are kept, in milliseconds: what has just ended is still read, and `30s` was meant to be `30d`.
const LEAST_MS: u64 = 60_000;

/// Shortest time that old wrapping keys stay, in milliseconds: a key must outlive what was sealed under it a moment ago.
const LEAST_BACKUPS_MS: u64 = 3_600_000;

/// `[retention]`: how long payloads are kept after the end of their task; what is not named is kept until somebody erases it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Goals, inputs, and the tokens of who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goals: Option<Span>,
    /// Arguments of calls and the decisions about them; answers of models and statements of approvers go no later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Span>,
    /// What tools answered, outputs and failures; answers of models go no later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<Span>,
    /// Reasons that people gave; statements of approvers go no later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasons: Option<Span>,
    /// Questions to models, which repeat goals, arguments and results: they go no later than those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompts: Option<Span>,
    /// Decisions about calls of the API, which name who called; they count from the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decisions: Option<Span>,
    /// How long backups are kept: an old wrapping key, which opens what they hold, is destroyed so long after it was replaced.
    pub backups: Span,
}

impl Default for Retention {
    /// Nothing is erased by age unless somebody says so.
    fn default() -> Self {
        let (goals, arguments, results) = (None, None, None);
        Self { goals, arguments, results, reasons: None, prompts: None, decisions: None, backups: BACKUPS }
    }
}

impl Retention {
    /// The same for the runtime.
    #[must_use]
    pub const fn terms(&self) -> Terms {
        let Self { goals, arguments, results, reasons, prompts, decisions, backups } = *self;
        Terms { keep: Keep { goals, arguments, results, reasons, prompts, decisions }, backups }
    }

    /// The first key whose time is too short, and why.
    pub(super) fn refused(&self) -> Option<(&'static str, String)> {
        let spans = [
            ("retention.goals", self.goals),
            ("retention.arguments", self.arguments),
            ("retention.results", self.results),
            ("retention.reasons", self.reasons),
            ("retention.prompts", self.prompts),
            ("retention.decisions", self.decisions),
        ];
        let backups = ("retention.backups", Some(self.backups), LEAST_BACKUPS_MS, "it is shorter than 1h");
        let spans = spans.into_iter().map(|(key, span)| (key, span, LEAST_MS, "it is shorter than 1m")).chain([backups]);
        let mut spans = spans.map(|(key, span, least_ms, why)| (key, span.is_some_and(|span| span.as_ms() < least_ms), why));
        spans.find(|(_, is_short, _)| *is_short).map(|(key, _, why)| (key, why.to_owned()))
    }
}
