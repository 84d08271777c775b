//! Retention classes: what kind of matter a payload is, as the event that refers to it says.

use serde::{Deserialize, Serialize};

use crate::ids::{DecisionId, PayloadId};
use crate::model;
use crate::payload::Ref;
use crate::task::{Event, Goal, Intent};

/// About how many bytes a decision takes; the journal does not say.
const DECISION_LEN: u64 = 4 << 10;

/// What kind of matter a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// What was asked: goal, input, and the token of who asked.
    Goals,
    /// Arguments of calls, what they depend on, and the decisions about them, which hold them too.
    Arguments,
    /// What tools answered, and outputs and failures of tasks.
    Results,
    /// What people gave as their reasons.
    Reasons,
    /// Questions to models, which repeat goal, arguments and results in full.
    Prompts,
    /// Decisions about calls of the API, which name who called.
    Decisions,
    /// What models answered: words of theirs, and arguments of the calls that they want.
    Answers,
    /// Statements of approvers: a reason, and the arguments that it is about.
    Statements,
}

impl Class {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Goals,
        Self::Arguments,
        Self::Results,
        Self::Reasons,
        Self::Prompts,
        Self::Decisions,
        Self::Answers,
        Self::Statements,
    ];

    /// The word in records and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Goals => "goals",
            Self::Arguments => "arguments",
            Self::Results => "results",
            Self::Reasons => "reasons",
            Self::Prompts => "prompts",
            Self::Decisions => "decisions",
            Self::Answers => "answers",
            Self::Statements => "statements",
        }
    }
}

/// A payload that may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// Its class.
    pub class: Class,
    /// Its id.
    pub id: PayloadId,
    /// Length of its bytes; about, for a decision.
    pub len: u64,
}

impl Released {
    /// A decision, whose payload has its id.
    #[must_use]
    pub const fn decision(class: Class, id: DecisionId) -> Self {
        Self { class, id: PayloadId::from_u128(id.as_u128()), len: DECISION_LEN }
    }

    const fn of(class: Class, reference: &Ref) -> Self {
        Self { class, id: reference.id, len: reference.len }
    }
}

/// Every payload that an event refers to, with its class. Tokens of submissions count with the goal.
#[must_use]
pub fn released(event: &Event) -> Vec<Released> {
    match event {
        Event::Submitted { envelope, .. } => {
            let text = if let Goal::Text { text } = &envelope.goal { Some(text) } else { None };
            let all = std::iter::once(&envelope.input).chain(text).chain(&envelope.token);
            all.map(|reference| Released::of(Class::Goals, reference)).collect()
        }
        Event::ApprovalRequested { intent, decision, .. } | Event::Intended { intent, decision, .. } => {
            let class = class_of(intent);
            let mut found = vec![Released::of(class, &intent.args), Released::decision(class, *decision)];
            found.extend(intent.inputs.iter().map(|inputs| Released::of(class, inputs)));
            found
        }
        Event::CallDenied { decision, .. } | Event::LoginRequested { decision, .. } => {
            vec![Released::decision(Class::Arguments, *decision)]
        }
        Event::ApprovalGranted { statement, .. } | Event::ApprovalDenied { statement, .. } => {
            vec![Released::of(Class::Statements, statement)]
        }
        Event::Landed { result, answer, .. } => {
            vec![Released::of(if answer.is_some() { Class::Answers } else { Class::Results }, result)]
        }
        Event::CallFailed { reason: words, .. }
        | Event::Completed { output: words }
        | Event::Failed { detail: Some(words), .. } => {
            vec![Released::of(Class::Results, words)]
        }
        Event::Settled { reason, result, .. } => {
            let mut found = vec![Released::of(Class::Reasons, reason)];
            found.extend(result.iter().map(|result| Released::of(Class::Results, result)));
            found
        }
        Event::ApprovalExpired { .. }
        | Event::LoginSeen { .. }
        | Event::LoginExpired
        | Event::NotLanded { .. }
        | Event::InDoubt { .. }
        | Event::CancelRequested { .. }
        | Event::Failed { detail: None, .. }
        | Event::Canceled => Vec::new(),
    }
}

fn class_of(intent: &Intent) -> Class {
    if intent.tool.as_str() == model::CALL { Class::Prompts } else { Class::Arguments }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::ids::EffectId;
    use crate::principal::Uid;

    fn reference(id: u128) -> Ref {
        Ref { id: PayloadId::from_u128(id), commitment: Digest::of_bytes(b"x"), len: 7 }
    }

    fn check(event: &Event, wanted: &[(Class, u128)]) {
        let found: Vec<(Class, u128)> = released(event).iter().map(|one| (one.class, one.id.as_u128())).collect();
        assert_eq!(found, wanted, "{event:?}");
    }

    #[test]
    fn sem_7_2_every_reference_of_an_event_has_a_class() {
        let effect = EffectId::from_u128(1);
        let (by, landed) = (Uid::Daemon, true);
        check(&Event::Completed { output: reference(2) }, &[(Class::Results, 2)]);
        check(
            &Event::Settled { effect, by, landed, result: Some(reference(3)), reason: reference(2) },
            &[(Class::Reasons, 2), (Class::Results, 3)],
        );
        check(
            &Event::CallFailed { effect, attempt: 1, reason: reference(4), spent: crate::task::Usage::ONE_CALL },
            &[(Class::Results, 4)],
        );
        check(&Event::Canceled, &[]);
    }

    #[test]
    fn a_class_is_written_by_its_word() {
        for class in Class::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
        }
    }
}
