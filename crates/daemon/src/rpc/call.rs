//! One call on its way through the layers: who, which row, which request, and whether it was decided and audited.
//!
//! **Invariant:** the gate lets no success of a decided row out unless [`Call::is_settled`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use scalbotics_core::ids::RequestId;
use scalbotics_core::policy::Decision;
use scalbotics_core::principal::Principal;
use scalbotics_core::secret::Secret;
use scalbotics_core::service::Sponsor;
use scalbotics_core::task::TraceContext;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_runtime::Caller;
use tonic::{Request, Status};

use super::failure::Failure;
use super::methods::{Admission, Row};
use super::registered::Registered;
use super::status::{Reference, status};

/// Longest request id of a client, in bytes.
pub(crate) const REPEAT_KEY_LEN_MAX: usize = scalbotics_core::task::KEY_LEN_MAX;

/// Who calls, as the token and the registry say.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The principal; groups are the registry's of this moment.
    pub principal: Principal,
    /// For whom a service or an agent calls; none for a human.
    pub sponsor: Option<Sponsor>,
    /// The registry's rows.
    pub registered: Registered,
    /// The token, for the evidence of what is submitted by it; none for an agent, who calls by its certificate.
    pub token: Option<Secret>,
    /// The token's own name; none for an agent.
    pub jti: Option<String>,
    /// When the token or certificate ends.
    pub expires_at: Timestamp,
}

/// What was decided about the call.
#[derive(Debug, Clone)]
pub(crate) struct Decided {
    /// The decision.
    pub(crate) decision: Decision,
    /// The resource's id, for the record.
    pub(crate) target: String,
    /// Whether it was recorded a moment ago, for a call that asked the same.
    pub(crate) is_recorded: bool,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Call {
    /// Its row.
    pub row: &'static Row,
    /// The request's id.
    pub request: RequestId,
    /// The caller's trace, or the one that began with the call.
    pub trace: TraceContext,
    /// Who; `None` before login.
    pub(super) identity: Option<Identity>,
    pub(super) decided: OnceLock<Decided>,
    pub(super) audited: AtomicBool,
}

impl Call {
    /// Takes the call out of a request that came through the gate.
    ///
    /// # Errors
    /// An internal fault when the request came another way.
    pub(crate) fn of<T>(request: Request<T>) -> Result<(Arc<Self>, T), Status> {
        let (_, mut extensions, message) = request.into_parts();
        match extensions.remove::<Arc<Self>>() {
            Some(call) => Ok((call, message)),
            None => Err(status(&Failure::internal("call without a gate", &"no call in the request"), &Reference::default())),
        }
    }

    /// Who calls.
    ///
    /// # Errors
    /// An internal fault for a row that has no principal.
    pub(crate) fn identity(&self) -> Result<&Identity, Failure> {
        self.identity.as_ref().ok_or_else(|| Failure::internal("call without a principal", &self.row.method.path))
    }

    /// The caller's tenant: the only source of a request's.
    ///
    /// # Errors
    /// An internal fault for a row that has no principal.
    pub(crate) fn tenant(&self) -> Result<&TenantId, Failure> {
        self.identity().map(|identity| &identity.principal.tenant)
    }

    /// The caller as the runtime's services want it, with the decision that let the call in.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a request id that is too long; an internal fault for a call that was not decided.
    pub(crate) fn caller(&self, request_id: &str) -> Result<Caller, Failure> {
        if request_id.len() > REPEAT_KEY_LEN_MAX {
            return Err(Failure::invalid("request_id", format!("it is longer than {REPEAT_KEY_LEN_MAX} bytes")));
        }
        let decided = self.decided.get().ok_or_else(|| Failure::internal("call was not decided", &self.row.method.path))?;
        let identity = self.identity()?;
        Ok(Caller {
            principal: identity.principal.clone(),
            sponsor: identity.sponsor.clone(),
            token: identity.token.clone(),
            request: self.request,
            trace: Some(self.trace.clone()),
            decision: Some(decided.decision.clone()),
            repeat_key: (!request_id.is_empty()).then(|| request_id.to_owned()),
        })
    }

    /// Notes that the commit that did it holds the call's audit record (semantics §1.2).
    pub(crate) fn audited_by_commit(&self) {
        self.audited.store(true, Ordering::Release);
    }

    /// Whether everything that the row demands was done.
    #[must_use]
    pub(crate) fn is_settled(&self) -> bool {
        match self.row.admission {
            Admission::Policy => self.decided.get().is_some() && self.audited.load(Ordering::Acquire),
            Admission::Login => self.audited.load(Ordering::Acquire),
            Admission::Token | Admission::Open => true,
        }
    }

    /// What a person gives to an operator.
    #[must_use]
    pub(crate) fn reference(&self) -> Reference {
        Reference { request: self.request.to_string(), trace: self.trace.trace_id.clone() }
    }
}
