//! How agents join, through AgentService and IdentityService: join tokens, a worker's first certificate, and new keys.
//!
//! **Invariant:** a worker whose token is refused is told nothing about why, nor whether there is such an agent.

use scalbotics_core::identity::SpiffeId;
use scalbotics_core::ports::IssuedSvid;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_identity::authority::ca::{REQUEST_LEN_MAX, read_workload};
use scalbotics_identity::holder::certificate;
use scalbotics_identity::holder::join_token::JoinToken;
use scalbotics_proto::v1;
use scalbotics_runtime::audit::Unauthenticated;
use scalbotics_runtime::identity::{Enrolment, Error};

use super::agent_service::Agents;
use super::call::Call;
use super::codes;
use super::convert::{self, timestamp};
use super::failure::Failure;
use super::identity_service::Identities;
use super::names::{self, Named};

/// What every refused enrolment says.
const REFUSED: &str = "the agent does not join";

/// Why a worker is refused; nothing where it is not told.
pub(super) struct Refusal(Option<Failure>);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(match error {
            Error::Token(_) | Error::NotFound | Error::NotActive { .. } => None,
            error @ (Error::TooMany { .. }
            | Error::NotSponsor
            | Error::Answered
            | Error::Clock
            | Error::Authority(_)
            | Error::Change(_)) => Some(convert::identity_failure(&error, "the agent")),
        })
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        refusal.0.unwrap_or_else(|| {
            Self::new(codes::JOIN_REFUSED, REFUSED)
                .why("the join token does not count for this agent")
                .next("ask an administrator of the tenant for a new join token")
        })
    }
}

impl Identities {
    /// A worker's first certificate, by its join token.
    pub(super) async fn joined(&self, call: &Call, request: &v1::EnrollRequest) -> Result<v1::Certificate, Failure> {
        let enrolled = self.enrolled(call, request).await.map_err(Failure::from).inspect_err(|failure| {
            self.0.auditor.unauthenticated(Unauthenticated::Join);
            self.0.metrics.authentications.refused(Unauthenticated::Join, failure.code());
            tracing::info!(why = failure.parts().why.as_str(), "a worker did not join");
        })?;
        call.audited_by_commit();
        Ok(enrolled)
    }

    async fn enrolled(&self, call: &Call, request: &v1::EnrollRequest) -> Result<v1::Certificate, Refusal> {
        if self.0.quota.is_read_only() {
            return Err(Refusal(Some(Failure::new(codes::READS_ONLY, REFUSED).next("scalbotics status"))));
        }
        let token = JoinToken::parse(&request.token).map_err(|_| Refusal(None))?;
        let (tenant, agent) = worker_name(&request.agent).map_err(|failure| Refusal(Some(failure)))?;
        let worker = Enrolment {
            secret: token.secret(),
            tenant: tenant.as_ref(),
            agent: &agent,
            request: call.request,
            trace: &call.trace,
        };
        let read_key = |id: &SpiffeId| key_of(&request.signing_request, id).map_err(|failure| Refusal(Some(failure)));
        let (issued, agent) = self.0.identity.enroll(&worker, read_key).await?;
        Ok(certificate_of(&issued, &self.0.identity.id_of(&agent)))
    }
}

impl Agents {
    /// A token by which a worker of an agent joins.
    pub(super) async fn join_token(&self, call: &Call, request: &v1::CreateJoinTokenRequest) -> Result<v1::JoinToken, Failure> {
        let named = self.entered(call, &request.name).await?;
        let caller = call.caller(&request.request_id)?;
        let made = self.0.identity.make_token(&caller, &named.id).await;
        let made = made.map_err(|error| convert::identity_failure(&error, &named.text))?;
        call.audited_by_commit();
        Ok(v1::JoinToken {
            token: JoinToken::new(made.secret, self.0.authorities.bundle()).text().to_string(),
            agent: names::name(&made.agent.tenant, "agents", &made.agent.name),
            expire_time: Some(timestamp(made.token.expires_at)),
        })
    }

    /// New keys for an agent: in a minute, or at once where one was stolen.
    pub(super) async fn rotate_keys(
        &self,
        call: &Call,
        request: &v1::RotateAgentKeysRequest,
    ) -> Result<v1::RotateAgentKeysResponse, Failure> {
        let named = self.entered(call, &request.name).await?;
        let caller = call.caller(&request.request_id)?;
        let (void_at, audited) = if request.compromised {
            let voided = self.0.marked(self.0.people.void_keys(&caller, &named.id)).await;
            let voided = voided.map_err(|error| convert::people_failure(&error, &named.text))?;
            (self.0.ports.clock.now(), voided.audited)
        } else {
            let rotated = self.0.identity.rotate_keys(&caller, &named.id).await;
            let rotated = rotated.map_err(|error| convert::identity_failure(&error, &named.text))?;
            (rotated.now, rotated.audited)
        };
        if audited {
            call.audited_by_commit();
        }
        Ok(v1::RotateAgentKeysResponse { void_time: Some(timestamp(void_at)) })
    }

    async fn entered(&self, call: &Call, name: &str) -> Result<Named<Name>, Failure> {
        let tenant = call.tenant()?;
        let named: Named<Name> = names::parse("name", "agents", name, tenant)?;
        let resource = self.0.agent_resource(tenant, &named).await?;
        let _permit = self.0.enter(call, resource, &named).await?;
        Ok(named)
    }
}

/// The agent that a worker says it is: a name, or a resource name.
fn worker_name(text: &str) -> Result<(Option<TenantId>, Name), Failure> {
    let Some(rest) = text.strip_prefix("tenants/") else { return Ok((None, names::bare("agent", text)?)) };
    let shape = || Failure::invalid("agent", "it is neither a name nor `tenants/<tenant>/agents/<name>`");
    let (tenant, name) = rest.split_once("/agents/").ok_or_else(shape)?;
    Ok((Some(TenantId::parse(tenant).map_err(|_| shape())?), names::bare("agent", name)?))
}

/// The key of a signing request of whoever `id` names, as DER `SubjectPublicKeyInfo`.
///
/// # Errors
/// INVALID_ARGUMENT.
pub(super) fn key_of(request: &[u8], id: &SpiffeId) -> Result<Vec<u8>, Failure> {
    let refused = |why: String| Failure::invalid("signing_request", why);
    if request.len() > REQUEST_LEN_MAX {
        return Err(refused(format!("it is longer than {REQUEST_LEN_MAX} bytes")));
    }
    let key = read_workload(request, id).map_err(|error| refused(scalbotics_core::in_words(&error)))?;
    Ok(key.to_spki_der())
}

/// A certificate on the wire.
pub(super) fn certificate_of(issued: &IssuedSvid, id: &SpiffeId) -> v1::Certificate {
    let chain: Vec<_> = issued.chain.iter().map(|certificate| certificate.clone().into()).collect();
    v1::Certificate {
        chain: certificate::to_pem(&chain),
        spiffe_id: id.to_string(),
        serial: issued.serial.clone(),
        expire_time: Some(timestamp(issued.not_after)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_says_a_name_or_a_resource_name() {
        let clerk = Name::parse("clerk").unwrap();
        assert_eq!(worker_name("clerk").unwrap(), (None, clerk.clone()));
        assert_eq!(worker_name("tenants/acme/agents/clerk").unwrap(), (TenantId::parse("acme").ok(), clerk));
        for bad in [
            "",
            "Clerk",
            "a/b",
            "tenants/",
            "tenants/acme",
            "tenants/acme/agents/",
            "tenants/ACME/agents/clerk",
            "tenants//agents/x",
        ] {
            assert!(worker_name(bad).is_err(), "{bad}");
        }
    }
}
