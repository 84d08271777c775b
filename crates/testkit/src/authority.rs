//! A key authority that signs nothing: its certificates are texts that say what a certificate would.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use scalbotics_core::identity::{Authorities, Authority, AuthorityError, AuthorityId, AuthorityState, Subject, TrustDomain};
use scalbotics_core::ports::{AuthorityMark, IssuedSvid, KeyAuthority, KeyAuthorityError, RevokedSvid, SvidOrder};
use scalbotics_core::time::Timestamp;

/// Life of a fake authority, in milliseconds: a year.
const LIFETIME_MS: u64 = 365 * 24 * 3_600_000;

/// Lives of certificates that are issued, in milliseconds: 5 minutes to 24 hours.
const SVID_MS: std::ops::RangeInclusive<u64> = 300_000..=86_400_000;

/// A key authority in memory.
#[derive(Debug)]
pub struct FakeAuthority {
    trust_domain: TrustDomain,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    book: Authorities,
    count: u8,
    issued: u64,
}

impl FakeAuthority {
    /// One whose first authority is active since `now`.
    #[must_use]
    pub fn new(trust_domain: TrustDomain, now: Timestamp) -> Self {
        let mut book = Authorities::default();
        let first = AuthorityId::of_key_identifier([1; 20]);
        book.prepare(first.clone(), now).unwrap();
        book.activate(&first, (Self::signed(first.as_str().as_bytes()), now.plus_ms(LIFETIME_MS)), now).unwrap();
        Self { trust_domain, held: Mutex::new(Held { book, count: 1, issued: 0 }) }
    }

    /// What the root of a fake makes of a request.
    #[must_use]
    pub fn signed(request: &[u8]) -> Vec<u8> {
        [b"signed ".as_slice(), request].concat()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Held) -> T) -> T {
        work(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn refused(why: &str) -> KeyAuthorityError {
    KeyAuthorityError::Refused { source: why.into() }
}

fn shown(book: &Authorities, id: &AuthorityId) -> Result<Authority, KeyAuthorityError> {
    Ok(book.get(id).cloned().ok_or_else(|| AuthorityError::Absent { id: id.clone() })?)
}

#[async_trait]
impl KeyAuthority for FakeAuthority {
    async fn authorities(&self) -> Result<Vec<Authority>, KeyAuthorityError> {
        Ok(self.with(|held| held.book.all().to_vec()))
    }

    async fn prepare(&self, now: Timestamp) -> Result<(Authority, Vec<u8>), KeyAuthorityError> {
        self.with(|held| {
            if held.book.prepared().is_none() {
                held.count += 1;
                held.book.prepare(AuthorityId::of_key_identifier([held.count; 20]), now)?;
            }
            let waits = held.book.prepared().cloned().ok_or_else(|| refused("none waits"))?;
            let request = waits.id.as_str().as_bytes().to_vec();
            Ok((waits, request))
        })
    }

    async fn activate(&self, certificate: &[u8], now: Timestamp) -> Result<Authority, KeyAuthorityError> {
        self.with(|held| {
            if let Some(active) = held.book.active().filter(|active| active.certificate == certificate) {
                return Ok(active.clone());
            }
            let waits = held.book.prepared().map(|waits| waits.id.clone()).ok_or_else(|| refused("none waits"))?;
            if certificate != Self::signed(waits.as_str().as_bytes()) {
                return Err(refused("the root has not signed it"));
            }
            held.book.activate(&waits, (certificate.to_vec(), now.plus_ms(LIFETIME_MS)), now)?;
            shown(&held.book, &waits)
        })
    }

    async fn mark(&self, id: &AuthorityId, mark: AuthorityMark, now: Timestamp) -> Result<Authority, KeyAuthorityError> {
        let to = match mark {
            AuthorityMark::Taint => AuthorityState::Tainted,
            AuthorityMark::Revoke { .. } => AuthorityState::Revoked,
        };
        self.with(|held| {
            if shown(&held.book, id)?.state != to {
                held.book.mark(id, to, now)?;
            }
            shown(&held.book, id)
        })
    }

    async fn issue(&self, order: &SvidOrder, now: Timestamp) -> Result<IssuedSvid, KeyAuthorityError> {
        let is_daemon = matches!(order.id.subject(), Some(Subject::Daemon { .. }));
        let has_names = !order.dns.is_empty() || !order.ips.is_empty();
        if *order.id.trust_domain() != self.trust_domain || order.key_spki.is_empty() || (has_names && !is_daemon) {
            return Err(refused("it is nobody's order"));
        }
        if !SVID_MS.contains(&order.lifetime_ms) {
            return Err(refused("it would live too long or too short"));
        }
        self.with(|held| {
            let active = held.book.active().cloned().ok_or_else(|| refused("none is active"))?;
            held.issued += 1;
            let second = |time: Timestamp| Timestamp::from_unix_ms(time.unix_ms().div_euclid(1_000) * 1_000);
            Ok(IssuedSvid {
                chain: vec![format!("{} {}", order.id, held.issued).into_bytes(), active.certificate],
                serial: format!("{:032x}", u128::from(held.issued) | 1 << 126),
                authority: active.id,
                not_before: second(now),
                not_after: second(now.plus_ms(order.lifetime_ms)),
            })
        })
    }

    async fn revocations(&self, id: &AuthorityId, revoked: &[RevokedSvid], _: Timestamp) -> Result<Vec<u8>, KeyAuthorityError> {
        let state = self.with(|held| shown(&held.book, id))?.state;
        if !state.vouches() {
            return Err(AuthorityError::Absent { id: id.clone() }.into());
        }
        Ok(format!("{id}: {} revoked", revoked.len()).into_bytes())
    }
}
