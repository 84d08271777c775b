//! [`KeyAuthority`] over a keystore.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use rustls::pki_types::CertificateDer;
use scalbotics_core::identity::{Authority, AuthorityError, AuthorityId, AuthorityState, TrustDomain};
use scalbotics_core::ports::{AuthorityMark, IssuedSvid, KeyAuthority, KeyAuthorityError, RevokedSvid, SvidOrder};
use scalbotics_core::time::Timestamp;

use super::book::{self, Book};
use crate::authority::ca::{self, Issuing, Names, Revoked};
use crate::authority::keystore::Keystore;
use crate::holder::key::{Algorithm, Pair, Public};
use crate::holder::svid::{self, Serial};

type BoxError = Box<dyn StdError + Send + Sync>;

/// The one way to the keystore's file: whoever changes it waits for whoever does so already.
pub trait KeystoreAccess: Send + Sync + fmt::Debug {
    /// Opens the keystore, lets `work` change and save it, and forgets it.
    ///
    /// # Errors
    /// Why the file could not be opened; what `work` says is its own.
    fn change(&self, work: &mut dyn FnMut(&mut Keystore)) -> Result<(), BoxError>;
}

/// Issuing CAs in the daemon's keystore.
pub struct KeystoreAuthority {
    access: Arc<dyn KeystoreAccess>,
    trust_domain: TrustDomain,
    roots: Vec<CertificateDer<'static>>,
    bootstrap: Option<CertificateDer<'static>>,
    held: RwLock<Arc<Book>>,
}

impl KeystoreAuthority {
    /// The authorities of `keystore`, which is open already; `bootstrap` is the certificate that lies beside it, for one that was never changed.
    ///
    /// # Errors
    /// [`KeyAuthorityError::Keys`] when keys and certificates do not fit, or when nothing can sign.
    pub fn new(
        keystore: &Keystore,
        access: Arc<dyn KeystoreAccess>,
        (trust_domain, roots): (TrustDomain, Vec<CertificateDer<'static>>),
        bootstrap: Option<CertificateDer<'static>>,
    ) -> Result<Self, KeyAuthorityError> {
        let book = Book::read(keystore, bootstrap.as_ref()).map_err(|error| keys("read", error))?;
        let this = Self { access, trust_domain, roots, bootstrap, held: RwLock::new(Arc::new(book)) };
        this.signer().map(|_| this)
    }

    /// The root's list of revoked authorities, DER; `None` where none was ever given.
    #[must_use]
    pub fn root_crl(&self) -> Option<Vec<u8>> {
        Some(self.held().root_crl.clone()).filter(|list| !list.is_empty())
    }

    /// All authorities, in the order in which they were made.
    #[must_use]
    pub fn all(&self) -> Vec<Authority> {
        self.held().authorities.all().to_vec()
    }

    /// Until when what this authority signed may be counted on ([`Authority::counted_on_until`]); none where it is not accepted at `now`.
    #[must_use]
    pub fn counted_on_until(&self, id: &AuthorityId, now: Timestamp) -> Option<Timestamp> {
        self.held().authorities.get(id)?.counted_on_until(now)
    }

    /// Issues a certificate under the active authority.
    ///
    /// # Errors
    /// [`KeyAuthorityError::Refused`], [`KeyAuthorityError::Keys`].
    pub fn sign(&self, order: &SvidOrder, now: Timestamp) -> Result<IssuedSvid, KeyAuthorityError> {
        let key = Public::from_spki_der(&order.key_spki).map_err(refused)?;
        let signer = self.signer()?;
        let names = Names { dns: order.dns.clone(), ips: order.ips.clone() };
        let issued = signer.issue(&order.id, &key, &names, order.lifetime_ms, now).map_err(refused)?;
        Ok(IssuedSvid {
            chain: issued.chain.iter().map(|certificate| certificate.to_vec()).collect(),
            serial: issued.serial.to_string(),
            authority: signer.id().clone(),
            not_before: issued.not_before,
            not_after: issued.not_after,
        })
    }

    fn held(&self) -> Arc<Book> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn signer(&self) -> Result<Arc<Issuing>, KeyAuthorityError> {
        let held = self.held();
        let active = held.authorities.active().and_then(|authority| held.issuing.get(&authority.id));
        let issuing = active.ok_or_else(|| keys("used", "no authority is active"))?;
        if *issuing.trust_domain() == self.trust_domain {
            return Ok(Arc::clone(issuing));
        }
        let (found, own) = (issuing.trust_domain(), &self.trust_domain);
        Err(keys("used", format!("the active authority is of trust domain `{found}`, not of `{own}`")))
    }

    /// Changes the book in the keystore, and what is held before anybody else may change it again: whoever wrote last is held.
    fn change<T>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&mut Book, &mut Keystore) -> Result<T, KeyAuthorityError>,
    ) -> Result<T, KeyAuthorityError> {
        let (mut change, mut made) = (Some(change), None);
        let opened = self.access.change(&mut |keystore| {
            let Some(change) = change.take() else { return };
            let changed = self.changed(keystore, now, change);
            made = Some(changed.map(|(book, answer)| {
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
                answer
            }));
        });
        opened.map_err(|error| keys("changed", error))?;
        made.unwrap_or_else(|| Err(keys("changed", "the keystore was not opened")))
    }

    fn changed<T>(
        &self,
        keystore: &mut Keystore,
        now: Timestamp,
        change: impl FnOnce(&mut Book, &mut Keystore) -> Result<T, KeyAuthorityError>,
    ) -> Result<(Book, T), KeyAuthorityError> {
        let failed = |error: book::Error| keys("changed", error);
        let mut book = Book::read(keystore, self.bootstrap.as_ref()).map_err(failed)?;
        book.authorities.forget_ended(now);
        let answer = change(&mut book, keystore)?;
        book.write(keystore, now).map_err(failed)?;
        Ok((book, answer))
    }

    fn revoke(&self, book: &mut Book, id: &AuthorityId, root_crl: Vec<u8>) -> Result<(), KeyAuthorityError> {
        if root_crl.is_empty() {
            return Ok(());
        }
        let gone = |authority: &&Authority| authority.state == AuthorityState::Revoked || authority.id == *id;
        let mut serials = Vec::new();
        for authority in book.authorities.all().iter().filter(gone) {
            serials.push(svid::serial(&authority.certificate.clone().into()).map_err(refused)?);
        }
        let mut checked = Err(ca::Error::Crl { what: "the trust file names no root" });
        for root in &self.roots {
            checked = checked.or_else(|_| ca::check_root_list(&root_crl, root, &serials));
        }
        checked.map_err(refused)?;
        book.root_crl = root_crl;
        Ok(())
    }
}

fn keys(attempt: &'static str, source: impl Into<BoxError>) -> KeyAuthorityError {
    KeyAuthorityError::Keys { attempt, source: source.into() }
}

fn refused(source: impl Into<BoxError>) -> KeyAuthorityError {
    KeyAuthorityError::Refused { source: source.into() }
}

/// The authority as it is now in the book.
fn shown(book: &Book, id: &AuthorityId) -> Result<Authority, KeyAuthorityError> {
    Ok(book.authorities.get(id).cloned().ok_or_else(|| AuthorityError::Absent { id: id.clone() })?)
}

#[async_trait]
impl KeyAuthority for KeystoreAuthority {
    async fn authorities(&self) -> Result<Vec<Authority>, KeyAuthorityError> {
        Ok(self.all())
    }

    async fn prepare(&self, now: Timestamp) -> Result<(Authority, Vec<u8>), KeyAuthorityError> {
        self.change(now, |book, keystore| {
            let failed = |error: book::Error| keys("changed", error);
            let waiting = book.authorities.prepared().map(|authority| authority.id.clone());
            let (id, key) = match waiting {
                Some(id) => (id.clone(), book.prepared_key(keystore, &id).map_err(failed)?),
                None => {
                    let key = Pair::generate(Algorithm::P256).map_err(|error| keys("changed", error))?;
                    let id = ca::authority_id(key.public());
                    book.authorities.prepare(id.clone(), now)?;
                    book.keep_key(keystore, (&id, &key), now).map_err(failed)?;
                    (id, key)
                }
            };
            let request = ca::request(&key, &self.trust_domain).map_err(|error| keys("used", error))?;
            Ok((shown(book, &id)?, request))
        })
    }

    async fn activate(&self, certificate: &[u8], now: Timestamp) -> Result<Authority, KeyAuthorityError> {
        let certificate: CertificateDer<'static> = certificate.to_vec().into();
        self.change(now, |book, keystore| {
            // The same certificate again is the same activation.
            let again =
                book.authorities.active().filter(|active| active.certificate == *certificate).map(|active| active.id.clone());
            if let Some(id) = again {
                return shown(book, &id);
            }
            let waiting = book.authorities.prepared().map(|authority| authority.id.clone());
            let id = waiting.ok_or_else(|| refused("no authority is prepared"))?;
            let key = book.prepared_key(keystore, &id).map_err(|error| keys("read", error))?;
            let wanted = (key.public(), &self.trust_domain);
            let end = ca::check_issuing(&certificate, wanted, &self.roots, now).map_err(refused)?;
            book.authorities.activate(&id, (certificate.to_vec(), end), now)?;
            shown(book, &id)
        })
    }

    async fn mark(&self, id: &AuthorityId, mark: AuthorityMark, now: Timestamp) -> Result<Authority, KeyAuthorityError> {
        self.change(now, |book, _| {
            let to = match &mark {
                AuthorityMark::Taint => AuthorityState::Tainted,
                AuthorityMark::Revoke { .. } => AuthorityState::Revoked,
            };
            let before = shown(book, id)?.state;
            if before != to {
                book.authorities.mark(id, to, now)?;
            }
            if let AuthorityMark::Revoke { root_crl } = mark {
                self.revoke(book, id, root_crl)?;
            }
            shown(book, id)
        })
    }

    async fn issue(&self, order: &SvidOrder, now: Timestamp) -> Result<IssuedSvid, KeyAuthorityError> {
        self.sign(order, now)
    }

    async fn revocations(&self, id: &AuthorityId, revoked: &[RevokedSvid], now: Timestamp) -> Result<Vec<u8>, KeyAuthorityError> {
        let held = self.held();
        let signer = held.issuing.get(id).ok_or_else(|| AuthorityError::Absent { id: id.clone() })?;
        let mut entries = Vec::with_capacity(revoked.len());
        for one in revoked {
            let serial = Serial::parse(&one.serial).ok_or_else(|| refused(format!("`{}` is no serial number", one.serial)))?;
            entries.push(Revoked { serial, at: one.revoked_at });
        }
        signer.sign_crl(&entries, now).map_err(|error| keys("used", error))
    }
}

impl fmt::Debug for KeystoreAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeystoreAuthority").field("authorities", &self.held().authorities).finish_non_exhaustive()
    }
}
