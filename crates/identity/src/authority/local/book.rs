//! The authorities as the keystore holds them: for each an entry with its state and certificate, and one with its key.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use scalbotics_core::identity::{Authorities, Authority, AuthorityId, AuthorityState};
use scalbotics_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::authority::ca::{self, Issuing};
use crate::authority::keystore::{self, Keystore, Kind};
use crate::document;
use crate::encoding::{from_base64, to_base64};
use crate::holder::key::Pair;

/// The name of the first issuing CA's key, which `initialize` makes; its certificate lies beside the keystore.
pub const BOOTSTRAP_KEY: &str = "issuing-ca";

/// What the names of entries with states begin with.
const STATE: &str = "authority/";

/// The name of the entry with the root's list of revoked authorities.
const ROOT_CRL: &str = "authority-root-crl";

/// Why the keystore's authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The keystore.
    #[error("keystore cannot be changed")]
    Keystore(#[from] keystore::Error),
    /// An entry is malformed.
    #[error("keystore's entry of an authority is malformed")]
    Entry(#[from] document::Error),
    /// A key or a certificate is missing or does not fit the other.
    #[error("key or certificate of authority `{id}` is missing, or they are not of one another")]
    Material {
        /// The authority.
        id: String,
    },
    /// A CA does not load or sign.
    #[error("authority cannot be used")]
    Ca(#[from] ca::Error),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// Base64 of DER; empty while it is prepared.
    certificate: String,
    changed_at: Timestamp,
    /// The name of its key in the keystore.
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_after: Option<Timestamp>,
    /// Its place among the others.
    number: u32,
    state: AuthorityState,
}

/// What the keystore says.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) authorities: Authorities,
    /// Names of keys.
    pub(super) keys: BTreeMap<AuthorityId, String>,
    /// Those that may sign something: certificates, or only lists.
    pub(super) issuing: BTreeMap<AuthorityId, Arc<Issuing>>,
    /// The root's list of revoked authorities, DER; empty where it was never given.
    pub(super) root_crl: Vec<u8>,
}

impl Book {
    /// Reads it; where nothing was ever changed, the first authority is the one of `bootstrap`.
    pub(super) fn read(keystore: &Keystore, bootstrap: Option<&CertificateDer<'static>>) -> Result<Self, Error> {
        let mut book = Self::default();
        let mut found = Vec::new();
        for (name, entry) in keystore.iter().filter(|(_, entry)| entry.kind == Kind::Authority) {
            let Some(id) = name.strip_prefix(STATE) else {
                book.root_crl = entry.secret.to_vec();
                continue;
            };
            let malformed = || Error::Material { id: id.chars().take(80).collect() };
            let id = AuthorityId::parse(id).map_err(|_| malformed())?;
            let record: Record = document::from_bytes(&entry.secret)?;
            let certificate = from_base64(&record.certificate).ok_or_else(malformed)?;
            let Record { changed_at, not_after, number, state, .. } = record;
            found.push((number, Authority { id: id.clone(), state, changed_at, not_after, certificate }));
            book.keys.insert(id, record.key);
        }
        if let (true, Some(certificate)) = (found.is_empty(), bootstrap) {
            let key = pair(keystore, BOOTSTRAP_KEY)?;
            let issuing = Issuing::load(certificate.clone(), &key)?;
            let authority = Authority {
                id: issuing.id().clone(),
                state: AuthorityState::Active,
                changed_at: issuing.not_before(),
                not_after: Some(issuing.not_after()),
                certificate: certificate.to_vec(),
            };
            book.keys.insert(authority.id.clone(), BOOTSTRAP_KEY.to_owned());
            found.push((0, authority));
        }
        found.sort_by_key(|(number, _)| *number);
        book.authorities = Authorities::new(found.into_iter().map(|(_, authority)| authority).collect());
        book.load(keystore)?;
        Ok(book)
    }

    /// Loads what may sign.
    fn load(&mut self, keystore: &Keystore) -> Result<(), Error> {
        self.issuing.clear();
        for authority in self.authorities.all().iter().filter(|authority| authority.state.vouches()) {
            let key = pair(keystore, self.keys.get(&authority.id).map_or("", String::as_str))?;
            let issuing = Issuing::load(authority.certificate.clone().into(), &key)?;
            if *issuing.id() != authority.id {
                return Err(Error::Material { id: authority.id.to_string() });
            }
            self.issuing.insert(authority.id.clone(), Arc::new(issuing));
        }
        Ok(())
    }

    /// The prepared authority's key.
    pub(super) fn prepared_key(&self, keystore: &Keystore, id: &AuthorityId) -> Result<Pair, Error> {
        pair(keystore, self.keys.get(id).map_or("", String::as_str))
    }

    /// Keeps a new key under the authority's id.
    pub(super) fn keep_key(
        &mut self,
        keystore: &mut Keystore,
        (id, key): (&AuthorityId, &Pair),
        now: Timestamp,
    ) -> Result<(), Error> {
        let name = format!("{BOOTSTRAP_KEY}/{id}");
        let secret = key.to_pkcs8_der().map_err(ca::Error::from)?;
        keystore.insert(&name, Kind::IssuingCa, secret, now)?;
        self.keys.insert(id.clone(), name);
        Ok(())
    }

    /// Makes the keystore say what this book says: keys of authorities that may sign nothing any more are destroyed.
    pub(super) fn write(&mut self, keystore: &mut Keystore, now: Timestamp) -> Result<(), Error> {
        let gone: Vec<AuthorityId> = self.keys.keys().filter(|id| self.authorities.get(id).is_none()).cloned().collect();
        for id in gone {
            if let Some(key) = self.keys.remove(&id) {
                keystore.remove(&key);
            }
            keystore.remove(&format!("{STATE}{id}"));
        }
        for (number, authority) in (0..).zip(self.authorities.all()) {
            let key = self.keys.get(&authority.id).cloned().unwrap_or_default();
            if authority.state == AuthorityState::Revoked {
                keystore.remove(&key);
            }
            let name = format!("{STATE}{}", authority.id);
            let made_at = keystore.get(&name).or_else(|| keystore.get(&key)).map_or(now, |entry| entry.created_at);
            let record = Record {
                certificate: to_base64(&authority.certificate),
                changed_at: authority.changed_at,
                key,
                not_after: authority.not_after,
                number,
                state: authority.state,
            };
            keystore.remove(&name);
            keystore.insert(&name, Kind::Authority, Zeroizing::new(document::to_bytes(&record)?), made_at)?;
        }
        if !self.root_crl.is_empty() {
            keystore.remove(ROOT_CRL);
            keystore.insert(ROOT_CRL, Kind::Authority, Zeroizing::new(self.root_crl.clone()), now)?;
        }
        self.load(keystore)?;
        keystore.save()?;
        Ok(())
    }
}

fn pair(keystore: &Keystore, name: &str) -> Result<Pair, Error> {
    keystore.pair(name, Kind::IssuingCa).ok_or_else(|| Error::Material { id: name.to_owned() })
}
