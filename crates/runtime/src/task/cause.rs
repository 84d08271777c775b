//! Who caused a commit, through which request.

use scalbotics_core::digest::Digest;
use scalbotics_core::ids::RequestId;
use scalbotics_core::policy::Decision;
use scalbotics_core::ports::StoredAnswer;
use scalbotics_core::time::Timestamp;

use crate::Caller;

/// Who caused a commit; empty when the daemon did by itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cause {
    pub(crate) request: Option<RequestId>,
    pub(crate) trace: Option<String>,
    pub(crate) decision: Option<Decision>,
}

impl Cause {
    pub(crate) fn of(caller: &Caller) -> Self {
        Self {
            request: Some(caller.request),
            trace: caller.trace.as_ref().map(|trace| trace.trace_id.clone()),
            decision: caller.decision.clone(),
        }
    }
}

/// The key and body of a request that may be repeated (semantics §9.1).
#[derive(Debug, Clone)]
pub(crate) struct Repeat {
    pub(crate) key: String,
    pub(crate) body: Digest,
}

impl Repeat {
    /// The repeat of a caller's request, if the caller gave a key.
    pub(crate) fn of(caller: &Caller, method: &str, body: &[u8]) -> Option<Self> {
        let key = caller.repeat_key.as_ref().filter(|key| !key.is_empty())?;
        let key = format!("{}/{method}/{key}", caller.principal.uid);
        Some(Self { key, body: Digest::of_parts("scalbotics/request-body/v1", &[body]) })
    }

    /// What is stored with the commit: of a task, the version whose state was the answer; of a submission, its id before that.
    pub(crate) fn answered(self, answer: String, at: Timestamp) -> (String, StoredAnswer) {
        (self.key, StoredAnswer { body: self.body, answer: answer.into_bytes(), at })
    }
}
