//! The signer of audit checkpoints: an Ed25519 key of the keystore under the log's name (C2SP `signed-note`).

use scalbotics_core::ports::{SignError, Signer};

use super::keystore::{Keystore, Kind};
use crate::holder::key::Pair;
use crate::holder::signed_note::{self, Verifier};

/// Why a log signer could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keystore holds no log key of this name.
    #[error("keystore holds no log key `{name}`")]
    NoKey {
        /// The name in the keystore.
        name: String,
    },
    /// The key or its name cannot sign notes.
    #[error("cannot sign notes as `{origin}`")]
    Note {
        /// The name under which the log signs.
        origin: String,
        /// Why.
        source: signed_note::Error,
    },
}

/// Signs the checkpoints of the logs of one installation.
#[derive(Debug)]
pub struct LogSigner {
    key: Pair,
    verifier: Verifier,
    /// Names of further logs, each of which is signed under its own.
    origins: Vec<String>,
}

impl LogSigner {
    /// Signs as `origin`, such as `prod.example.org/audit`, with an Ed25519 key.
    ///
    /// # Errors
    /// [`Error::Note`].
    pub fn new(origin: &str, key: Pair) -> Result<Self, Error> {
        let verifier = Verifier::new(origin, key.public().clone())
            .map_err(|source| Error::Note { origin: origin.chars().take(80).collect(), source })?;
        Ok(Self { key, verifier, origins: Vec::new() })
    }

    /// Signs the checkpoint of each of these logs under the log's own origin, as the standard recommends.
    #[must_use]
    pub fn naming(mut self, origins: Vec<String>) -> Self {
        self.origins = origins;
        self
    }

    /// Signs as `origin` with the log key that the keystore holds as `name`.
    ///
    /// # Errors
    /// [`Error::NoKey`], [`Error::Note`].
    pub fn from_keystore(origin: &str, keystore: &Keystore, name: &str) -> Result<Self, Error> {
        let key = keystore.pair(name, Kind::LogSigner).ok_or_else(|| Error::NoKey { name: name.to_owned() })?;
        Self::new(origin, key)
    }

    /// The key that verifies the checkpoints, for the trust file.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

impl Signer for LogSigner {
    fn sign_note(&self, text: &str) -> Result<String, SignError> {
        let origin = text.lines().next().unwrap_or_default();
        let name = if self.origins.iter().any(|known| known == origin) { origin } else { self.verifier.name() };
        signed_note::sign(text, name, &self.key).map_err(|source| SignError { source: Box::new(source) })
    }

    fn verifier_key(&self) -> String {
        self.verifier.to_string()
    }
}

#[cfg(test)]
mod tests {
    use scalbotics_core::ids::InstallationId;
    use scalbotics_core::time::Timestamp;

    use super::*;
    use crate::authority::keystore::{KeyFile, Unlock};
    use crate::holder::key::Algorithm;

    #[test]
    fn signs_what_the_verifier_key_verifies() {
        let directory = tempfile::tempdir().unwrap();
        let unlock = Unlock::KeyFile(KeyFile::generate().unwrap());
        let mut store = Keystore::create(&directory.path().join("ks"), InstallationId::from_u128(1), &unlock).unwrap();
        let pair = Pair::generate(Algorithm::Ed25519).unwrap();
        store.insert("log", Kind::LogSigner, pair.to_pkcs8_der().unwrap(), Timestamp::from_unix_ms(0)).unwrap();
        let signer = LogSigner::from_keystore("td.test/audit", &store, "log").unwrap();
        let text = "td.test/audit\n1\nhash\n";
        let note = signer.sign_note(text).unwrap();
        let known: Verifier = signer.verifier_key().parse().unwrap();
        assert_eq!(signed_note::verify(&note, &[known]).unwrap().text, text);
        assert!(signer.sign_note("no newline").is_err());
        let signer = signer.naming(vec!["td.test/audit/acme".to_owned()]);
        for (origin, name) in [("td.test/audit/acme", "td.test/audit/acme"), ("td.test/audit/other", "td.test/audit")] {
            let note = signer.sign_note(&format!("{origin}\n1\nhash\n")).unwrap();
            let known = [signer.verifier().renamed(name).unwrap()];
            assert_eq!(signed_note::verify(&note, &known).unwrap().signers, [name]);
        }
        assert!(matches!(LogSigner::from_keystore("td.test/audit", &store, "gol"), Err(Error::NoKey { .. })));
        assert!(matches!(LogSigner::from_keystore("a b", &store, "log"), Err(Error::Note { .. })));
        assert!(LogSigner::new("td.test/audit", Pair::generate(Algorithm::P256).unwrap()).is_err());
    }
}
