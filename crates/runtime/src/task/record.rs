//! The audit record of each event of a task.

use scalbotics_core::audit::{DecisionNote, Kind, OutcomeNote, Record};
use scalbotics_core::digest::Digest;
use scalbotics_core::evidence::Submission;
use scalbotics_core::ids::{ApprovalId, DecisionId, EffectId};
use scalbotics_core::policy::tool_action;
use scalbotics_core::principal::Uid;
use scalbotics_core::task::{CallState, Event, Intent, State};

use super::draft::Draft;

/// The record of `event`, which led to `state`; it says which event of the task it is of.
pub(super) fn of(event: &Event, state: &State, draft: &Draft) -> Record {
    Record { seq: state.version.checked_sub(1), ..about(event, &Writer { state, draft }) }
}

fn about(event: &Event, writer: &Writer<'_>) -> Record {
    match event {
        Event::Submitted { envelope, path } => {
            let submitter = envelope.chain.submitter().map_or(Uid::Daemon, |principal| principal.uid);
            let mut record = writer.requested(Kind::Task, submitter, "task.submit");
            record.args = Some(envelope.input.commitment);
            record.submission = Submission::of(envelope, path).digest().ok();
            writer.with_outcome(record, "submitted", None, None)
        }
        Event::ApprovalRequested { intent, approval, decision } => {
            let mut record = writer.about_call(Kind::Approval, intent);
            record.approval = Some(approval.id);
            record.decision = writer.note(*decision);
            writer.with_outcome(record, "waiting", None, None)
        }
        Event::ApprovalGranted { approval, by, statement } => {
            writer.answered(*approval, *by, "granted", Some(statement.commitment))
        }
        Event::ApprovalDenied { approval, by, statement } => {
            writer.answered(*approval, *by, "denied", Some(statement.commitment))
        }
        Event::ApprovalExpired { approval } => writer.answered(*approval, Uid::Daemon, "expired", None),
        Event::Intended { intent, attempt, decision, approval, .. } => {
            let mut record = writer.about_call(Kind::Intent, intent);
            record.approval = *approval;
            record.decision = writer.note(*decision);
            writer.with_outcome(record, "intended", Some(*attempt), None)
        }
        Event::CallDenied { tool, decision, .. } => {
            let mut record = writer.by_agent(Kind::Decision, &tool_action(tool));
            record.decision = writer.note(*decision);
            writer.with_outcome(record, "denied", None, None)
        }
        Event::LoginRequested { login, decision } => {
            let mut record = writer.by_agent(Kind::Decision, &tool_action(&login.tool));
            record.tier = Some(login.tier);
            record.decision = writer.note(*decision);
            writer.with_outcome(record, "login_required", None, None)
        }
        Event::LoginSeen { .. } => writer.login("seen"),
        Event::LoginExpired => writer.login("expired"),
        Event::Landed { effect, attempt, result, .. } => {
            writer.outcome(*effect, "landed", Some(*attempt), Some(result.commitment))
        }
        Event::CallFailed { effect, attempt, reason, .. } => {
            writer.outcome(*effect, "failed", Some(*attempt), Some(reason.commitment))
        }
        Event::NotLanded { effect, attempt } => writer.outcome(*effect, "not_landed", Some(*attempt), None),
        Event::InDoubt { effect, .. } => writer.outcome(*effect, "in_doubt", None, None),
        Event::Settled { effect, by, landed, reason, .. } => {
            let word = if *landed { "settled_landed" } else { "settled_not_landed" };
            let record = writer.outcome(*effect, word, None, Some(reason.commitment));
            writer.caused(Record { actor: *by, ..record })
        }
        Event::CancelRequested { by } => {
            let record = writer.requested(Kind::Task, *by, "task.cancel");
            writer.with_outcome(record, "requested", None, None)
        }
        Event::Completed { output } => writer.ended("completed", Some(output.commitment)),
        Event::Failed { failure, detail } => {
            let word = serde_json::to_value(failure).ok().and_then(|word| word.as_str().map(str::to_owned));
            writer.ended(&word.unwrap_or_else(|| "failed".to_owned()), detail.map(|detail| detail.commitment))
        }
        Event::Canceled => writer.ended("canceled", None),
    }
}

struct Writer<'a> {
    state: &'a State,
    draft: &'a Draft,
}

impl Writer<'_> {
    fn about_task(&self, kind: Kind, actor: Uid, action: &str) -> Record {
        let envelope = &self.state.envelope;
        let mut record = Record::new(kind, self.draft.at, envelope.tenant.clone(), actor, action).on_behalf(&envelope.chain);
        record.task = Some(envelope.id);
        record.trace = envelope.trace.as_ref().map(|trace| trace.trace_id.clone());
        record
    }

    fn by_agent(&self, kind: Kind, action: &str) -> Record {
        self.about_task(kind, Uid::Agent(self.state.envelope.agent), action)
    }

    fn about_call(&self, kind: Kind, intent: &Intent) -> Record {
        let mut record = self.by_agent(kind, &tool_action(&intent.tool));
        record.effect = Some(intent.effect);
        record.tier = Some(intent.tier);
        record.name_call(&intent.call);
        record.args = Some(intent.args.commitment);
        record
    }

    /// A record of what a request asked for, with its request, trace and decision.
    fn requested(&self, kind: Kind, actor: Uid, action: &str) -> Record {
        let mut record = self.caused(self.about_task(kind, actor, action));
        record.target = Some(self.state.envelope.id.to_string());
        record
    }

    fn caused(&self, mut record: Record) -> Record {
        let cause = &self.draft.cause;
        record.request = cause.request;
        record.trace = cause.trace.clone().or(record.trace);
        record.decision = cause.decision.as_ref().map(DecisionNote::of).or(record.decision);
        record
    }

    fn note(&self, decision: DecisionId) -> Option<DecisionNote> {
        self.draft.decisions.iter().find(|known| known.id == decision).map(DecisionNote::of)
    }

    fn with_outcome(&self, mut record: Record, word: &str, attempt: Option<u32>, commitment: Option<Digest>) -> Record {
        record.outcome = Some(OutcomeNote { word: word.to_owned(), attempt, commitment });
        record
    }

    fn outcome(&self, effect: EffectId, word: &str, attempt: Option<u32>, commitment: Option<Digest>) -> Record {
        let call: Option<&CallState> = self.state.calls.get(&effect);
        let mut record = match call {
            Some(call) => self.about_call(Kind::Outcome, &call.intent),
            None => self.by_agent(Kind::Outcome, "tool"),
        };
        record.effect = Some(effect);
        record.approval = call.and_then(|call| call.approval);
        self.with_outcome(record, word, attempt, commitment)
    }

    fn answered(&self, approval: ApprovalId, by: Uid, word: &str, commitment: Option<Digest>) -> Record {
        let mut record = self.about_task(Kind::Approval, by, "approval.decide");
        if by != Uid::Daemon {
            record = self.caused(record);
        }
        record.approval = Some(approval);
        self.with_outcome(record, word, None, commitment)
    }

    /// A record of what became of the wait for a login of the chain's human.
    fn login(&self, word: &str) -> Record {
        let mut record = self.about_task(Kind::Task, Uid::Daemon, "task.login");
        record.target = self.state.envelope.chain.principals.first().map(|human| human.uid.to_string());
        self.with_outcome(record, word, None, None)
    }

    fn ended(&self, word: &str, commitment: Option<Digest>) -> Record {
        let record = self.about_task(Kind::Task, Uid::Daemon, "task.end");
        self.with_outcome(record, word, None, commitment)
    }
}
