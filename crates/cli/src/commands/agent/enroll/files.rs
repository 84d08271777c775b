//! The files of a worker: key and certificates in one, the trust bundle, and what they are.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use scalbotics_core::identity::TrustDomain;
use scalbotics_core::in_words;
use scalbotics_core::tenant::Name;
use scalbotics_identity::holder::key::Pair;
use scalbotics_identity::holder::svid::{self, Svid};
use scalbotics_identity::holder::{certificate, tls};
use scalbotics_identity::private_file;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::codes;
use crate::failure::{Exit, Failure};

/// Private key and certificates, PEM, in one file: so no crash leaves a key without its certificate.
pub(super) const SVID: &str = "svid.pem";

/// The root certificates by which peers are verified, PEM.
pub(super) const BUNDLE: &str = "bundle.pem";

/// Whom the worker is, and whose.
const FACTS: &str = "worker.json";

/// Longest file that is read, in bytes: a key, a chain of two and a few roots have less than 8 KiB.
const FILE_LEN_MAX: u64 = 64 << 10;

/// Whom a worker is, and whose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::commands::agent) struct Facts {
    /// The agent, by name.
    pub(in crate::commands::agent) agent: String,
    /// Where the daemon is.
    pub(in crate::commands::agent) server: String,
    /// The installation's trust domain.
    pub(in crate::commands::agent) trust_domain: TrustDomain,
}

/// The directory of a worker.
#[derive(Debug)]
pub(in crate::commands::agent) struct Directory(PathBuf);

impl Directory {
    /// This one, made where it is not there.
    pub(in crate::commands::agent) fn open(path: &Path) -> Result<Self, Failure> {
        use std::os::unix::fs::DirBuilderExt as _;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| unusable(path, &error)).map(|()| Self(path.to_owned()))
    }

    /// Where one of its files is.
    pub(in crate::commands::agent) fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// Whether a worker joined here before.
    pub(in crate::commands::agent) fn is_used(&self) -> Result<bool, Failure> {
        let path = self.path(SVID);
        path.try_exists().map_err(|error| unusable(&path, &error))
    }

    /// Writes whom the worker is, and the roots by which it verifies.
    pub(in crate::commands::agent) fn write_facts(&self, facts: &Facts, roots: &[CertificateDer<'_>]) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(facts).map_err(|error| Failure::internal("facts have no text", &error))?;
        self.replace(BUNDLE, certificate::to_pem(roots).as_bytes(), private_file::PUBLIC_MODE)?;
        self.replace(FACTS, &text, private_file::PUBLIC_MODE)
    }

    /// Writes key and certificates, in place of those before.
    pub(in crate::commands::agent) fn write_svid(&self, key: &Pair, chain: &str) -> Result<(), Failure> {
        let key = key.to_pkcs8_pem().map_err(|error| unusable(&self.path(SVID), &error))?;
        let both = Zeroizing::new(format!("{}{chain}", *key));
        self.replace(SVID, both.as_bytes(), private_file::SECRET_MODE)
    }

    /// Whom the worker is.
    pub(in crate::commands::agent) fn facts(&self) -> Result<Facts, Failure> {
        let path = self.path(FACTS);
        let text = private_file::read_public(&path, FILE_LEN_MAX).map_err(|error| unusable(&path, &error))?;
        serde_json::from_slice(&text).map_err(|error| unusable(&path, &error))
    }

    /// The roots by which it verifies.
    pub(in crate::commands::agent) fn roots(&self) -> Result<Vec<CertificateDer<'static>>, Failure> {
        let path = self.path(BUNDLE);
        let text = private_file::read_public(&path, FILE_LEN_MAX).map_err(|error| unusable(&path, &error))?;
        certificate::from_pem(&String::from_utf8_lossy(&text)).map_err(|error| unusable(&path, &error))
    }

    /// Whom the worker is, where it is the worker of this agent.
    pub(in crate::commands::agent) fn facts_of(&self, agent: &Name) -> Result<Facts, Failure> {
        let facts = self.facts()?;
        if facts.agent == agent.as_str() {
            return Ok(facts);
        }
        Err(Failure::usage(format!("{} is not the directory of {agent}", self.0.display()))
            .why(format!("the worker of {} joined there", facts.agent))
            .next("give each worker a directory of its own"))
    }

    /// Key and certificates, and what the first one says.
    pub(in crate::commands::agent) fn svid(&self) -> Result<(tls::Identity, Svid), Failure> {
        let path = self.path(SVID);
        let text = private_file::read(&path, FILE_LEN_MAX).map_err(|error| unusable(&path, &error))?;
        let key = Pair::from_pkcs8_pem(&text).map_err(|error| unusable(&path, &error))?;
        let chain = certificate::from_pem(&String::from_utf8_lossy(&text)).map_err(|error| unusable(&path, &error))?;
        let leaf = chain.first().ok_or_else(|| unusable(&path, &certificate::ParseError))?;
        let said = svid::read(leaf).map_err(|error| unusable(&path, &error))?;
        Ok((tls::Identity { chain, key }, said))
    }

    fn replace(&self, file: &str, bytes: &[u8], mode: u32) -> Result<(), Failure> {
        let path = self.path(file);
        private_file::replace(&path, bytes, mode).map_err(|error| unusable(&path, &error))
    }
}

/// A file or directory of a worker that cannot be used.
fn unusable(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Failed, codes::KEY, format!("cannot use {}", path.display()))
        .why(in_words(error))
        .next("scalbotics agent enroll --help")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use scalbotics_identity::holder::key::Algorithm;

    use super::*;

    #[test]
    fn what_is_secret_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let worker = Directory::open(&dir.path().join("worker")).unwrap();
        assert!(!worker.is_used().unwrap());
        let key = Pair::generate(Algorithm::P256).unwrap();
        worker.write_svid(&key, "no certificate\n").unwrap();
        let mode = |file: &str| std::fs::metadata(worker.path(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(SVID), mode(""), worker.is_used().unwrap()), (0o600, 0o700, true));
        assert!(worker.svid().is_err(), "there is no certificate in it");
        let trust_domain = TrustDomain::parse("td.test").unwrap();
        let facts = Facts { agent: "clerk".to_owned(), server: "https://127.0.0.1:7420".to_owned(), trust_domain };
        let root = CertificateDer::from(vec![7; 60]);
        worker.write_facts(&facts, std::slice::from_ref(&root)).unwrap();
        assert_eq!((worker.facts().unwrap(), worker.roots().unwrap()), (facts, vec![root]));
        std::fs::set_permissions(worker.path(SVID), std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(worker.svid().unwrap_err().why.contains("mode 0640"), "{:?}", worker.svid().unwrap_err());
    }
}
