//! An agent that calls by its certificate.
//!
//! **Invariant:** what a certificate says is compared, at each call, with the book of certificates and the registry of that moment: its serial
//! number with who has it and under which epoch, its authority with those that vouch. An older epoch never works again (semantics §4.3).

use scalbotics_core::agent::Agent;
use scalbotics_core::identity::svid::{Svid, Void};
use scalbotics_core::ports::Human;
use scalbotics_core::principal::{Principal, Uid};
use scalbotics_core::service::Sponsor;
use scalbotics_core::tenant::Name;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::holder::svid::Svid as Presented;

use super::authenticate::WHAT;
use super::call::Identity;
use super::codes;
use super::context::Context;
use super::convert::store_failure;
use super::failure::Failure;
use super::registered::Registered;
use crate::clock;

/// An agent with its certificate, and who let it join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certified {
    /// The agent.
    pub agent: Agent,
    /// Its team as desired state has it; none where no commit names the agent any more.
    pub team: Option<Name>,
    /// The book's entry of the certificate.
    pub svid: Svid,
    /// Who let it join.
    pub sponsor: Human,
}

impl Context {
    /// Authenticates a call by the certificate of its connection.
    ///
    /// # Errors
    /// UNAUTHENTICATED, PRINCIPAL_SUSPENDED or TENANT_SUSPENDED; CLOCK_UNTRUSTED; STORE_FAILED when the registry cannot be read.
    pub(super) async fn authenticate_certificate(&self, presented: &Presented) -> Result<Identity, Failure> {
        if self.clock.alarm().is_some() {
            let failure = Failure::new(codes::CLOCK_UNTRUSTED, WHAT);
            return Err(failure.why("the clock stepped, so no certificate can be judged").next(clock::NEXT));
        }
        let now = self.ports.clock.now();
        let certified = self.certified(&presented.serial.to_string()).await?;
        let certified = certified.ok_or_else(|| unknown("the certificate is not one that an agent joined with"))?;
        let (svid, agent) = (&certified.svid, &certified.agent);
        if svid.key != presented.key || presented.id != self.identity.id_of(agent) {
            return Err(unknown("the certificate is not the one that was issued under its number"));
        }
        if now > presented.not_after {
            return Err(unknown("the certificate is over"));
        }
        let expires_at = self.check_certified(&certified, now, WHAT)?;
        self.check_served(&certified.agent.tenant, WHAT).await?;
        let (principal, sponsor) = (certified.principal(), certified.sponsor());
        let registered = Registered::Agent(Box::new(certified));
        Ok(Identity { principal, sponsor, registered, token: None, jti: None, expires_at })
    }

    /// Until when an agent may count on its certificate, or why it may not act by it at `now`, after the words of what was attempted.
    ///
    /// # Errors
    /// UNAUTHENTICATED, also where who signed the certificate is revoked; PRINCIPAL_SUSPENDED.
    pub(super) fn check_certified(&self, certified: &Certified, now: Timestamp, what: &str) -> Result<Timestamp, Failure> {
        certified.check(now, what)?;
        let until = self.authorities.counted_on_until(&certified.svid.authority, now);
        let until = until.ok_or_else(|| refused(what, "who signed the certificate is revoked, or has ended"))?;
        Ok(until.min(certified.svid.void_at))
    }

    /// The rows of a certificate by its number; none where it is nobody's, or where nobody stands for its agent.
    pub(super) async fn certified(&self, serial: &str) -> Result<Option<Certified>, Failure> {
        let failed = |error| store_failure(&error);
        let Some(svid) = self.ports.svids.svid(serial).await.map_err(failed)? else { return Ok(None) };
        let Some(joined) = svid.joined else { return Ok(None) };
        let (agent, sponsor) = (self.ports.registry.agent(svid.agent), self.ports.registry.human_by_uid(joined.sponsor));
        let Some(agent) = agent.await.map_err(failed)? else { return Ok(None) };
        let Some(sponsor) = sponsor.await.map_err(failed)?.filter(|human| human.tenant == agent.tenant) else { return Ok(None) };
        let in_force = self.states.current(&agent.tenant);
        let team = in_force.and_then(|state| state.snapshot.agents.get(&agent.name).map(|wanted| wanted.team.clone()));
        Ok(Some(Certified { agent, team, svid, sponsor }))
    }
}

fn unknown(why: &str) -> Failure {
    refused(WHAT, why)
}

fn refused(what: &str, why: &str) -> Failure {
    Failure::new(codes::UNAUTHENTICATED, what).why(why).next("ask an administrator of the tenant for a join token")
}

impl Certified {
    /// The agent as policy sees it.
    pub(super) fn principal(&self) -> Principal {
        let Agent { uid, tenant, name, .. } = &self.agent;
        let groups = self.team.iter().cloned().collect();
        Principal { uid: Uid::Agent(*uid), tenant: tenant.clone(), name: name.clone(), groups }
    }

    /// Who stands at the head of what it asks.
    pub(super) fn sponsor(&self) -> Option<Sponsor> {
        self.svid.link().map(|grant| Sponsor { human: self.sponsor.principal(), grant })
    }

    /// Why book and registry do not let it act at `now`, if they do not, after the words of what was attempted.
    pub(super) fn check(&self, now: Timestamp, what: &str) -> Result<(), Failure> {
        let join = format!("ask an administrator to run `scalbotics agent join-token {}`", self.agent.name);
        let suspended = |next: String| Failure::new(codes::PRINCIPAL_SUSPENDED, what).next(next);
        if self.sponsor.standing != scalbotics_core::agent::Standing::Active {
            return Err(suspended(join).why("the human who let the agent join is suspended or offboarded"));
        }
        match self.svid.void(&self.agent, now) {
            None => Ok(()),
            Some(Void::Standing) => Err(suspended("ask an administrator of the tenant".to_owned())),
            Some(Void::Epoch) => Err(suspended(join).why("the certificate is of before the agent was suspended or got new keys")),
            Some(Void::Over) => Err(Failure::new(codes::UNAUTHENTICATED, what).why("the certificate is over").next(join)),
        }
    }
}
