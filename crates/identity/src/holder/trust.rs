//! The trust file (semantics §5.3): what a client and an auditor believe without asking the daemon.
//!
//! **Invariant:** one file has one text: canonical JSON, nothing unknown in it; its digest names it (semantics §4.2).

use std::path::Path;

use rustls::pki_types::CertificateDer;
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::TrustDomain;
use serde::{Deserialize, Serialize};

use super::certificate;
use super::key::{self, Jwk, Public};
use super::signed_note::{self, Role, Verifier};
use crate::{document, private_file};

/// Longest trust file, in bytes: some dozen keys and a few certificates take a hundredth of it.
pub const FILE_LEN_MAX: u64 = 256 * 1024;

/// Most keys of one kind in a trust file.
pub const KEYS_MAX: usize = 64;

/// The only version of the file.
const VERSION: u32 = 1;

/// Why a trust file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read or written, or the world may write it.
    #[error("cannot use the trust file")]
    File(#[from] private_file::Error),
    /// The file is not the canonical text of a trust file.
    #[error("trust file is malformed")]
    Document(#[from] document::Error),
    /// The file is of a version that this program does not know.
    #[error("trust file has version {version}, not 1")]
    Version {
        /// The version found.
        version: u32,
    },
    /// A key of a log or a witness is malformed, or stands where one of the other belongs.
    #[error("trust file has a malformed key of a log or a witness")]
    LogKey(#[from] signed_note::Error),
    /// An approver-admin key, or one of tokens, is malformed.
    #[error("trust file has a malformed key of an approver-admin or of tokens")]
    Admin(#[from] key::Error),
    /// More than [`KEYS_MAX`] keys of one kind.
    #[error("trust file has {count} keys of one kind, more than 64")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// The bundle is not PEM certificates.
    #[error("trust file has a malformed bundle")]
    Bundle(#[from] certificate::ParseError),
}

/// A trust file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The installation.
    pub trust_domain: TrustDomain,
    /// Keys that sign the installation's audit checkpoints.
    pub log_keys: Vec<Verifier>,
    /// Keys of the witnesses that cosign the installation log's checkpoints.
    pub witness_keys: Vec<Verifier>,
    /// Keys whose enrolments count (semantics §5.2 b).
    pub approver_admins: Vec<Public>,
    /// Keys that sign tokens, for whoever checks evidence; none in files of an older version.
    pub token_keys: Vec<Public>,
    /// The root certificates, as PEM.
    pub ca_bundle_pem: String,
    /// Whether evidence must be stamped `dev: approver keys not separated` (semantics §5.5).
    pub dev: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    approver_admins: Vec<Jwk>,
    ca_bundle_pem: String,
    dev: bool,
    log_keys: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    token_keys: Vec<Jwk>,
    trust_domain: TrustDomain,
    version: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    witness_keys: Vec<String>,
}

impl File {
    /// Parses the canonical text; one final newline is allowed.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::File`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let document: Document = document::from_bytes(bytes)?;
        if document.version != VERSION {
            return Err(Error::Version { version: document.version });
        }
        check_count(document.log_keys.len())?;
        check_count(document.approver_admins.len())?;
        check_count(document.token_keys.len())?;
        check_count(document.witness_keys.len())?;
        let file = Self {
            trust_domain: document.trust_domain,
            log_keys: verifiers(&document.log_keys, Role::Signer)?,
            witness_keys: verifiers(&document.witness_keys, Role::Witness)?,
            approver_admins: document.approver_admins.iter().map(Public::try_from).collect::<Result<_, _>>()?,
            token_keys: document.token_keys.iter().map(Public::try_from).collect::<Result<_, _>>()?,
            ca_bundle_pem: document.ca_bundle_pem,
            dev: document.dev,
        };
        file.roots()?;
        // An empty list of witnesses is left out.
        if file.to_bytes()? == bytes { Ok(file) } else { Err(document::Error::NotCanonical.into()) }
    }

    /// The canonical text, without a final newline.
    ///
    /// # Errors
    /// [`Error::Document`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        Ok(document::to_bytes(&Document {
            approver_admins: self.approver_admins.iter().map(Jwk::from).collect(),
            ca_bundle_pem: self.ca_bundle_pem.clone(),
            dev: self.dev,
            log_keys: self.log_keys.iter().map(ToString::to_string).collect(),
            token_keys: self.token_keys.iter().map(Jwk::from).collect(),
            trust_domain: self.trust_domain.clone(),
            version: VERSION,
            witness_keys: self.witness_keys.iter().map(ToString::to_string).collect(),
        })?)
    }

    /// SHA-256 of the canonical text, without a final newline.
    ///
    /// # Errors
    /// [`Error::Document`].
    pub fn digest(&self) -> Result<Digest, Error> {
        Ok(Digest::of_bytes(&self.to_bytes()?))
    }

    /// Reads a trust file that not everyone may write.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::parse(&private_file::read_public(path, FILE_LEN_MAX)?)
    }

    /// Writes the file with a final newline and mode 0644, replacing an older one.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Document`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let mut bytes = self.to_bytes()?;
        bytes.push(b'\n');
        private_file::replace(path, &bytes, private_file::PUBLIC_MODE)?;
        Ok(())
    }

    /// The root certificates of the bundle, at least one.
    ///
    /// # Errors
    /// [`Error::Bundle`].
    pub fn roots(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        Ok(certificate::from_pem(&self.ca_bundle_pem)?)
    }
}

/// Keys of one role.
fn verifiers(texts: &[String], role: Role) -> Result<Vec<Verifier>, signed_note::Error> {
    let verifiers: Vec<Verifier> = texts.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    if verifiers.iter().all(|verifier| verifier.role() == role) { Ok(verifiers) } else { Err(signed_note::Error::VerifierKey) }
}

fn check_count(count: usize) -> Result<(), Error> {
    if count > KEYS_MAX { Err(Error::TooMany { count }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holder::key::{Algorithm, Pair};

    fn sample() -> File {
        let pair = Pair::generate(Algorithm::Ed25519).unwrap();
        File {
            trust_domain: TrustDomain::parse("td.test").unwrap(),
            log_keys: vec![Verifier::new("td.test/log", pair.public().clone()).unwrap()],
            witness_keys: vec![Verifier::witness("witness.test/w", pair.public().clone()).unwrap()],
            approver_admins: vec![pair.public().clone()],
            token_keys: vec![Pair::generate(Algorithm::P256).unwrap().public().clone()],
            ca_bundle_pem: certificate::to_pem(&[CertificateDer::from(vec![0x30, 0x00])]),
            dev: true,
        }
    }

    #[test]
    fn round_trip_and_digest() {
        let file = sample();
        let bytes = file.to_bytes().unwrap();
        assert_eq!(File::parse(&bytes).unwrap(), file);
        assert_eq!(file.digest().unwrap(), Digest::of_bytes(&bytes));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trust.json");
        file.save(&path).unwrap();
        assert_eq!(File::load(&path).unwrap(), file);
        assert_eq!(std::fs::read(&path).unwrap(), [bytes, vec![b'\n']].concat());
    }

    #[test]
    fn a_file_without_witnesses_does_not_name_them() {
        let without = File { witness_keys: Vec::new(), ..sample() };
        let bytes = without.to_bytes().unwrap();
        assert!(!String::from_utf8(bytes.clone()).unwrap().contains("witness"));
        assert_eq!(File::parse(&bytes).unwrap(), without);
    }

    #[test]
    fn a_file_of_an_older_version_has_the_text_that_it_had() {
        let older = File { token_keys: vec![], ..sample() };
        let bytes = older.to_bytes().unwrap();
        assert!(!String::from_utf8(bytes.clone()).unwrap().contains("token_keys"));
        assert_eq!(File::parse(&bytes).unwrap(), older);
    }

    #[test]
    fn strict() {
        let file = sample();
        let good = String::from_utf8(file.to_bytes().unwrap()).unwrap();
        let (log, witness) = (file.log_keys[0].to_string(), file.witness_keys[0].to_string());
        let swapped = good.replace(&witness, &log);
        let table = [
            String::new(),
            "{}".to_owned(),
            good.replace("\"version\":1", "\"version\":2"),
            good.replace("\"version\":1", "\"version\":1,\"zeal\":true"),
            good.replace("\"dev\":true,", ""),
            good.replace("\"dev\":true", "\"dev\":true,\"dev\":false"),
            good.replace("\"dev\":true", "\"dev\": true"),
            good.replace("\"dev\":true", "\"dev\":1"),
            good.replace("td.test/log+", "td.test/gol+"),
            good.replace("log_keys", "log_keyz"),
            good.replace(&format!("[\"{witness}\"]"), "[]"),
            good.replace("\"witness_keys\":", "\"witness_keys\":[],\"witness_keys\":"),
            swapped,
            good.replace("td.test\"", "TD.test\""),
            good.replace("OKP", "EC"),
            good.replace("BEGIN CERTIFICATE", "BEGIN NOTHING"),
            format!("{good}\n\n"),
            format!(" {good}"),
        ];
        for text in table {
            assert_ne!(text, good);
            assert!(File::parse(text.as_bytes()).is_err(), "{text}");
        }
        let mut many = sample();
        many.approver_admins = vec![many.approver_admins[0].clone(); KEYS_MAX + 1];
        assert!(matches!(File::parse(&many.to_bytes().unwrap()), Err(Error::TooMany { count: 65 })));
    }
}
