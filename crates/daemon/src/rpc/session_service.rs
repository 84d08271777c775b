//! SessionService: login by signed assertion (RFC 7523) or by the token of an outside issuer, logout, and who the caller is.

use std::sync::Arc;

use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::policy::Resource;
use scalbotics_core::principal::KeyHolder;
use scalbotics_core::service;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::authority::issuer::{Assertion, LoggedIn, Refusal, Session};
use scalbotics_identity::holder::key::Public;
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_server::SessionService;
use scalbotics_runtime::audit::Unauthenticated;
use tonic::{Request, Response, Status};

use super::audit::audit_failure;
use super::call::Call;
use super::codes;
use super::context::Context;
use super::convert::timestamp;
use super::failure::Failure;
use super::names;
use super::registered::Registered;
use super::used::{self, Use};
use crate::clock;

/// What every refusal says it was attempted.
const WHAT: &str = "the login is refused";

/// SessionService.
#[derive(Debug, Clone)]
pub(super) struct Sessions(pub(super) Arc<Context>);

impl Sessions {
    async fn exchange(&self, call: &Call, request: &v1::ExchangeAssertionRequest) -> Result<v1::AccessToken, Failure> {
        let now = self.0.ports.clock.now();
        let checked = async {
            let (registered, logged_in) = self.check(&request.assertion, now).await?;
            // Whoever is suspended in this moment logs in before that, and the log says so, or not at all.
            let still = self.0.people.still().await;
            let registered = self.0.again(&registered).await?;
            let registered = registered.ok_or_else(|| Failure::internal("find again who logs in", &logged_in.holder))?;
            registered.check(now, WHAT)?;
            Ok((registered, logged_in, still))
        };
        let checked: Result<_, Failure> = checked.await;
        let (registered, logged_in, _still) = checked.inspect_err(|failure| {
            self.0.auditor.unauthenticated(Unauthenticated::Assertion);
            self.0.metrics.authentications.refused(Unauthenticated::Assertion, failure.code());
            tracing::info!(why = failure.parts().why.as_str(), "login refused");
        })?;
        let holder = registered.holder().ok_or_else(|| Failure::internal("log in without a key", &"an agent"))?;
        let session = Session {
            holder,
            sponsor: registered.sponsored_by(),
            tenant: registered.tenant().clone(),
            groups: registered.principal().groups,
            auth_time: now,
            key: logged_in.key,
            epoch: registered.epoch(),
        };
        let minted = self.0.issuer.mint(&session, now).map_err(|error| Failure::internal("mint a token", &error))?;
        let broken = self.0.outsiders.is_glass_broken() && matches!(session.holder, KeyHolder::Human(_));
        if broken {
            tracing::warn!(holder = %session.holder, "somebody logged in by a key of their own: issuer.break_glass is set");
        }
        let action = if broken { "session.break_glass" } else { "session.login" };
        let mut record = Record::new(Kind::Rpc, now, session.tenant.clone(), session.holder.into(), action);
        if let Some(sponsor) = registered.sponsor() {
            record = record.on_behalf(&service::chain(&registered.principal(), Some(&sponsor)));
        }
        record.target = Some(minted.jti.clone());
        record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
        record.request = Some(call.request);
        record.trace = Some(call.trace.trace_id.clone());
        // Logins stand in the installation log too (semantics §7.3).
        let copy = Record { tenant: TenantId::system(), ..record.clone() };
        self.0.auditor.awaited(record, None).await.map_err(|error| audit_failure(&error))?;
        self.0.auditor.batched(copy, None).map_err(|error| audit_failure(&error))?;
        self.0.metrics.logins_assertion.add(1);
        call.audited_by_commit();
        Ok(v1::AccessToken { token: minted.token, expire_time: Some(timestamp(minted.expires_at)) })
    }

    /// Whose assertion it is, verified and used for the first time.
    async fn check(&self, assertion: &str, now: Timestamp) -> Result<(Registered, LoggedIn), Failure> {
        let refuse = |why: String| {
            let failure = Failure::new(codes::ASSERTION_REFUSED, WHAT);
            failure.why(why).next("scalbotics doctor")
        };
        if let Some(alarm) = self.0.clock.alarm() {
            let failure = Failure::new(codes::CLOCK_UNTRUSTED, WHAT);
            return Err(failure.why(alarm).next(clock::NEXT));
        }
        let refused = |refusal: Refusal| refuse(refusal.to_string().replace("token", "assertion"));
        let parsed = Assertion::parse(assertion).map_err(refused)?;
        if self.0.outsiders.only() && matches!(parsed.claimed_holder(), KeyHolder::Human(_)) {
            return Err(Failure::new(codes::OUTSIDE_ISSUER_ONLY, WHAT).next("scalbotics login"));
        }
        let registered = self.0.registered(parsed.claimed_holder()).await?;
        // Nobody learns from the answer whether an identity exists.
        // A human of an outside issuer has no login key.
        let registered = registered.filter(|found| !found.login_key().is_empty());
        let registered = registered.ok_or_else(|| refused(Refusal::Signature))?;
        let key = Public::from_jwk_json(registered.login_key()).map_err(|error| Failure::internal("read a login key", &error))?;
        let audience = self.0.installation.trust_domain.as_str();
        let logged_in = parsed.verify(&key, audience, now).map_err(|refusal| {
            let known = refusal != Refusal::UnknownKey;
            refused(if known { refusal } else { Refusal::Signature })
        })?;
        if logged_in.tenant != *registered.tenant() {
            return Err(refuse("the assertion names another tenant".to_owned()));
        }
        registered.check(now, WHAT)?;
        self.0.check_served(registered.tenant(), WHAT).await?;
        self.use_once(&logged_in, now).await?;
        Ok((registered, logged_in))
    }

    async fn use_once(&self, logged_in: &LoggedIn, now: Timestamp) -> Result<(), Failure> {
        let (holder, until) = (logged_in.holder, logged_in.replay_until);
        let named = (holder.to_string(), logged_in.jti.clone());
        let refused = |code| Failure::new(code, WHAT);
        match used::use_once(Arc::clone(&self.0.used_assertions), named, (until, now), WHAT).await? {
            Use::First => Ok(()),
            Use::Full => Err(refused(codes::RATE_LIMITED).next("try again in a minute")),
            Use::Again => {
                tracing::warn!(%holder, "login assertion was used twice");
                Err(refused(codes::ASSERTION_REFUSED).why("the assertion was used before").next("scalbotics login"))
            }
        }
    }

    async fn who_am_i(&self, call: &Call) -> Result<v1::Identity, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", "", tenant)?;
        let _permit = self.0.enter(call, Resource::only("Session", tenant), &named).await?;
        let identity = call.identity()?;
        let principal = &identity.principal;
        Ok(v1::Identity {
            kind: principal.uid.kind().to_owned(),
            uid: principal.uid.to_string(),
            display_name: principal.name.to_string(),
            tenant: principal.tenant.to_string(),
            groups: principal.groups.iter().map(ToString::to_string).collect(),
            expire_time: Some(timestamp(identity.expires_at)),
            can_approve: identity.registered.can_approve(),
            sponsor: identity.sponsor.as_ref().map(|sponsor| sponsor.human.name.to_string()).unwrap_or_default(),
            grant_expire_time: identity.sponsor.as_ref().map(|sponsor| timestamp(sponsor.grant.expires_at)),
        })
    }
}

#[tonic::async_trait]
impl SessionService for Sessions {
    async fn exchange_assertion(
        &self,
        request: Request<v1::ExchangeAssertionRequest>,
    ) -> Result<Response<v1::AccessToken>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.exchange(&call, &message).await).await
    }

    async fn exchange_token(&self, request: Request<v1::ExchangeTokenRequest>) -> Result<Response<v1::AccessToken>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.0.exchange_token(&call, &message).await).await
    }

    async fn end_session(&self, request: Request<v1::EndSessionRequest>) -> Result<Response<v1::EndSessionResponse>, Status> {
        let (call, _) = Call::of(request)?;
        self.0.answer(&call, self.0.end_session(&call).await).await
    }

    async fn who_am_i(&self, request: Request<v1::WhoAmIRequest>) -> Result<Response<v1::Identity>, Status> {
        let (call, _) = Call::of(request)?;
        self.0.answer(&call, self.who_am_i(&call).await).await
    }
}
