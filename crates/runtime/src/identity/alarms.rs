//! Alarms: what happened to an identity that somebody should look at, told in one place as a record, a number and a line of the log.
//!
//! **Invariant:** whoever makes an alarm again and again fills nothing: a few records for each thing that it is about, and numbers beyond them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::JoinToken;
use scalbotics_core::ids::RequestId;
use scalbotics_core::ports::StoreError;
use scalbotics_core::principal::Uid;
use scalbotics_core::task::TraceContext;

use super::Spoiled;
use crate::Ports;
use crate::metrics::Metrics;

/// The action under which tokens that were not taken stand in the log.
const ENROLL: &str = "identity.enroll";

/// Records of one token: that it was tried, by which names and until when is told by a few; a thief may go on all day.
const RECORDS_OF_A_TOKEN_MAX: u32 = 8;

/// Most tokens whose records are counted; beyond it all are counted anew.
const TOKENS_MAX: usize = 4_096;

/// Tells alarms. Cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct Alarms {
    ports: Ports,
    metrics: Arc<Metrics>,
    told: Arc<Mutex<BTreeMap<Digest, u32>>>,
}

impl Alarms {
    pub(super) fn new(ports: Ports, metrics: Arc<Metrics>) -> Self {
        Self { ports, metrics, told: Arc::default() }
    }

    /// Somebody tried a token that does not count: it may have been stolen. The record is durable when this returns, unless the token has its
    /// records.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn token(
        &self,
        token: &JoinToken,
        spoiled: Spoiled,
        (request, trace): (RequestId, &TraceContext),
    ) -> Result<(), StoreError> {
        self.metrics.identity.token_refused(spoiled);
        let count = self.count(token.digest);
        if count > RECORDS_OF_A_TOKEN_MAX {
            return Ok(());
        }
        tracing::warn!(agent = %token.agent, why = spoiled.word(), "a join token was tried that does not count");
        if count == RECORDS_OF_A_TOKEN_MAX {
            tracing::warn!(agent = %token.agent, "the same join token is tried again and again: it is only counted from now on");
        }
        let mut record = Record::new(Kind::Rpc, self.ports.clock.now(), token.tenant.clone(), Uid::Daemon, ENROLL);
        record.target = Some(format!("{}/{}", token.agent, token.joined.grant));
        record.outcome = Some(OutcomeNote { word: format!("alarm_token_{}", spoiled.word()), attempt: None, commitment: None });
        record.request = Some(request);
        record.trace = Some(trace.trace_id.clone());
        self.ports.audit_log.append(vec![record], Vec::new()).await.map(drop)
    }

    /// How often something of this token is told, this time included.
    fn count(&self, token: Digest) -> u32 {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= TOKENS_MAX && !told.contains_key(&token) {
            told.clear();
        }
        let count = told.entry(token).or_insert(0);
        *count = count.saturating_add(1);
        *count
    }
}
