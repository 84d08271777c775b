//! Who calls: a bearer token of the built-in issuer, and the registry's word of this moment.
//!
//! **Invariant:** standing, epoch and groups are the registry's at each call, never the token's, so that a suspension refuses
//! the very next call (semantics §4.3).

use http::HeaderMap;
use http::header::AUTHORIZATION;
use scalbotics_core::secret::Secret;
use scalbotics_identity::authority::issuer::Refusal;

use super::call::Identity;
use super::codes;
use super::context::Context;
use super::failure::Failure;
use super::gate::Connection;
use super::registered::Registered;
use crate::clock;

/// What every failed authentication says it was attempted on.
pub(super) const WHAT: &str = "the call is not authenticated";

/// What to do after a suspension.
pub(super) const AFTER_SUSPENSION: &str =
    "ask an administrator of the tenant; once resumed, `scalbotics login` gets a token that counts";

/// What to do about it.
pub(super) const NEXT: &str = "scalbotics login";

impl Context {
    /// Authenticates a call of the method at `path` by its headers, and by what was proved on its connection.
    ///
    /// # Errors
    /// UNAUTHENTICATED, TOKEN_EXPIRED, PRINCIPAL_SUSPENDED, TENANT_SUSPENDED or GRANT_OVER; STORE_FAILED when the registry cannot be read.
    pub(super) async fn authenticate(
        &self,
        headers: &HeaderMap,
        path: &str,
        connection: &Connection,
    ) -> Result<Identity, Failure> {
        let refuse = |why: &str| Failure::new(codes::UNAUTHENTICATED, WHAT).why(why).next(NEXT);
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(refuse("there is not exactly one `authorization` header"));
        };
        let token = value.to_str().ok().and_then(|value| value.split_once(' '));
        // The scheme's case means nothing (RFC 9110 §11.1).
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token);
        let token = token.ok_or_else(|| refuse("the `authorization` header is not `Bearer <token>`"))?;
        if connection.certificate.is_some() {
            return Err(refuse("a human's token does not count on an agent's connection"));
        }
        if self.clock.alarm().is_some() {
            let failure = Failure::new(codes::CLOCK_UNTRUSTED, WHAT);
            return Err(failure.why("the clock stepped, so no token can be judged").next(clock::NEXT));
        }
        let presented = token;
        let token = self.validator.validate(presented, self.ports.clock.now()).map_err(|refusal| {
            if refusal == Refusal::Expired {
                Failure::new(codes::TOKEN_EXPIRED, WHAT).next(NEXT)
            } else {
                refuse(&refusal.to_string())
            }
        })?;
        let session = token.session;
        // Before anything is told of who it is about: whoever cannot prove the key learns nothing.
        self.check_possession((headers, path), presented, session.key, &connection.proved)?;
        self.check_not_ended(&token.jti, WHAT)?;
        let registered = self.registered(session.holder).await?;
        let registered = registered.filter(|found| *found.tenant() == session.tenant);
        let registered = registered.ok_or_else(|| refuse("nobody has this identity"))?;
        registered.check(self.ports.clock.now(), WHAT)?;
        self.check_served(registered.tenant(), WHAT).await?;
        if registered.sponsored_by() != session.sponsor {
            return Err(Failure::new(codes::TOKEN_EXPIRED, WHAT).why("the service has another sponsor since").next(NEXT));
        }
        if registered.epoch() != session.epoch {
            return Err(Failure::new(codes::PRINCIPAL_SUSPENDED, WHAT).next(AFTER_SUSPENSION));
        }
        let (principal, sponsor) = (registered.principal(), registered.sponsor());
        let presented = Secret::new(presented.as_bytes().to_vec());
        Ok(Identity {
            principal,
            sponsor,
            registered,
            token: Some(presented),
            jti: Some(token.jti),
            expires_at: token.expires_at,
        })
    }

    /// Why a stream of this caller has to end, if it has to: logged out, suspended, under a grant or a certificate that is over, by a certificate of an
    /// authority that was revoked, or other groups than when it was opened.
    ///
    /// A registry that cannot be read ends it too.
    pub(super) async fn standing(&self, identity: &Identity) -> Result<(), Failure> {
        const CUT: &str = "the stream is cut";
        if let Some(jti) = &identity.jti {
            self.check_not_ended(jti, CUT)?;
        }
        let found = self.again(&identity.registered).await?;
        if let Some(found) = found.filter(|found| identity.registered.is_still(found)) {
            self.check_served(found.tenant(), CUT).await?;
            let now = self.ports.clock.now();
            return match &found {
                Registered::Agent(certified) => self.check_certified(certified, now, CUT).map(drop),
                Registered::Human(_) | Registered::Service { .. } => found.check(now, CUT),
            };
        }
        Err(Failure::new(codes::PRINCIPAL_SUSPENDED, CUT).why("the caller's standing or groups changed").next(NEXT))
    }
}
