//! Who caused a commit, through which request.

use scalbotics_core::digest::Digest;
use scalbotics_core::ids::RequestId;
use scalbotics_core::policy::Decision;
use scalbotics_core::ports::{CipherError, StoredAnswer};
use scalbotics_core::time::Timestamp;

use crate::Caller;
use crate::vault::Vault;

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
    /// Tells this request's body from others; see [`Repeat::of`].
    pub(crate) body: Digest,
}

impl Repeat {
    /// The repeat of a caller's request, if the caller gave a key.
    ///
    /// The row outlives what it is about where that is erased within the day, so the body stands in it under a key of the tenant that is
    /// kept outside of the database (semantics §7.2): nobody tries guesses of a goal or a reason against it.
    pub(crate) fn of(vault: &Vault, caller: &Caller, method: &str, body: &[u8]) -> Result<Option<Self>, CipherError> {
        let Some(key) = caller.repeat_key.as_ref().filter(|key| !key.is_empty()) else { return Ok(None) };
        let key = format!("{}/{method}/{key}", caller.principal.uid);
        let digest = Digest::of_parts("scalbotics/request-body/v1", &[body]);
        Ok(Some(Self { key, body: vault.fingerprint(&caller.principal.tenant, digest.as_bytes())? }))
    }

    /// What is stored with the commit: of a task, the version whose state was the answer; of a submission, its id before that.
    pub(crate) fn answered(self, answer: String, at: Timestamp) -> (String, StoredAnswer) {
        (self.key, StoredAnswer { body: self.body, answer: answer.into_bytes(), at })
    }
}
