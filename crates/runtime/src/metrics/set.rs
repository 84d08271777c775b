//! The numbers of one process.

use std::borrow::Cow;

use scalbotics_core::model::Reply;
use scalbotics_core::ports::NotAnswered;
use scalbotics_core::task::Status;
use scalbotics_core::tenant::Name;
use scalbotics_core::tool::Outcome;

use super::{ByModel, Counter, Gauge, Histogram, Identity, names};

/// The numbers of one process; incremented where something crosses a boundary.
#[derive(Debug, Default)]
pub struct Metrics {
    /// [`names::TASKS_SUBMITTED`]
    pub tasks_submitted: Counter,
    /// [`names::TASKS_ENDED`] completed
    pub tasks_completed: Counter,
    /// [`names::TASKS_ENDED`] failed
    pub tasks_failed: Counter,
    /// [`names::TASKS_ENDED`] canceled
    pub tasks_canceled: Counter,
    /// [`names::TASKS_RUNNING`]
    pub tasks_running: Gauge,
    /// [`names::TASKS_QUEUED`]
    pub tasks_queued: Gauge,
    /// [`names::CALL_ATTEMPTS`] landed
    pub calls_landed: Counter,
    /// [`names::CALL_ATTEMPTS`] failed
    pub calls_failed: Counter,
    /// [`names::CALL_ATTEMPTS`] never left
    pub calls_never_left: Counter,
    /// [`names::CALL_ATTEMPTS`] unknown
    pub calls_unknown: Counter,
    /// [`names::CALL_DURATION`]
    pub call_duration: Histogram,
    /// [`names::COMMIT_DURATION`]
    pub commit_duration: Histogram,
    /// [`names::COMMITS_FULL`]
    pub commits_full: Counter,
    /// [`names::CALL_DECISIONS`] allow
    pub decisions_allow: Counter,
    /// [`names::CALL_DECISIONS`] deny
    pub decisions_deny: Counter,
    /// [`names::DECISION_DURATION`]
    pub decision_duration: Histogram,
    /// [`names::MODEL_REQUESTS`] answered
    pub models_answered: Counter,
    /// [`names::MODEL_REQUESTS`] never left
    pub models_never_left: Counter,
    /// [`names::MODEL_REQUESTS`] unreachable
    pub models_unreachable: Counter,
    /// [`names::MODEL_REQUESTS`] busy
    pub models_busy: Counter,
    /// [`names::MODEL_REQUESTS`] silent
    pub models_silent: Counter,
    /// [`names::MODEL_REQUESTS`] refused
    pub models_refused: Counter,
    /// [`names::MODEL_REQUESTS`] cut
    pub models_cut: Counter,
    /// [`names::MODEL_REQUESTS`] too long
    pub models_too_long: Counter,
    /// [`names::MODEL_REQUESTS`] malformed
    pub models_malformed: Counter,
    /// [`names::MODEL_REQUESTS`] not sent, for the model's breaker is open
    pub models_passed_over: Counter,
    /// [`names::MODEL_TOKENS`] input
    pub model_tokens_input: Counter,
    /// [`names::MODEL_TOKENS`] output
    pub model_tokens_output: Counter,
    /// [`names::MODEL_DURATION`]
    pub model_duration: Histogram,
    /// The same by model, and what it cost
    pub by_model: ByModel,
    /// [`names::APPROVALS`] asked
    pub approvals_asked: Counter,
    /// [`names::APPROVALS`] granted
    pub approvals_granted: Counter,
    /// [`names::APPROVALS`] denied
    pub approvals_denied: Counter,
    /// [`names::APPROVALS`] expired
    pub approvals_expired: Counter,
    /// [`names::LOGIN_WAITS`] begun
    pub logins_requested: Counter,
    /// [`names::LOGIN_WAITS`] over with the login
    pub logins_seen: Counter,
    /// [`names::LOGIN_WAITS`] over without it
    pub logins_expired: Counter,
    /// [`names::EFFECTS_IN_DOUBT`]
    pub effects_in_doubt: Counter,
    /// [`names::RECONCILIATIONS`] unchanged
    pub reconciled_unchanged: Counter,
    /// [`names::RECONCILIATIONS`] changed
    pub reconciled_changed: Counter,
    /// [`names::RECONCILIATIONS`] refused
    pub reconciled_refused: Counter,
    /// [`names::AUDIT_QUEUED`]
    pub audit_queued: Gauge,
    /// [`names::AUDIT_REFUSED`]
    pub audit_refused: Counter,
    /// [`names::CHECKPOINTS`]
    pub checkpoints: Counter,
    /// [`names::CHECKPOINTS_OUTSIDE`] kept
    pub checkpoints_kept: Counter,
    /// [`names::CHECKPOINTS_OUTSIDE`] not kept
    pub checkpoints_not_kept: Counter,
    /// [`names::ISSUER_KEYS`] ok
    pub issuer_keys_fetched: Counter,
    /// [`names::ISSUER_KEYS`] failed
    pub issuer_keys_failed: Counter,
    /// [`names::WATCHERS`]
    pub watchers: Gauge,
    /// [`names::WORKERS`]
    pub workers: Gauge,
    /// Numbers of identities.
    pub identity: Identity,
    /// [`names::BACKGROUND_PANICS`]
    pub background_panics: Counter,
}

/// One series.
#[derive(Debug, Clone)]
pub struct Sample<'a> {
    /// Its name, one of [`names`].
    pub name: &'static str,
    /// Its labels, key and value, at most two.
    pub labels: Vec<(&'static str, Cow<'static, str>)>,
    /// Its value.
    pub shown: Shown<'a>,
}

impl<'a> Sample<'a> {
    /// A series with one label.
    #[must_use]
    pub fn labelled(name: &'static str, (key, value): (&'static str, &'static str), shown: Shown<'a>) -> Self {
        Self { name, labels: vec![(key, Cow::Borrowed(value))], shown }
    }
}

/// The value of a series.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'a> {
    /// Only rises.
    Counter(u64),
    /// Rises and falls.
    Gauge(u64),
    /// Durations.
    Histogram(&'a Histogram),
}

impl Metrics {
    /// All series, those of one name side by side.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample<'_>> {
        let plain = |name, shown| Sample { name, labels: Vec::new(), shown };
        let counter = |name, counter: &Counter| plain(name, Shown::Counter(counter.get()));
        let gauge = |name, gauge: &Gauge| plain(name, Shown::Gauge(gauge.get()));
        let histogram = |name, histogram| plain(name, Shown::Histogram(histogram));
        let labelled = |name, key, value, counter: &Counter| Sample::labelled(name, (key, value), Shown::Counter(counter.get()));
        let mut samples = vec![
            counter(names::TASKS_SUBMITTED, &self.tasks_submitted),
            labelled(names::TASKS_ENDED, "status", "completed", &self.tasks_completed),
            labelled(names::TASKS_ENDED, "status", "failed", &self.tasks_failed),
            labelled(names::TASKS_ENDED, "status", "canceled", &self.tasks_canceled),
            gauge(names::TASKS_RUNNING, &self.tasks_running),
            gauge(names::TASKS_QUEUED, &self.tasks_queued),
            labelled(names::CALL_ATTEMPTS, "outcome", "landed", &self.calls_landed),
            labelled(names::CALL_ATTEMPTS, "outcome", "failed", &self.calls_failed),
            labelled(names::CALL_ATTEMPTS, "outcome", "never_left", &self.calls_never_left),
            labelled(names::CALL_ATTEMPTS, "outcome", "unknown", &self.calls_unknown),
            histogram(names::CALL_DURATION, &self.call_duration),
            histogram(names::COMMIT_DURATION, &self.commit_duration),
            counter(names::COMMITS_FULL, &self.commits_full),
            labelled(names::CALL_DECISIONS, "ruling", "allow", &self.decisions_allow),
            labelled(names::CALL_DECISIONS, "ruling", "deny", &self.decisions_deny),
            histogram(names::DECISION_DURATION, &self.decision_duration),
            labelled(names::APPROVALS, "event", "asked", &self.approvals_asked),
            labelled(names::APPROVALS, "event", "granted", &self.approvals_granted),
            labelled(names::APPROVALS, "event", "denied", &self.approvals_denied),
            labelled(names::APPROVALS, "event", "expired", &self.approvals_expired),
            labelled(names::LOGIN_WAITS, "event", "begun", &self.logins_requested),
            labelled(names::LOGIN_WAITS, "event", "seen", &self.logins_seen),
            labelled(names::LOGIN_WAITS, "event", "expired", &self.logins_expired),
            counter(names::EFFECTS_IN_DOUBT, &self.effects_in_doubt),
            labelled(names::RECONCILIATIONS, "result", "unchanged", &self.reconciled_unchanged),
            labelled(names::RECONCILIATIONS, "result", "changed", &self.reconciled_changed),
            labelled(names::RECONCILIATIONS, "result", "refused", &self.reconciled_refused),
            gauge(names::AUDIT_QUEUED, &self.audit_queued),
            counter(names::AUDIT_REFUSED, &self.audit_refused),
            counter(names::CHECKPOINTS, &self.checkpoints),
            labelled(names::CHECKPOINTS_OUTSIDE, "result", "kept", &self.checkpoints_kept),
            labelled(names::CHECKPOINTS_OUTSIDE, "result", "not_kept", &self.checkpoints_not_kept),
            labelled(names::ISSUER_KEYS, "result", "ok", &self.issuer_keys_fetched),
            labelled(names::ISSUER_KEYS, "result", "failed", &self.issuer_keys_failed),
            gauge(names::WATCHERS, &self.watchers),
            gauge(names::WORKERS, &self.workers),
            counter(names::BACKGROUND_PANICS, &self.background_panics),
        ];
        samples.extend(self.identity.samples());
        samples.extend(self.model_samples());
        samples.extend(self.by_model.samples());
        samples
    }

    fn model_samples(&self) -> Vec<Sample<'_>> {
        let labelled = |name, key, value, counter: &Counter| Sample::labelled(name, (key, value), Shown::Counter(counter.get()));
        let request = |outcome, counter| labelled(names::MODEL_REQUESTS, "outcome", outcome, counter);
        vec![
            request("answered", &self.models_answered),
            request("never_left", &self.models_never_left),
            request("unreachable", &self.models_unreachable),
            request("busy", &self.models_busy),
            request("silent", &self.models_silent),
            request("refused", &self.models_refused),
            request("cut", &self.models_cut),
            request("too_long", &self.models_too_long),
            request("malformed", &self.models_malformed),
            request("passed_over", &self.models_passed_over),
            labelled(names::MODEL_TOKENS, "type", "input", &self.model_tokens_input),
            labelled(names::MODEL_TOKENS, "type", "output", &self.model_tokens_output),
            Sample { name: names::MODEL_DURATION, labels: Vec::new(), shown: Shown::Histogram(&self.model_duration) },
        ]
    }

    /// Counts an attempt by what became of it.
    pub(crate) fn count_outcome(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Landed { .. } => self.calls_landed.add(1),
            Outcome::Failed { .. } => self.calls_failed.add(1),
            Outcome::NeverLeft { .. } => self.calls_never_left.add(1),
            Outcome::Unknown { .. } => self.calls_unknown.add(1),
        }
    }

    /// Counts a request to a model by what became of it.
    pub(crate) fn count_answer(&self, model: &Name, result: &Result<Reply, NotAnswered>) {
        match result {
            Ok(reply) => self.by_model.answered(model, reply),
            Err(_) => self.by_model.missed(model),
        }
        let counter = match result {
            Ok(reply) => {
                self.model_tokens_input.add(reply.usage.input);
                self.model_tokens_output.add(reply.usage.output);
                &self.models_answered
            }
            Err(NotAnswered::NeverLeft { .. }) => &self.models_never_left,
            Err(NotAnswered::Unreachable { .. }) => &self.models_unreachable,
            Err(NotAnswered::Busy { .. }) => &self.models_busy,
            Err(NotAnswered::Silent { .. }) => &self.models_silent,
            Err(NotAnswered::Refused { .. }) => &self.models_refused,
            Err(NotAnswered::Cut { .. }) => &self.models_cut,
            Err(NotAnswered::TooLong { .. }) => &self.models_too_long,
            Err(NotAnswered::Malformed { .. }) => &self.models_malformed,
        };
        counter.add(1);
    }

    /// Counts the end of a task.
    pub(crate) fn count_end(&self, status: Status) {
        match status {
            Status::Completed => self.tasks_completed.add(1),
            Status::Failed | Status::Rejected => self.tasks_failed.add(1),
            Status::Canceled => self.tasks_canceled.add(1),
            Status::Submitted | Status::Working | Status::InputRequired | Status::AuthRequired => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn series_are_unique_and_named_by_convention() {
        let metrics = Metrics::default();
        let samples = metrics.samples();
        let series: BTreeSet<_> = samples.iter().map(|sample| (sample.name, &sample.labels)).collect();
        assert_eq!(series.len(), samples.len());
        for sample in &samples {
            let ending = match sample.shown {
                Shown::Counter(_) => sample.name.ends_with("_total"),
                Shown::Gauge(_) => !sample.name.ends_with("_total"),
                Shown::Histogram(_) => sample.name.ends_with("_seconds"),
            };
            assert!(ending && sample.name.starts_with("scalbotics_"), "{}", sample.name);
        }
    }
}
