//! What the records of a task commit to, found again in its journal.

use std::collections::BTreeMap;

use scalbotics_core::digest::Digest;
use scalbotics_core::ids::EffectId;
use scalbotics_core::payload::Ref;
use scalbotics_core::ports::StoredEvent;
use scalbotics_core::task::{Doubt, Event, Goal, Intent};

/// References of a journal, by commitment, and its calls.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Payloads by their commitment.
    pub(super) payloads: BTreeMap<Digest, Ref>,
    /// Calls as they were intended or asked for.
    pub(super) calls: BTreeMap<EffectId, Intent>,
    /// Commitments to approvers' statements.
    pub(super) statements: Vec<Digest>,
    /// The commitment to the token.
    pub(super) token: Option<Digest>,
    /// The number of the event by which an approval lapsed because of a restore: its call was never sent, and is in doubt.
    pub(super) put_back: Option<u64>,
}

impl Contents {
    /// What a journal refers to.
    pub(super) fn of(events: &[StoredEvent]) -> Self {
        let mut contents = Self::default();
        events.iter().for_each(|stored| contents.add(&stored.event));
        let put_back = |pair: &[StoredEvent]| match pair {
            [lapsed, doubted] => {
                matches!(lapsed.event, Event::ApprovalExpired { .. })
                    && matches!(doubted.event, Event::InDoubt { doubt: Doubt::Restored, .. })
            }
            _ => false,
        };
        contents.put_back = events.windows(2).position(put_back).map(|at| at as u64);
        contents
    }

    fn keep(&mut self, reference: &Ref) {
        self.payloads.insert(reference.commitment, *reference);
    }

    fn add(&mut self, event: &Event) {
        match event {
            Event::Submitted { envelope, .. } => {
                self.keep(&envelope.input);
                if let Goal::Text { text } = &envelope.goal {
                    self.keep(text);
                }
                if let Some(token) = &envelope.token {
                    self.keep(token);
                    self.token = Some(token.commitment);
                }
            }
            Event::ApprovalRequested { intent, .. } | Event::Intended { intent, .. } => {
                self.keep(&intent.args);
                self.calls.insert(intent.effect, Intent::clone(intent));
            }
            Event::ApprovalGranted { statement, .. } | Event::ApprovalDenied { statement, .. } => {
                self.keep(statement);
                self.statements.push(statement.commitment);
            }
            Event::Landed { result: words, .. }
            | Event::CallFailed { reason: words, .. }
            | Event::Settled { reason: words, .. }
            | Event::Completed { output: words }
            | Event::Failed { detail: Some(words), .. } => self.keep(words),
            Event::ApprovalExpired { .. }
            | Event::CallDenied { .. }
            | Event::LoginRequested { .. }
            | Event::LoginSeen { .. }
            | Event::LoginExpired
            | Event::NotLanded { .. }
            | Event::InDoubt { .. }
            | Event::CancelRequested { .. }
            | Event::Failed { detail: None, .. }
            | Event::Canceled => {}
        }
    }
}
