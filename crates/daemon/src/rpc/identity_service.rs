//! IdentityService: the issuing CAs, one after another; certificates of agents are in `join_service` and `svid_service`.
//!
//! **Invariant:** the installation log says what is about to be done before it is done, and what became of it.

use std::sync::Arc;

use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::identity::{Authority, AuthorityId};
use scalbotics_core::policy::Resource;
use scalbotics_core::ports::{AuthorityMark, KeyAuthority, KeyAuthorityError};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::holder::certificate;
use scalbotics_proto::v1;
use scalbotics_proto::v1::identity_service_server::IdentityService;
use scalbotics_runtime::identity::Event;
use tokio::sync::oneshot;
use tonic::{Request, Response, Status};

use super::audit::audit_failure;
use super::call::Call;
use super::codes;
use super::context::Context;
use super::convert;
use super::failure::Failure;
use super::names;
use crate::clock;

/// IdentityService.
#[derive(Debug, Clone)]
pub(super) struct Identities(pub(super) Arc<Context>);

impl Identities {
    async fn enter(&self, call: &Call) -> Result<(), Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", "", tenant)?;
        let _permit = self.0.enter(call, Resource::only("Installation", tenant), &named).await?;
        Ok(())
    }

    /// A change with its two records in the installation log (semantics §7.3); nothing is changed whose first was not written, or by a clock
    /// that is not believed. A caller who goes away stops neither the change nor its second record.
    async fn noted<T, F>(
        &self,
        call: &Call,
        (action, target): (&str, &str),
        change: impl FnOnce(Arc<dyn KeyAuthority>, Timestamp) -> F + Send + 'static,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, KeyAuthorityError>> + 'static,
    {
        if self.0.clock.alarm().is_some() {
            let failure = Failure::new(codes::CLOCK_UNTRUSTED, "nothing is issued or revoked now");
            return Err(failure.why("the clock stepped, so no certificate can be judged").next(clock::NEXT));
        }
        let uid = call.identity()?.principal.uid;
        let mut record = Record::new(Kind::Installation, self.0.ports.clock.now(), TenantId::system(), uid, action);
        record.target = Some(target.to_owned());
        record.request = Some(call.request);
        let ((told, made), this) = (oneshot::channel(), self.clone());
        self.0.supervisor.spawn("change of authorities", async move {
            let _gone = told.send(this.carried_out(record, change).await);
        });
        made.await.map_err(|error| Failure::internal("change the authorities", &error))?
    }

    async fn carried_out<T, F>(
        &self,
        record: Record,
        change: impl FnOnce(Arc<dyn KeyAuthority>, Timestamp) -> F + Send + 'static,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, KeyAuthorityError>> + 'static,
    {
        self.record(record.clone(), "begun").await?;
        let made = self.0.authorities.change(Arc::clone(&self.0.ports.clock), change).await;
        if let (Ok(_), Some(event)) = (&made, event_of(&record.action)) {
            self.0.runtime_metrics.identity.happened(event);
        }
        let word = match &made {
            Ok(_) => "ok",
            Err(KeyAuthorityError::State(_) | KeyAuthorityError::Refused { .. }) => "refused",
            Err(KeyAuthorityError::Keys { .. }) => "failed",
        };
        self.record(Record { at: self.0.ports.clock.now(), ..record }, word).await?;
        made.map_err(|error| convert::authority_failure(&error))
    }

    async fn record(&self, mut record: Record, word: &str) -> Result<(), Failure> {
        record.outcome = Some(OutcomeNote { word: word.to_owned(), attempt: None, commitment: None });
        self.0.auditor.awaited(record, None).await.map_err(|error| audit_failure(&error))
    }

    async fn list(&self, call: &Call) -> Result<v1::ListAuthoritiesResponse, Failure> {
        self.enter(call).await?;
        let all = self.0.authorities.port().authorities().await.map_err(|error| convert::authority_failure(&error))?;
        Ok(v1::ListAuthoritiesResponse { authorities: all.iter().map(convert::authority).collect() })
    }

    async fn prepare(&self, call: &Call, request: &v1::PrepareAuthorityRequest) -> Result<v1::PrepareAuthorityResponse, Failure> {
        self.enter(call).await?;
        let _checked = call.caller(&request.request_id)?;
        let change = |port: Arc<dyn KeyAuthority>, now| async move { port.prepare(now).await };
        let (authority, request): (Authority, Vec<u8>) = self.noted(call, ("ca.prepare", "next"), change).await?;
        let signing_request = certificate::request_to_pem(&request);
        Ok(v1::PrepareAuthorityResponse { authority: Some(convert::authority(&authority)), signing_request })
    }

    async fn activate(&self, call: &Call, request: &v1::ActivateAuthorityRequest) -> Result<v1::Authority, Failure> {
        self.enter(call).await?;
        let _checked = call.caller(&request.request_id)?;
        let mut found = certificate::from_pem(&request.certificate).unwrap_or_default();
        let given = found.pop().filter(|_| found.is_empty());
        let given = given.ok_or_else(|| Failure::invalid("certificate", "it is not exactly one PEM certificate"))?;
        let target = scalbotics_core::digest::Digest::of_bytes(&given).to_string();
        let change = move |port: Arc<dyn KeyAuthority>, now| async move { port.activate(&given, now).await };
        let authority = self.noted(call, ("ca.activate", &target), change).await?;
        Ok(convert::authority(&authority))
    }

    async fn mark(&self, call: &Call, authority: &str, mark: AuthorityMark, request_id: &str) -> Result<v1::Authority, Failure> {
        let _checked = call.caller(request_id)?;
        let id = AuthorityId::parse(authority).map_err(|error| Failure::invalid("authority", error.to_string()))?;
        let (target, action) = (id.to_string(), if mark == AuthorityMark::Taint { "ca.taint" } else { "ca.revoke" });
        let change = move |port: Arc<dyn KeyAuthority>, now| async move { port.mark(&id, mark, now).await };
        Ok(convert::authority(&self.noted(call, (action, &target), change).await?))
    }

    async fn taint(&self, call: &Call, request: &v1::TaintAuthorityRequest) -> Result<v1::Authority, Failure> {
        self.enter(call).await?;
        self.mark(call, &request.authority, AuthorityMark::Taint, &request.request_id).await
    }

    async fn revoke(&self, call: &Call, request: &v1::RevokeAuthorityRequest) -> Result<v1::Authority, Failure> {
        self.enter(call).await?;
        let root_crl = match request.root_crl.as_str() {
            "" => Vec::new(),
            text => certificate::crl_from_pem(text).map_err(|error| Failure::invalid("root_crl", error.to_string()))?,
        };
        self.mark(call, &request.authority, AuthorityMark::Revoke { root_crl }, &request.request_id).await
    }

    async fn bundle(&self, call: &Call) -> Result<v1::TrustBundle, Failure> {
        self.enter(call).await?;
        let trust_domain = self.0.installation.trust_domain.to_string();
        Ok(v1::TrustBundle { trust_domain, certificates: self.0.bundle.clone() })
    }
}

/// What has happened by an action that was carried out; preparing changes nothing for anybody.
fn event_of(action: &str) -> Option<Event> {
    match action {
        "ca.activate" => Some(Event::AuthorityActivated),
        "ca.taint" => Some(Event::AuthorityTainted),
        "ca.revoke" => Some(Event::AuthorityRevoked),
        _ => None,
    }
}

#[tonic::async_trait]
impl IdentityService for Identities {
    async fn list_authorities(
        &self,
        request: Request<v1::ListAuthoritiesRequest>,
    ) -> Result<Response<v1::ListAuthoritiesResponse>, Status> {
        let (call, _) = Call::of(request)?;
        self.0.answer(&call, self.list(&call).await).await
    }

    async fn prepare_authority(
        &self,
        request: Request<v1::PrepareAuthorityRequest>,
    ) -> Result<Response<v1::PrepareAuthorityResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.prepare(&call, &message).await).await
    }

    async fn activate_authority(
        &self,
        request: Request<v1::ActivateAuthorityRequest>,
    ) -> Result<Response<v1::Authority>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.activate(&call, &message).await).await
    }

    async fn taint_authority(&self, request: Request<v1::TaintAuthorityRequest>) -> Result<Response<v1::Authority>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.taint(&call, &message).await).await
    }

    async fn revoke_authority(&self, request: Request<v1::RevokeAuthorityRequest>) -> Result<Response<v1::Authority>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.revoke(&call, &message).await).await
    }

    async fn get_trust_bundle(&self, request: Request<v1::GetTrustBundleRequest>) -> Result<Response<v1::TrustBundle>, Status> {
        let (call, _) = Call::of(request)?;
        self.0.answer(&call, self.bundle(&call).await).await
    }

    async fn enroll(&self, request: Request<v1::EnrollRequest>) -> Result<Response<v1::Certificate>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.joined(&call, &message).await).await
    }

    async fn renew_svid(&self, request: Request<v1::RenewSvidRequest>) -> Result<Response<v1::Certificate>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.renew(&call, &message).await).await
    }

    async fn list_svids(&self, request: Request<v1::ListSvidsRequest>) -> Result<Response<v1::ListSvidsResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.svids(&call, &message).await).await
    }
}
