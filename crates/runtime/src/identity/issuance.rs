//! Issues certificates to agents.

use std::sync::Arc;

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::audit::{DecisionNote, Kind, OutcomeNote, Record};
use scalbotics_core::digest::Digest;
use scalbotics_core::failpoint;
use scalbotics_core::identity::{JoinToken, Joined, SpiffeId, Subject, Svid, TrustDomain};
use scalbotics_core::ids::{AgentUid, RequestId};
use scalbotics_core::ports::{IssuedSvid, KeyAuthority, Note, Redeemed, SvidOrder, is_served};
use scalbotics_core::principal::Uid;
use scalbotics_core::task::TraceContext;
use scalbotics_core::time::Timestamp;

use super::alarms::Alarms;
use super::renewal::{Answered, RENEW};
use super::{Error, Event, Spoiled};
use crate::audit::Quota;
use crate::change::{ChangeError, Changes};
use crate::metrics::Metrics;
use crate::task::Repeat;
use crate::{Caller, Ports};

/// Whether the clock is believed (semantics §4.7).
pub trait TimeTrust: Send + Sync + std::fmt::Debug {
    /// False after a step that nobody has accepted: nothing is issued then.
    fn is_believed(&self) -> bool;
}

/// What certificates of this installation say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Whose they are.
    pub trust_domain: TrustDomain,
    /// Their life, in milliseconds.
    pub lifetime_ms: u64,
}

/// By what right an agent gets a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// By a join token, which is used up.
    Join(JoinToken),
    /// By one that it has.
    Renewal(Svid),
    /// Since the daemon itself has found out who asks: nobody stands for it, and the API answers it nothing.
    Attested,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// Somebody whom the API knows, after a decision.
    Caller(&'a Caller),
    /// A worker that nobody knows before it has its certificate.
    Worker(RequestId, &'a TraceContext),
    /// The daemon, for a process of this machine.
    Daemon,
}

/// What is to be issued.
#[derive(Debug)]
pub struct Order<'a> {
    /// To whom.
    pub agent: AgentUid,
    /// Their public key, as DER `SubjectPublicKeyInfo`.
    pub key_spki: Vec<u8>,
    /// By what right.
    pub basis: Basis,
    /// Who asks.
    pub by: By<'a>,
}

/// Issues certificates to agents. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Issuance {
    pub(super) ports: Ports,
    authority: Arc<dyn KeyAuthority>,
    pub(super) time: Arc<dyn TimeTrust>,
    pub(super) changes: Changes,
    quota: Arc<Quota>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) alarms: Alarms,
    terms: Terms,
}

impl Issuance {
    /// An issuance by `authority` under these terms.
    #[must_use]
    pub fn new(
        ports: Ports,
        (authority, time): (Arc<dyn KeyAuthority>, Arc<dyn TimeTrust>),
        (quota, metrics): (Arc<Quota>, Arc<Metrics>),
        terms: Terms,
    ) -> Self {
        let (changes, alarms) =
            (Changes::new(ports.clone(), Arc::clone(&quota)), Alarms::new(ports.clone(), Arc::clone(&metrics)));
        Self { changes, ports, authority, time, quota, metrics, alarms, terms }
    }

    /// The SPIFFE id of an agent.
    #[must_use]
    pub fn id_of(&self, agent: &Agent) -> SpiffeId {
        let subject = Subject::Agent { tenant: agent.tenant.clone(), agent: agent.name.clone() };
        SpiffeId::new(self.terms.trust_domain.clone(), &subject)
    }

    /// Signs a certificate for the agent's key, enters it into the book with its audit record in one commit, and answers it then. Many may
    /// be asked for at once: their commits are made together.
    ///
    /// # Errors
    /// [`Error`]; nothing was issued then, and a join token is as it was.
    pub async fn issue(&self, order: Order<'_>) -> Result<IssuedSvid, Error> {
        let event = match &order.basis {
            Basis::Join(_) => Event::Joined,
            Basis::Renewal(_) => Event::Renewed,
            Basis::Attested => Event::Attested,
        };
        let issued = self.issued(order).await;
        match &issued {
            Ok(_) => {
                self.metrics.identity.svids_issued.add(1);
                self.metrics.identity.happened(event);
            }
            Err(_) => self.metrics.identity.svids_refused.add(1),
        }
        issued
    }

    async fn issued(&self, order: Order<'_>) -> Result<IssuedSvid, Error> {
        if !self.time.is_believed() {
            return Err(Error::Clock);
        }
        let now = self.ports.clock.now();
        let agent = self.ports.registry.agent(order.agent).await?.ok_or(Error::NotFound)?;
        let not_active = || Error::NotActive { name: agent.name.clone() };
        if agent.standing != Standing::Active || !is_served(self.ports.tenants.as_ref(), &agent.tenant).await? {
            return Err(not_active());
        }
        let (epoch, joined, action) = basis(&order.basis, &agent, now)?;
        let wanted = SvidOrder {
            id: self.id_of(&agent),
            key_spki: order.key_spki,
            lifetime_ms: self.terms.lifetime_ms,
            dns: Vec::new(),
            ips: Vec::new(),
        };
        let issued = self.authority.issue(&wanted, now).await?;
        let svid = Svid {
            serial: issued.serial.clone(),
            tenant: agent.tenant.clone(),
            agent: agent.uid,
            epoch,
            authority: issued.authority.clone(),
            key: Digest::of_bytes(&wanted.key_spki),
            joined,
            issued_at: now,
            not_after: issued.not_after,
            void_at: issued.not_after,
        };
        let note = self.note(&svid, (action, order.by), (&issued, &wanted.key_spki))?;
        failpoint!("svid.enter.before");
        let entered = match &order.basis {
            Basis::Join(token) => match self.ports.join_tokens.redeem(&token.digest, svid, note).await? {
                Redeemed::Entered => true,
                Redeemed::Spent => return Err(Error::Token(Spoiled::Used)),
                Redeemed::Void => false,
            },
            Basis::Renewal(_) | Basis::Attested => self.ports.svids.enter(svid, note).await?,
        };
        failpoint!("svid.enter.after");
        if entered { Ok(issued) } else { Err(not_active()) }
    }

    /// The one audit record, with the decision that let the caller in where there was one.
    fn note(
        &self,
        svid: &Svid,
        (action, by): (&str, By<'_>),
        (issued, key_spki): (&IssuedSvid, &[u8]),
    ) -> Result<Note, ChangeError> {
        let uid = match by {
            By::Caller(caller) => caller.principal.uid,
            By::Worker(..) => Uid::Agent(svid.agent),
            By::Daemon => Uid::Daemon,
        };
        let mut record = Record::new(Kind::Rpc, svid.issued_at, svid.tenant.clone(), uid, action);
        record.target = Some(format!("{}/{}", svid.agent, svid.serial));
        record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
        let (mut decisions, mut answer) = (Vec::new(), None);
        match by {
            By::Caller(caller) => {
                record = record.on_behalf(&caller.chain());
                record.decision = caller.decision.as_ref().map(DecisionNote::of);
                record.request = Some(caller.request);
                record.trace = caller.trace.as_ref().map(|trace| trace.trace_id.clone());
                decisions = self.changes.vault.seal_decisions(&svid.tenant, caller.decision.as_slice())?;
                if let Some(repeat) = Repeat::of(&self.changes.vault, caller, action, key_spki)? {
                    answer = Some(repeat.answered(serde_json::to_string(&Answered::of(issued))?, svid.issued_at));
                }
            }
            By::Worker(request, trace) => {
                record.chain = svid.joined.iter().map(|joined| Uid::Human(joined.sponsor)).chain([uid]).collect();
                record.grants = svid.joined.iter().map(|joined| joined.grant).collect();
                record.request = Some(request);
                record.trace = Some(trace.trace_id.clone());
            }
            By::Daemon => {}
        }
        self.quota.admit_call(&record, &decisions, svid.issued_at)?;
        Ok(Note { record, decisions, answer })
    }
}

/// Under which epoch the certificate is, who stands for the agent, and what the record calls it.
fn basis(basis: &Basis, agent: &Agent, now: Timestamp) -> Result<(u64, Option<Joined>, &'static str), Error> {
    match basis {
        Basis::Join(token) => spoiled(token, agent, now)
            .map_or(Ok((token.epoch, Some(token.joined), "identity.enroll")), |why| Err(Error::Token(why))),
        Basis::Renewal(svid) if svid.void(agent, now).is_none() => Ok((svid.epoch, svid.joined, RENEW)),
        Basis::Renewal(_) => Err(Error::NotActive { name: agent.name.clone() }),
        Basis::Attested => Ok((agent.epoch, None, "identity.attest")),
    }
}

/// Why a token does not count for `agent` at `now`, if it does not.
pub(super) fn spoiled(token: &JoinToken, agent: &Agent, now: Timestamp) -> Option<Spoiled> {
    if token.agent != agent.uid {
        return Some(Spoiled::OtherAgent);
    }
    if token.used_at.is_some() {
        return Some(Spoiled::Used);
    }
    if now >= token.expires_at {
        return Some(Spoiled::Late);
    }
    (token.epoch != agent.epoch || agent.standing != Standing::Active).then_some(Spoiled::Void)
}
