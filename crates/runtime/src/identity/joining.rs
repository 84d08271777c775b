//! How agents join: a person makes a token, a worker uses it once (semantics §4.2, security row 4).

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::identity::{JOIN_TOKEN_LIFETIME_MS, JoinToken, Joined, SpiffeId};
use scalbotics_core::ids::{GrantId, RequestId};
use scalbotics_core::ports::{IssuedSvid, StoreError};
use scalbotics_core::principal::Uid;
use scalbotics_core::task::TraceContext;
use scalbotics_core::tenant::{Name, TenantId};

use super::issuance::spoiled;
use super::{Basis, By, Error, Issuance, Order, Spoiled};
use crate::Caller;

/// A token that was made; only whoever asked for it has the secret.
#[derive(Debug)]
pub struct Made {
    /// The secret; the store has its digest.
    pub secret: [u8; 32],
    /// The token as it is kept.
    pub token: JoinToken,
    /// Whom it lets join.
    pub agent: Agent,
}

/// What a worker brings.
#[derive(Debug)]
pub struct Enrolment<'a> {
    /// The secret of its token.
    pub secret: &'a [u8],
    /// The tenant that it names, where it names one.
    pub tenant: Option<&'a TenantId>,
    /// The agent that it names.
    pub agent: &'a Name,
    /// Its request.
    pub request: RequestId,
    /// The trace of its request.
    pub trace: &'a TraceContext,
}

impl Issuance {
    /// Makes a token by which a worker of the agent joins within [`JOIN_TOKEN_LIFETIME_MS`]; the caller stands for it from then on.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Answered`] for a request that was answered before.
    pub async fn make_token(&self, caller: &Caller, name: &Name) -> Result<Made, Error> {
        let change = self.changes.begin(caller, "agent.join_token", name.as_str().as_bytes())?;
        if change.known::<()>().await?.is_some() {
            return Err(Error::Answered);
        }
        if !self.time.is_believed() {
            return Err(Error::Clock);
        }
        let Uid::Human(sponsor) = caller.principal.uid else { return Err(Error::NotSponsor) };
        let agent = self.ports.registry.agent_by_name(&caller.principal.tenant, name).await?.ok_or(Error::NotFound)?;
        if agent.standing != Standing::Active {
            return Err(Error::NotActive { name: name.clone() });
        }
        let secret = self.ports.ids.salt();
        let token = JoinToken {
            digest: JoinToken::digest_of(&secret),
            tenant: agent.tenant.clone(),
            agent: agent.uid,
            epoch: agent.epoch,
            joined: Joined { sponsor, grant: GrantId::from_u128(self.ports.ids.next()) },
            issued_at: change.at,
            expires_at: change.at.plus_ms(JOIN_TOKEN_LIFETIME_MS),
            used_at: None,
        };
        // The answer holds a secret, so that it was answered is all that is kept of it (semantics §9.1).
        let note = change.note(&format!("{}/{}", agent.uid, token.joined.grant), &())?;
        match self.ports.join_tokens.put_join_token(token.clone(), note).await {
            Ok(true) => {}
            Ok(false) => return Err(Error::TooMany { name: name.clone() }),
            Err(StoreError::Taken { .. }) => return Err(Error::Answered),
            Err(error) => return Err(error.into()),
        }
        self.metrics.identity.join_tokens_made.add(1);
        Ok(Made { secret, token, agent })
    }

    /// Issues a worker's first certificate; `read_key` answers the key of its request as DER `SubjectPublicKeyInfo` once it is known whose it must
    /// be. A token that was used before, is late or another agent's is refused before anything of the request is read, and the installation is
    /// told.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Token`] tells the caller why, who tells the worker nothing. What `read_key` refuses is `E`, and uses no token up.
    pub async fn enroll<E: From<Error>>(
        &self,
        worker: &Enrolment<'_>,
        read_key: impl FnOnce(&SpiffeId) -> Result<Vec<u8>, E>,
    ) -> Result<(IssuedSvid, Agent), E> {
        if !self.time.is_believed() {
            return Err(Error::Clock.into());
        }
        let found = self.ports.join_tokens.join_token(&JoinToken::digest_of(worker.secret)).await;
        let Some(token) = found.map_err(Error::from)? else {
            self.metrics.identity.token_refused(Spoiled::Unknown);
            return Err(Error::Token(Spoiled::Unknown).into());
        };
        let agent = self.ports.registry.agent(token.agent).await.map_err(Error::from)?.ok_or(Error::NotFound)?;
        let is_other = agent.name != *worker.agent || worker.tenant.is_some_and(|tenant| *tenant != agent.tenant);
        let spoiled = if is_other { Some(Spoiled::OtherAgent) } else { spoiled(&token, &agent, self.ports.clock.now()) };
        if let Some(spoiled) = spoiled {
            return Err(self.refused(worker, &token, spoiled).await.into());
        }
        let key_spki = read_key(&self.id_of(&agent))?;
        let by = By::Worker(worker.request, worker.trace);
        let order = Order { agent: agent.uid, key_spki, basis: Basis::Join(token.clone()), by };
        match self.issue(order).await {
            Ok(issued) => Ok((issued, agent)),
            Err(Error::Token(spoiled)) => Err(self.refused(worker, &token, spoiled).await.into()),
            Err(Error::NotActive { .. }) => Err(self.refused(worker, &token, Spoiled::Void).await.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Refuses a token that somebody tried who should not have, and tells the installation.
    async fn refused(&self, worker: &Enrolment<'_>, token: &JoinToken, spoiled: Spoiled) -> Error {
        match self.alarms.token(token, spoiled, (worker.request, worker.trace)).await {
            Ok(()) => Error::Token(spoiled),
            Err(error) => error.into(),
        }
    }
}
