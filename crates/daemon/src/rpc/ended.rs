//! Sessions that somebody ended before their access token was over: from then on the token is nothing, whoever has it.
//!
//! **Invariant:** an ended session stays ended until its token would be over anyway, also across a restart.

use std::sync::Arc;

use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::service;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_proto::v1;

use super::audit::audit_failure;
use super::authenticate::NEXT;
use super::call::{Call, Identity};
use super::codes;
use super::context::Context;
use super::failure::Failure;
use super::used::{self, Use};

/// What every failure says was attempted.
const WHAT: &str = "the session is not ended";

/// Tells names of access tokens from those of assertions, which begin with whose they are.
const ACCESS_TOKEN: &str = "access token";

impl Context {
    /// Refuses the access token of this name if its session was ended, after the words of what was attempted. Reads memory only.
    ///
    /// # Errors
    /// TOKEN_EXPIRED.
    pub(super) fn check_not_ended(&self, jti: &str, what: &str) -> Result<(), Failure> {
        if self.used_assertions.has(ACCESS_TOKEN, jti) {
            return Err(Failure::new(codes::TOKEN_EXPIRED, what).why("its session was ended by a logout").next(NEXT));
        }
        Ok(())
    }

    /// Ends the session of the token by which the call was made. When it returns no call by it is answered, and open streams of it are cut within
    /// half a second.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an agent, which has no session; RATE_LIMITED where too many are remembered; STORE_FULL, STORE_FAILED, and then it
    /// is ended until the next restart only.
    pub(super) async fn end_session(&self, call: &Call) -> Result<v1::EndSessionResponse, Failure> {
        let identity = call.identity()?;
        let Some(jti) = identity.jti.clone() else {
            return Err(Failure::invalid(
                "authorization",
                "an agent calls by its certificate, and has no session that could end",
            ));
        };
        let now = self.ports.clock.now();
        let name = (ACCESS_TOKEN.to_owned(), jti.clone());
        match used::use_once(Arc::clone(&self.used_assertions), name, (identity.expires_at, now), WHAT).await? {
            Use::First | Use::Again => {}
            Use::Full => return Err(Failure::new(codes::RATE_LIMITED, WHAT).next("try again in a minute")),
        }
        let record = ended(call, identity, jti, now);
        // Logins stand in the installation log too (semantics §7.3), and so does their end.
        let copy = Record { tenant: TenantId::system(), ..record.clone() };
        self.auditor.awaited(record, None).await.map_err(|error| audit_failure(&error))?;
        self.auditor.batched(copy, None).map_err(|error| audit_failure(&error))?;
        call.audited_by_commit();
        Ok(v1::EndSessionResponse {})
    }
}

fn ended(call: &Call, identity: &Identity, jti: String, now: Timestamp) -> Record {
    let principal = &identity.principal;
    let mut record = Record::new(Kind::Rpc, now, principal.tenant.clone(), principal.uid, "session.logout");
    if identity.sponsor.is_some() {
        record = record.on_behalf(&service::chain(principal, identity.sponsor.as_ref()));
    }
    record.target = Some(jti);
    record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
    record.request = Some(call.request);
    record.trace = Some(call.trace.trace_id.clone());
    record
}
