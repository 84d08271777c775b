//! Certificates and join tokens.

use std::collections::BTreeMap;

use async_trait::async_trait;
use scalbotics_core::agent::Standing;
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::{AuthorityId, JOIN_TOKENS_MAX, JoinToken, Svid};
use scalbotics_core::ids::{AgentUid, HumanUid};
use scalbotics_core::ports::{JoinTokens, Note, Redeemed, RevokedSvid, StoreError, SvidBook, SvidFilter};
use scalbotics_core::time::Timestamp;

use super::MemoryStore;
use super::state::{Tables, refused};

impl Tables {
    pub(super) fn cut_short(&mut self, agent: AgentUid, void_at: Timestamp) -> u64 {
        let longer = |svid: &&mut Svid| svid.agent == agent && svid.void_at > void_at && svid.not_after >= void_at;
        let cut = self.svids.values_mut().filter(longer).map(|svid| svid.void_at = void_at);
        cut.count() as u64
    }

    pub(super) fn end_tokens_of(&mut self, sponsor: HumanUid, at: Timestamp) {
        let later = |token: &&mut JoinToken| token.joined.sponsor == sponsor && token.expires_at > at;
        self.join_tokens.values_mut().filter(later).for_each(|token| token.expires_at = at);
    }

    fn may_have(&self, agent: AgentUid, epoch: u64) -> bool {
        self.agents.get(&agent).is_some_and(|agent| agent.standing == Standing::Active && agent.epoch == epoch)
    }

    fn insert(&mut self, svid: Svid) -> Result<(), StoreError> {
        match self.svids.insert(svid.serial.clone(), svid) {
            None => Ok(()),
            Some(_) => Err(refused("a serial number is used once")),
        }
    }
}

#[async_trait]
impl SvidBook for MemoryStore {
    async fn svid(&self, serial: &str) -> Result<Option<Svid>, StoreError> {
        Ok(self.tables().svids.get(serial).cloned())
    }

    async fn svids(&self, filter: &SvidFilter) -> Result<Vec<Svid>, StoreError> {
        let mut all: Vec<Svid> = self.tables().svids.values().cloned().collect();
        all.retain(|svid| svid.tenant == filter.tenant && filter.agent.is_none_or(|agent| agent == svid.agent));
        all.retain(|svid| svid.not_after >= filter.from);
        let place = |svid: &Svid| (svid.not_after, svid.serial.clone());
        all.retain(|svid| filter.after.as_ref().is_none_or(|after| place(svid) > *after));
        all.sort_by_key(place);
        all.truncate(filter.limit);
        Ok(all)
    }

    async fn enter(&self, svid: Svid, note: Note) -> Result<bool, StoreError> {
        if !self.tables().may_have(svid.agent, svid.epoch) {
            return Ok(false);
        }
        self.change(false, |tables| {
            tables.note(&svid.tenant.clone(), note)?;
            tables.insert(svid)?;
            Ok(true)
        })
    }

    async fn cut_short(&self, agent: AgentUid, void_at: Timestamp, note: Note) -> Result<u64, StoreError> {
        self.change(true, |tables| {
            tables.note(&note.record.tenant.clone(), note)?;
            Ok(tables.cut_short(agent, void_at))
        })
    }

    async fn nearest_end(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let mut ends: BTreeMap<AgentUid, Timestamp> = BTreeMap::new();
        for svid in self.tables().svids.values().filter(|svid| svid.void_at > now) {
            let end = ends.entry(svid.agent).or_insert(svid.void_at);
            *end = (*end).max(svid.void_at);
        }
        Ok(ends.into_values().min())
    }

    async fn revoked(&self, authority: &AuthorityId, now: Timestamp) -> Result<Vec<RevokedSvid>, StoreError> {
        let mut all: Vec<Svid> = self.tables().svids.values().filter(|svid| svid.authority == *authority).cloned().collect();
        all.retain(|svid| svid.not_after >= now && svid.void_at <= now && svid.void_at < svid.not_after);
        all.sort_by_key(|svid| (svid.not_after, svid.serial.clone()));
        Ok(all.into_iter().map(|svid| RevokedSvid { serial: svid.serial, revoked_at: svid.void_at }).collect())
    }
}

#[async_trait]
impl JoinTokens for MemoryStore {
    async fn join_token(&self, digest: &Digest) -> Result<Option<JoinToken>, StoreError> {
        Ok(self.tables().join_tokens.get(digest).cloned())
    }

    async fn put_join_token(&self, token: JoinToken, note: Note) -> Result<bool, StoreError> {
        let waits = |other: &&JoinToken| {
            let same = (other.agent, other.epoch) == (token.agent, token.epoch);
            same && other.used_at.is_none() && other.expires_at > token.issued_at
        };
        let waiting = self.tables().join_tokens.values().filter(waits).count();
        if !self.tables().may_have(token.agent, token.epoch) || waiting >= JOIN_TOKENS_MAX {
            return Ok(false);
        }
        self.change(false, |tables| {
            tables.note(&token.tenant.clone(), note)?;
            match tables.join_tokens.insert(token.digest, token) {
                None => Ok(true),
                Some(_) => Err(refused("a join token is kept once")),
            }
        })
    }

    async fn redeem(&self, digest: &Digest, svid: Svid, note: Note) -> Result<Redeemed, StoreError> {
        if !self.tables().may_have(svid.agent, svid.epoch) {
            return Ok(Redeemed::Void);
        }
        let fits = |token: &JoinToken| token.used_at.is_none() && token.agent == svid.agent && token.expires_at > svid.issued_at;
        if !self.tables().join_tokens.get(digest).is_some_and(fits) {
            return Ok(Redeemed::Spent);
        }
        self.change(false, |tables| {
            tables.note(&svid.tenant.clone(), note)?;
            if let Some(token) = tables.join_tokens.get_mut(digest) {
                token.used_at = Some(svid.issued_at);
            }
            tables.insert(svid)?;
            Ok(Redeemed::Entered)
        })
    }
}
