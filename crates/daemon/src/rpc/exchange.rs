//! Tokens of outside issuers, exchanged for ours (RFC 8693, semantics §4.4): each once, bound to the key that its bearer proves.

use std::sync::Arc;

use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::outside::Outside;
use scalbotics_core::principal::KeyHolder;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::authority::issuer::{Session, verify_proof};
use scalbotics_identity::authority::outside::{Arrived, KeySet, Refusal, Token, TokenKind, Trusted};
use scalbotics_identity::holder::key::Thumbprint;
use scalbotics_identity::holder::proof;
use scalbotics_proto::v1;
use scalbotics_runtime::audit::Unauthenticated;
use scalbotics_runtime::issuers::KeyCache;
use scalbotics_runtime::people::Arrival;

use super::audit::audit_failure;
use super::call::Call;
use super::codes;
use super::context::Context;
use super::convert::{people_failure, timestamp};
use super::failure::Failure;
use super::registered::Registered;
use super::used::{Use, UsedAssertions};
use crate::clock;

/// What every refusal says it was attempted.
const WHAT: &str = "the login is refused";

/// What to do about most of them.
const NEXT: &str = "scalbotics login";

/// Who is trusted beside the built-in issuer, and what was heard from them.
#[derive(Debug)]
pub struct Outsiders {
    /// Whom the configuration trusts.
    pub trusted: Vec<Trusted>,
    /// Their keys.
    pub keys: KeyCache<KeySet>,
    /// Tokens that were exchanged, until they would be refused as old.
    pub used: Arc<UsedAssertions>,
    /// Whether people may log in by their own keys all the same.
    pub break_glass: bool,
}

/// A login that is refused, with the word for metrics.
struct Refused {
    failure: Failure,
    reason: &'static str,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure, reason: "other" }
    }
}

impl Outsiders {
    /// Whether nobody logs in by a key of their own: there is somebody else to log in by (semantics §4.5).
    pub(super) const fn only(&self) -> bool {
        !self.trusted.is_empty() && !self.break_glass
    }

    /// Whether people log in by keys of their own although there is somebody else to log in by.
    pub(super) const fn is_glass_broken(&self) -> bool {
        !self.trusted.is_empty() && self.break_glass
    }
}

impl Context {
    /// Exchanges a token of an outside issuer.
    ///
    /// # Errors
    /// SUBJECT_TOKEN_REFUSED, SUBJECT_TOKEN_USED, ISSUER_UNAVAILABLE, PRINCIPAL_SUSPENDED, CLOCK_UNTRUSTED, or what storing it fails with.
    pub(super) async fn exchange_token(
        &self,
        call: &Call,
        request: &v1::ExchangeTokenRequest,
    ) -> Result<v1::AccessToken, Failure> {
        let now = self.ports.clock.now();
        let checked = self.arrived(request, call.row.method.path, now).await;
        let (arrived, key) = checked.map_err(|refused| self.count(refused))?;
        let served = self.check_served(&arrived.tenant, WHAT).await;
        served.map_err(|failure| self.count(Refused { failure, reason: "suspended" }))?;
        let arrival = Arrival {
            tenant: arrived.tenant,
            outside: Outside {
                issuer: arrived.issuer,
                person: arrived.person,
                groups: arrived.groups,
                claims_at: arrived.said_at,
            },
            called: arrived.called,
            key: key.to_string(),
            request: call.request,
            trace: call.trace.trace_id.clone(),
        };
        let (human, is_new) = self.people.arrive(arrival).await.map_err(|error| people_failure(&error, "the person"))?;
        if is_new {
            // Whom nobody remembers, a restore suspends.
            self.anchor.standings_changed().await;
        }
        let holder = KeyHolder::Human(human.uid);
        let registered = Registered::Human(human);
        registered.check(now, WHAT).map_err(|failure| self.count(Refused { failure, reason: "suspended" }))?;
        let session = Session {
            holder,
            sponsor: None,
            tenant: registered.tenant().clone(),
            groups: registered.principal().groups,
            auth_time: now,
            key,
            epoch: registered.epoch(),
        };
        let minted = self.issuer.mint(&session, now).map_err(|error| Failure::internal("mint a token", &error))?;
        // Logins stand in the installation log too (semantics §7.3).
        self.auditor.batched(copy(call, session.holder, &minted.jti, now), None).map_err(|error| audit_failure(&error))?;
        self.metrics.logins_outside.add(1);
        call.audited_by_commit();
        Ok(v1::AccessToken { token: minted.token, expire_time: Some(timestamp(minted.expires_at)) })
    }

    /// Counts a refusal; answers it.
    fn count(&self, refused: Refused) -> Failure {
        let Refused { failure, reason } = refused;
        self.auditor.unauthenticated(Unauthenticated::Outside);
        self.metrics.authentications.refused(Unauthenticated::Outside, failure.code());
        self.metrics.login_refused(reason);
        tracing::info!(reason, why = failure.parts().why.as_str(), "login by an outside issuer refused");
        failure
    }

    /// Who brings the token, verified and used for the first time, and the key that they hold.
    async fn arrived(
        &self,
        request: &v1::ExchangeTokenRequest,
        path: &str,
        now: Timestamp,
    ) -> Result<(Arrived, Thumbprint), Refused> {
        if let Some(alarm) = self.clock.alarm() {
            let failure = Failure::new(codes::CLOCK_UNTRUSTED, WHAT);
            return Err(failure.why(alarm).next(clock::NEXT).into());
        }
        let kind = TokenKind::parse(&request.subject_token_type);
        let kind = kind.ok_or_else(|| refuse("the type of the token is not known", "type"))?;
        let target = proof::target(self.installation.trust_domain.as_str(), path);
        let proved = verify_proof(&request.proof, &target, &request.subject_token, now);
        let key = proved.map_err(|refusal| refuse(refusal.to_string(), "proof"))?.key;
        let token = Token::parse(&request.subject_token, kind).map_err(refused)?;
        let trusted = self.outsiders.trusted.iter().find(|trusted| trusted.url == token.claimed_issuer());
        let trusted = trusted.ok_or_else(|| refused(Refusal::Issuer))?;
        let keys = self.outsiders.keys.keys(&trusted.url, |keys| keys.has(token.claimed_key())).await;
        let keys = keys.map_err(|unavailable| {
            let failure = Failure::new(codes::ISSUER_UNAVAILABLE, WHAT).why(unavailable.why);
            let failure = failure.next("try again in a minute; on the daemon's host, `scalbotics doctor` asks the issuer");
            Refused { failure, reason: "issuer_unavailable" }
        })?;
        let arrived = token.verify(trusted, &keys, key, now).map_err(refused)?;
        self.exchange_once(&arrived, now).await?;
        Ok((arrived, key))
    }

    async fn exchange_once(&self, arrived: &Arrived, now: Timestamp) -> Result<(), Refused> {
        let used = Arc::clone(&self.outsiders.used);
        let (issuer, once, until) = (arrived.issuer.clone(), arrived.once.to_string(), arrived.remember_until);
        match super::used::use_once(used, (issuer, once), (until, now), WHAT).await? {
            Use::First => Ok(()),
            Use::Full => Err(Failure::new(codes::RATE_LIMITED, WHAT).next("try again in a minute").into()),
            Use::Again => {
                tracing::warn!(issuer = arrived.issuer.as_str(), "token of an outside issuer was brought twice");
                let why = "a token that says the same was exchanged before: this one, or another of the same second";
                let failure = Failure::new(codes::SUBJECT_TOKEN_USED, WHAT).why(why).next(NEXT);
                Err(Refused { failure, reason: "replayed" })
            }
        }
    }
}

fn refuse(why: impl Into<String>, reason: &'static str) -> Refused {
    Refused { failure: Failure::new(codes::SUBJECT_TOKEN_REFUSED, WHAT).why(why).next(NEXT), reason }
}

fn refused(refusal: Refusal) -> Refused {
    refuse(refusal.to_string(), refusal.word())
}

fn copy(call: &Call, holder: KeyHolder, jti: &str, now: Timestamp) -> Record {
    let mut record = Record::new(Kind::Rpc, now, TenantId::system(), holder.into(), "session.exchange");
    record.target = Some(jti.to_owned());
    record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
    record.request = Some(call.request);
    record.trace = Some(call.trace.trace_id.clone());
    record
}
