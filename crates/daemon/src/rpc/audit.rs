//! The audit scope: one record a call, written before its answer; denials too (semantics §7.1, §9.5).
//!
//! **Invariant:** no record, no answer: a call whose record was not taken fails, whatever its handler said.

use std::sync::atomic::Ordering;

use scalbotics_core::audit::{DecisionNote, Kind, OutcomeNote, Record};
use scalbotics_core::rpc::Audit;
use scalbotics_core::service;
use scalbotics_runtime::audit::Error as AuditError;
use tonic::{Response, Status};

use super::call::Call;
use super::codes;
use super::context::Context;
use super::convert::store_failure;
use super::failure::Failure;
use super::status::status;

impl Context {
    /// Ends a call: audits it unless its commit did, and makes the answer of it.
    ///
    /// # Errors
    /// The handler's failure, or that of the audit log.
    pub(super) async fn answer<T>(&self, call: &Call, result: Result<T, Failure>) -> Result<Response<T>, Status> {
        let refer = |failure: &Failure| status(failure, &call.reference());
        if let Err(failure) = &result {
            tracing::info!(code = failure.code().name(), why = failure.parts().why.as_str(), "call failed");
        }
        self.audit(call, result.as_ref().err()).await.map_err(|failure| refer(&failure))?;
        result.map(Response::new).map_err(|failure| refer(&failure))
    }

    async fn audit(&self, call: &Call, failure: Option<&Failure>) -> Result<(), Failure> {
        // A commit that failed holds no record, so a failure is always audited here.
        if failure.is_none() && call.audited.load(Ordering::Acquire) {
            return Ok(());
        }
        // What failed before it was decided has read nothing and done nothing: a malformed name, a fault.
        let Some(decided) = call.decided.get() else { return Ok(()) };
        let identity = call.identity()?;
        let action = call.row.method.action.unwrap_or_default();
        let principal = &identity.principal;
        let mut record = Record::new(Kind::Rpc, self.ports.clock.now(), principal.tenant.clone(), principal.uid, action);
        if identity.sponsor.is_some() {
            record = record.on_behalf(&service::chain(principal, identity.sponsor.as_ref()));
        }
        record.target = Some(decided.target.clone());
        record.decision = Some(DecisionNote::of(&decided.decision));
        record.outcome = Some(OutcomeNote { word: word(failure), attempt: None, commitment: None });
        record.request = Some(call.request);
        record.trace = Some(call.trace.trace_id.clone());
        let decision = (!decided.is_recorded).then(|| decided.decision.clone());
        // A denial is awaited whatever the row says: it is what an attack leaves behind.
        let awaited = call.row.method.audit == Audit::Awaited || !decided.decision.allows();
        let written = if awaited { self.auditor.awaited(record, decision).await } else { self.auditor.batched(record, decision) };
        written.map_err(|error| audit_failure(&error))?;
        call.audited.store(true, Ordering::Release);
        Ok(())
    }
}

fn word(failure: Option<&Failure>) -> String {
    failure.map_or_else(|| "ok".to_owned(), |failure| failure.code().name().to_ascii_lowercase())
}

/// A record that was not taken, as its caller may read it.
pub(super) fn audit_failure(error: &AuditError) -> Failure {
    match error {
        AuditError::Full => Failure::new(codes::RATE_LIMITED, "the call cannot be audited now")
            .why("too many calls wait for their audit record")
            .next("try again in a second"),
        AuditError::Draining => {
            Failure::new(codes::SHUTTING_DOWN, "the call cannot be audited any more").next("try again in a minute")
        }
        AuditError::Store(error) => store_failure(error),
        AuditError::Form { source } => Failure::internal("make an audit record", source),
    }
}
