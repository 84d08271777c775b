//! Renewal: the next certificate of an agent, for a new key, by the one that it has. The same request again is answered with the same
//! certificate, so that a lost answer leaves none behind that nobody has (semantics §9.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use scalbotics_core::identity::{AuthorityId, Svid};
use scalbotics_core::ports::{IssuedSvid, StoreError};
use scalbotics_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Basis, By, Error, Issuance, Order};
use crate::Caller;
use crate::change::{ChangeError, Changed};

/// The action of a renewal.
pub(super) const RENEW: &str = "identity.renew";

/// A certificate as the answer to a request is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answered {
    chain: Vec<String>,
    serial: String,
    authority: AuthorityId,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Answered {
    pub(super) fn of(issued: &IssuedSvid) -> Self {
        Self {
            chain: issued.chain.iter().map(|certificate| STANDARD_NO_PAD.encode(certificate)).collect(),
            serial: issued.serial.clone(),
            authority: issued.authority.clone(),
            not_before: issued.not_before,
            not_after: issued.not_after,
        }
    }

    fn issued(self) -> Result<IssuedSvid, ChangeError> {
        let Self { chain, serial, authority, not_before, not_after } = self;
        let chain = chain.iter().map(|certificate| STANDARD_NO_PAD.decode(certificate)).collect::<Result<_, _>>();
        let chain = chain.map_err(|source| ChangeError::Note { source: source.into() })?;
        Ok(IssuedSvid { chain, serial, authority, not_before, not_after })
    }
}

impl Issuance {
    /// Issues the next certificate of whoever calls by `svid`, for a new key.
    ///
    /// # Errors
    /// [`Error`]; that of a request id that was used for another key is [`ChangeError::KeyReused`].
    pub async fn renew(&self, caller: &Caller, svid: Svid, key_spki: Vec<u8>) -> Result<Changed<IssuedSvid>, Error> {
        let change = self.changes.begin(caller, RENEW, &key_spki)?;
        if let Some(known) = change.known::<Answered>().await? {
            return Ok(Changed { now: known.now.issued()?, audited: false });
        }
        let order = Order { agent: svid.agent, key_spki, basis: Basis::Renewal(svid), by: By::Caller(caller) };
        match self.issue(order).await {
            Ok(now) => Ok(Changed { now, audited: true }),
            // The same request may have come in twice at once: then the other one won, and its answer is the answer.
            Err(Error::Change(ChangeError::Store(error @ StoreError::Taken { .. }))) => match change.known::<Answered>().await? {
                Some(known) => Ok(Changed { now: known.now.issued()?, audited: false }),
                None => Err(error.into()),
            },
            Err(error) => Err(error),
        }
    }
}
