//! Keys of a starting daemon: the keystore is unlocked, and each key goes to the one part that uses it.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use scalbotics_core::audit::checkpoint::system_origin;
use scalbotics_core::identity::{SpiffeId, Subject};
use scalbotics_core::in_words;
use scalbotics_core::ports::Clock;
use scalbotics_core::tenant::Name;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::authority::ca::{Issuing, Names};
use scalbotics_identity::authority::issuer::Issuer;
use scalbotics_identity::authority::keystore::{KeyFile, Keystore, Kind, Unlock};
use scalbotics_identity::authority::log_signer::LogSigner;
use scalbotics_identity::authority::tls::ServingCertificate;
use scalbotics_identity::holder::key::Pair;
use scalbotics_identity::holder::tls::Identity;
use scalbotics_identity::holder::{certificate, signed_note, trust};
use scalbotics_runtime::Supervisor;

use crate::config::{self, Config, UnlockBy};
use crate::layout;
use crate::start_error::{BoxError, StartError};

/// Life of the daemon's certificate, in milliseconds: 24 h, renewed at half of it.
const CERTIFICATE_MS: u64 = 24 * 3_600_000;

/// How often the certificate's age is looked at: a suspended laptop wakes up late.
const RENEWAL_LOOK: std::time::Duration = std::time::Duration::from_secs(60);

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

/// Issues the daemon's own certificates.
#[derive(Debug)]
pub(crate) struct Certifier {
    issuing: Issuing,
    key_der: zeroize::Zeroizing<Vec<u8>>,
    id: SpiffeId,
    names: Names,
}

impl Certifier {
    /// A certifier with the keystore's issuing CA, whose certificate lies beside the keystore.
    ///
    /// # Errors
    /// [`StartError::Key`], [`StartError::Certificate`].
    pub(crate) fn new(config: &Config, keystore: &Keystore) -> Result<Self, StartError> {
        let failed = |source: BoxError| StartError::Certificate { source };
        let file = Path::new(layout::ISSUING_CERTIFICATE).file_name().unwrap_or_default();
        let path = config.keystore.with_file_name(file);
        let text =
            scalbotics_identity::private_file::read_public(&path, CERTIFICATE_LEN_MAX).map_err(|error| failed(error.into()))?;
        let text = std::str::from_utf8(&text).map_err(|error| failed(error.into()))?;
        let mut found = certificate::from_pem(text).map_err(|error| failed(error.into()))?;
        let certificate = found.pop().filter(|_| found.is_empty());
        let certificate =
            certificate.ok_or_else(|| failed(format!("`{}` does not hold exactly one certificate", path.display()).into()))?;
        let key = pair(config, keystore, layout::key::ISSUING_CA, Kind::IssuingCa)?;
        let issuing = Issuing::load(certificate, &key).map_err(|error| failed(error.into()))?;
        let own = pair(config, keystore, layout::key::DAEMON_TLS, Kind::DaemonTls)?;
        let key_der = own.to_pkcs8_der().map_err(|error| failed(error.into()))?;
        let node = Name::parse(NODE).map_err(|error| failed(error.into()))?;
        let id = SpiffeId::new(config.trust_domain.clone(), &Subject::Daemon { node });
        let server = &config.settings.server;
        Ok(Self { issuing, key_der, id, names: names(&server.san_dns, &server.san_ip) })
    }

    /// A new certificate and its key; answers also its end.
    ///
    /// # Errors
    /// [`StartError::Certificate`].
    pub(crate) fn issue(&self, now: Timestamp) -> Result<(Identity, Timestamp), StartError> {
        let failed = |source: BoxError| StartError::Certificate { source };
        let key = Pair::from_pkcs8_der(&self.key_der).map_err(|error| failed(error.into()))?;
        let issued = self.issuing.issue(&self.id, key.public(), &self.names, CERTIFICATE_MS, now);
        let issued = issued.map_err(|error| failed(error.into()))?;
        Ok((Identity { chain: issued.chain, key }, issued.not_after))
    }

    /// Renews what is served, at half of its life, until the drain begins.
    pub(crate) fn keep_renewed(
        self,
        serving: Arc<ServingCertificate>,
        first_end: Timestamp,
        clock: Arc<dyn Clock>,
        supervisor: &Supervisor,
    ) {
        let owner = supervisor.clone();
        supervisor.spawn_essential("certificate", async move {
            let mut not_after = first_end;
            loop {
                tokio::select! {
                    biased;
                    () = owner.draining() => return,
                    () = tokio::time::sleep(RENEWAL_LOOK) => {}
                }
                let now = clock.now();
                if not_after.since_ms(now) > CERTIFICATE_MS / 2 {
                    continue;
                }
                let renewed = self
                    .issue(now)
                    .map_err(|error| error.report())
                    .and_then(|(identity, end)| serving.replace(&identity).map(|()| end).map_err(|error| error.to_string()));
                match renewed {
                    Ok(end) => {
                        not_after = end;
                        tracing::info!("certificate of the daemon was renewed");
                    }
                    Err(error) => tracing::error!(error, "certificate of the daemon could not be renewed"),
                }
            }
        });
    }
}

fn names(dns: &[String], ips: &[IpAddr]) -> Names {
    Names { dns: dns.to_vec(), ips: ips.to_vec() }
}
