//! Keys of a starting daemon: the keystore is unlocked, and each key goes to the one part that uses it.

use std::path::Path;
use std::sync::Arc;

use scalbotics_core::audit::checkpoint::system_origin;
use scalbotics_core::identity::{SpiffeId, Subject};
use scalbotics_core::in_words;
use scalbotics_core::ports::{IssuedSvid, SvidOrder};
use scalbotics_core::tenant::Name;
use scalbotics_identity::authority::issuer::Issuer;
use scalbotics_identity::authority::keystore::{KeyFile, Keystore, Kind, Unlock};
use scalbotics_identity::authority::local::KeystoreAuthority;
use scalbotics_identity::authority::log_signer::LogSigner;
use scalbotics_identity::holder::key::Pair;
use scalbotics_identity::holder::tls::Identity;
use scalbotics_identity::holder::{certificate, signed_note, trust};

use crate::config::{self, Config, UnlockBy};
use crate::keystore_file::KeystoreFile;
use crate::layout;
use crate::start_error::{BoxError, StartError};

/// Longest certificate file, in bytes.
const CERTIFICATE_LEN_MAX: u64 = 64 << 10;

/// The daemon's name within its trust domain; with several nodes each has its own.
const NODE: &str = "main";

/// Opens the keystore by what the configuration says.
///
/// # Errors
/// [`StartError::Keystore`].
pub(crate) fn keystore(config: &Config) -> Result<Keystore, StartError> {
    let failed = |source: BoxError| StartError::Keystore { path: config.keystore.clone(), source };
    let unlock = unlock(&config.unlock_by).map_err(failed)?;
    Keystore::open(&config.keystore, config.installation, &unlock).map_err(|error| failed(error.into()))
}

fn unlock(by: &UnlockBy) -> Result<Unlock, BoxError> {
    let file = |path: &Path| -> Result<Unlock, BoxError> {
        KeyFile::load(path)
            .map(Unlock::KeyFile)
            .map_err(|error| format!("key file `{}`: {}", path.display(), in_words(&error)).into())
    };
    match by {
        UnlockBy::KeyFile(path) => file(path),
        UnlockBy::PassphraseIn(variable) => {
            let text = config::passphrase(variable).ok_or_else(|| format!("environment variable `{variable}` is not set"))?;
            Ok(Unlock::passphrase(&text))
        }
        UnlockBy::Credential(name) => {
            let path = config::credential(name).ok_or("systemd gave no credentials: `CREDENTIALS_DIRECTORY` is not set")?;
            file(&path)
        }
    }
}

/// Loads the trust file and checks that it is this installation's.
///
/// # Errors
/// [`StartError::Trust`].
pub(crate) fn trust(config: &Config) -> Result<trust::File, StartError> {
    let failed = |source: BoxError| StartError::Trust { path: config.trust_file.clone(), source };
    let trust = trust::File::load(&config.trust_file).map_err(|error| failed(error.into()))?;
    if trust.trust_domain != config.trust_domain {
        return Err(failed(format!("it is that of trust domain `{}`, not `{}`", trust.trust_domain, config.trust_domain).into()));
    }
    Ok(trust)
}

fn pair(config: &Config, keystore: &Keystore, name: &str, kind: Kind) -> Result<Pair, StartError> {
    keystore.pair(name, kind).ok_or_else(|| StartError::Key { path: config.keystore.clone(), name: name.to_owned() })
}

/// The signer of audit checkpoints; its key must be one of those that the trust file pins.
///
/// # Errors
/// [`StartError::Key`], [`StartError::Trust`].
pub(crate) fn log_signer(
    config: &Config,
    keystore: &Keystore,
    trust: &trust::File,
    incarnation: u64,
) -> Result<LogSigner, StartError> {
    let key = pair(config, keystore, layout::key::LOG_SIGNER, Kind::LogSigner)?;
    let failed = |source: BoxError| StartError::Trust { path: config.trust_file.clone(), source };
    let pinned: Vec<&str> =
        trust.log_keys.iter().filter(|verifier| verifier.key() == key.public()).map(signed_note::Verifier::name).collect();
    let first = pinned.first().ok_or_else(|| failed("it does not pin the log key of the keystore".into()))?;
    let signer = LogSigner::new(first, key).map_err(|error| failed(error.into()))?;
    let own = system_origin(config.trust_domain.as_str(), incarnation);
    Ok(signer.naming(pinned.iter().map(|name| (*name).to_owned()).chain([own]).collect()))
}

/// The issuer of access tokens, for this trust domain and no other.
///
/// # Errors
/// [`StartError::Key`].
pub(crate) fn issuer(config: &Config, keystore: &Keystore) -> Result<Issuer, StartError> {
    let name = layout::key::TOKEN_SIGNER;
    let key = pair(config, keystore, name, Kind::TokenSigner)?;
    let domain = config.trust_domain.as_str();
    Issuer::new(key, domain, domain).map_err(|_| StartError::Key { path: config.keystore.clone(), name: name.to_owned() })
}

/// The authorities that sign certificates: those of the keystore, and the certificate that lies beside it while none was ever rotated.
///
/// # Errors
/// [`StartError::Certificate`], [`StartError::Trust`].
pub(crate) fn authority(
    config: &Config,
    (keystore, access): (&Keystore, Arc<KeystoreFile>),
    trust: &trust::File,
) -> Result<KeystoreAuthority, StartError> {
    let failed = |source: BoxError| StartError::Certificate { source };
    let file = Path::new(layout::ISSUING_CERTIFICATE).file_name().unwrap_or_default();
    let path = config.keystore.with_file_name(file);
    let bootstrap = if path.try_exists().map_err(|error| failed(error.into()))? {
        let text =
            scalbotics_identity::private_file::read_public(&path, CERTIFICATE_LEN_MAX).map_err(|error| failed(error.into()))?;
        let text = std::str::from_utf8(&text).map_err(|error| failed(error.into()))?;
        let mut found = certificate::from_pem(text).map_err(|error| failed(error.into()))?;
        let certificate = found.pop().filter(|_| found.is_empty());
        let one = || failed(format!("`{}` does not hold exactly one certificate", path.display()).into());
        Some(certificate.ok_or_else(one)?)
    } else {
        None
    };
    let roots = trust.roots().map_err(|error| StartError::Trust { path: config.trust_file.clone(), source: error.into() })?;
    let trusted = (config.trust_domain.clone(), roots);
    KeystoreAuthority::new(keystore, access, trusted, bootstrap).map_err(|error| failed(error.into()))
}

/// The key of the daemon's own certificate, and what the certificate is to say.
#[derive(Debug)]
pub(crate) struct Own {
    key_der: zeroize::Zeroizing<Vec<u8>>,
    order: SvidOrder,
}

impl Own {
    /// That of the keystore, with the names of the configuration.
    ///
    /// # Errors
    /// [`StartError::Key`], [`StartError::Certificate`].
    pub(crate) fn new(config: &Config, keystore: &Keystore) -> Result<Self, StartError> {
        let failed = |source: BoxError| StartError::Certificate { source };
        let key = pair(config, keystore, layout::key::DAEMON_TLS, Kind::DaemonTls)?;
        let key_der = key.to_pkcs8_der().map_err(|error| failed(error.into()))?;
        let node = Name::parse(NODE).map_err(|error| failed(error.into()))?;
        let server = &config.settings.server;
        let order = SvidOrder {
            id: SpiffeId::new(config.trust_domain.clone(), &Subject::Daemon { node }),
            key_spki: key.public().to_spki_der(),
            lifetime_ms: config.settings.identity.svid_lifetime.as_ms(),
            dns: server.san_dns.clone(),
            ips: server.san_ip.clone(),
        };
        Ok(Self { key_der, order })
    }

    /// What the certificate is to say.
    pub(crate) const fn order(&self) -> &SvidOrder {
        &self.order
    }

    /// The key.
    ///
    /// # Errors
    /// [`StartError::Certificate`].
    pub(crate) fn key(&self) -> Result<Pair, StartError> {
        Pair::from_pkcs8_der(&self.key_der).map_err(|error| StartError::Certificate { source: error.into() })
    }

    /// The certificate with its key.
    ///
    /// # Errors
    /// [`StartError::Certificate`].
    pub(crate) fn identity(&self, issued: &IssuedSvid) -> Result<Identity, StartError> {
        let key = self.key()?;
        Ok(Identity { chain: issued.chain.iter().map(|certificate| certificate.clone().into()).collect(), key })
    }
}
