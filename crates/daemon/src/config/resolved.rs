//! The configuration as the daemon uses it: parsed values, absolute paths.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scalbotics_adapters::git::remote::Address;
use scalbotics_core::identity::TrustDomain;
use scalbotics_core::ids::InstallationId;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Span;
use scalbotics_identity::authority::ca::{SVID_LIFETIME_MS_MAX, SVID_LIFETIME_MS_MIN};
use scalbotics_identity::authority::outside::Trusted;

use super::issuers::trusted;
use super::keepers::{KeptBy, keepers};
use super::{Error, KEYS, Origin, Settings, Sources};
use crate::layout;

/// By what the keystore is unlocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnlockBy {
    /// A file of 32 random bytes.
    KeyFile(PathBuf),
    /// The passphrase in this environment variable.
    PassphraseIn(String),
    /// The systemd credential of this name, 32 bytes.
    Credential(String),
}

/// The configuration of a running daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What it was made from; read again on SIGHUP.
    pub sources: Sources,
    /// The values, paths as they were written.
    pub settings: Settings,
    /// Where each value comes from; absent keys have their default.
    pub origins: BTreeMap<&'static str, Origin>,
    /// The installation.
    pub installation: InstallationId,
    /// The trust domain.
    pub trust_domain: TrustDomain,
    /// The tenant.
    pub tenant: TenantId,
    /// Where databases are.
    pub data_dir: PathBuf,
    /// The keystore.
    pub keystore: PathBuf,
    /// By what it is unlocked.
    pub unlock_by: UnlockBy,
    /// The trust file.
    pub trust_file: PathBuf,
    /// The repository, or the copy of the remote one.
    pub repository: PathBuf,
    /// The remote repository.
    pub remote: Option<Address>,
    /// The keys of the outside issuer, where there is one.
    pub issuer_keys: Option<PathBuf>,
    /// Outside issuers by whose tokens people log in.
    pub trusted: Vec<Trusted>,
    /// The socket of the Workload API, where it is served.
    pub workload_socket: Option<PathBuf>,
    /// Authorities that are believed beside the system's, where there are any.
    pub ca_bundle: Option<PathBuf>,
    /// Who keeps checkpoints outside of this host.
    pub keepers: Vec<KeptBy>,
}

impl Config {
    /// Reads and checks the configuration. Nothing but the file itself is looked at.
    ///
    /// # Errors
    /// [`Error`], the first thing that is wrong.
    pub fn load(sources: Sources) -> Result<Self, Error> {
        let (settings, origins) = sources.read()?;
        Self::resolve(sources, settings, origins)
    }

    /// The configuration that it would be were this the file's text.
    ///
    /// # Errors
    /// [`Error`], the first thing that is wrong.
    pub(crate) fn parse(sources: Sources, text: &str) -> Result<Self, Error> {
        let (settings, origins) = sources.merge(text)?;
        Self::resolve(sources, settings, origins)
    }

    fn resolve(sources: Sources, settings: Settings, origins: BTreeMap<&'static str, Origin>) -> Result<Self, Error> {
        let base = sources.file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let base = std::path::absolute(base).map_err(|source| Error::Unreadable { path: sources.file.clone(), source })?;
        let refuse = |key: &'static str, reason: String| Error::Value { origin: origin(&origins, key), key, reason };
        let own = &settings.installation;
        let id = own.id.as_deref().ok_or(Error::Missing { key: "installation.id" })?;
        let id = id.parse().map_err(|error: scalbotics_core::ids::Error| refuse("installation.id", error.to_string()))?;
        let trust_domain = own.trust_domain.as_deref().ok_or(Error::Missing { key: "installation.trust_domain" })?;
        let trust_domain =
            TrustDomain::parse(trust_domain).map_err(|error| refuse("installation.trust_domain", error.to_string()))?;
        let tenant = own.tenant.clone().ok_or(Error::Missing { key: "installation.tenant" })?;
        let data_dir = own.data_dir.as_deref().ok_or(Error::Missing { key: "installation.data_dir" })?;
        check_numbers(&settings, &refuse)?;
        check_roots(&settings, &refuse)?;
        if let Some((key, reason)) = settings.retention.refused() {
            return Err(refuse(key, reason));
        }
        let unlock_by = unlock_by(&settings, &base, &refuse)?;
        let remote = settings.repository.url.as_deref().map(Address::parse).transpose();
        let remote = remote.map_err(|error| refuse("repository.url", error.to_string()))?;
        let trusted = trusted(&settings, &refuse)?;
        let keepers = keepers(&settings.audit, (trust_domain.as_str(), &base), &refuse)?;
        Ok(Self {
            installation: id,
            trust_domain,
            tenant: TenantId::new(tenant),
            data_dir: base.join(data_dir),
            keystore: base.join(&settings.keystore.path),
            unlock_by,
            trust_file: base.join(&settings.trust.file),
            repository: base.join(&settings.repository.path),
            remote,
            issuer_keys: settings.issuer.keys.as_ref().map(|path| base.join(path)),
            trusted,
            workload_socket: settings.identity.workload_socket.as_ref().map(|path| base.join(path)),
            ca_bundle: settings.egress.ca_bundle.as_ref().map(|path| base.join(path)),
            keepers,
            sources,
            settings,
            origins,
        })
    }

    /// Whether this tenant operates the installation: the configuration names it, and installation verbs are its people's.
    #[must_use]
    pub fn is_operating(&self, tenant: &TenantId) -> bool {
        self.tenant == *tenant
    }

    /// The folder of another tenant than the operating one.
    #[must_use]
    pub fn tenant_dir(&self, tenant: &TenantId) -> PathBuf {
        self.data_dir.join(layout::TENANTS).join(tenant.as_str())
    }

    /// The repository of a tenant, or the copy of the remote one.
    #[must_use]
    pub fn repository_of(&self, tenant: &TenantId) -> PathBuf {
        if self.is_operating(tenant) {
            return self.repository.clone();
        }
        self.tenant_dir(tenant).join(layout::TENANT_REPOSITORY)
    }

    /// Where the value of a key comes from.
    #[must_use]
    pub fn origin(&self, key: &'static str) -> Origin {
        origin(&self.origins, key)
    }

    /// Reads the same sources again; keys that do not reload keep their value and are listed.
    ///
    /// # Errors
    /// [`Error`]; this configuration stays as it was.
    pub fn reloaded(&self) -> Result<(Self, Vec<&'static str>), Error> {
        let fresh = Self::load(self.sources.clone())?;
        let (old, new) = (self.settings.table(), fresh.settings.table());
        let kept = KEYS.iter().filter(|key| !key.reloads && old.get(key.path) != new.get(key.path));
        let kept: Vec<&'static str> = kept.map(|key| key.path).collect();
        let mut merged = self.clone();
        merged.settings.log.level = fresh.settings.log.level;
        merged.settings.limits.requests_per_second = fresh.settings.limits.requests_per_second;
        merged.settings.limits.streams_per_principal = fresh.settings.limits.streams_per_principal;
        merged.settings.limits.drain = fresh.settings.limits.drain;
        merged.settings.limits.audit_bytes_per_day = fresh.settings.limits.audit_bytes_per_day;
        for key in KEYS.iter().filter(|key| key.reloads) {
            match fresh.origins.get(key.path) {
                Some(origin) => drop(merged.origins.insert(key.path, origin.clone())),
                None => drop(merged.origins.remove(key.path)),
            }
        }
        Ok((merged, kept))
    }
}

fn origin(origins: &BTreeMap<&'static str, Origin>, key: &str) -> Origin {
    origins.get(key).cloned().unwrap_or(Origin::Default)
}

/// Least age of an issuer's word that may be wanted, and the greatest, in milliseconds: a minute, for a login takes its time, and a week.
const CLAIMS_AGE_MS_MIN: u64 = 60_000;
const CLAIMS_AGE_MS_MAX: u64 = 7 * 86_400_000;

/// Numbers and lengths of time that must not be out of these ranges.
fn check_numbers(settings: &Settings, refuse: &dyn Fn(&'static str, String) -> Error) -> Result<(), Error> {
    let limits = &settings.limits;
    let rates = &limits.requests_per_second;
    let lifetime = settings.identity.svid_lifetime.as_ms();
    let ages = &settings.issuer.claims_age;
    // A word of any age is as good as one of the longest.
    let age = |most: Option<Span>| most.map_or(CLAIMS_AGE_MS_MAX, Span::as_ms);
    let claims = |key, most| (key, age(most), CLAIMS_AGE_MS_MIN, CLAIMS_AGE_MS_MAX);
    let ranges: [(&'static str, u64, u64, u64); 13] = [
        ("limits.message_bytes", limits.message_bytes.into(), 64 << 10, 64 << 20),
        ("limits.connections", limits.connections.into(), 1, 100_000),
        ("limits.streams_per_principal", limits.streams_per_principal.into(), 1, 10_000),
        ("limits.requests_per_second.read", rates.read.into(), 1, 100_000),
        ("limits.requests_per_second.write", rates.write.into(), 1, 100_000),
        ("limits.requests_per_second.stream", rates.stream.into(), 1, 100_000),
        ("limits.requests_per_second.login", rates.login.into(), 1, 100_000),
        ("limits.drain", limits.drain.as_ms(), 0, 600_000),
        ("limits.audit_bytes_per_day", limits.audit_bytes_per_day, 1 << 20, 1 << 40),
        ("identity.svid_lifetime", lifetime, SVID_LIFETIME_MS_MIN, SVID_LIFETIME_MS_MAX),
        claims("issuer.claims_age.tier_0", ages.tier_0),
        claims("issuer.claims_age.tier_1", ages.tier_1),
        claims("issuer.claims_age.tier_2", Some(ages.tier_2)),
    ];
    match ranges.into_iter().find(|(_, value, min, max)| !(min..=max).contains(&value)) {
        Some((key, value, min, max)) => Err(refuse(key, format!("{value} is not between {min} and {max}"))),
        None => Ok(()),
    }
}

fn check_roots(settings: &Settings, refuse: &dyn Fn(&'static str, String) -> Error) -> Result<(), Error> {
    let sound = |root: &Path| {
        root.is_absolute() && root.components().count() > 1 && !root.components().any(|part| part.as_os_str() == "..")
    };
    match settings.workspaces.allowed_roots.iter().find(|root| !sound(root)) {
        Some(root) => {
            let reason = format!("`{}` is not an absolute path below `/` without `..`", root.display());
            Err(refuse("workspaces.allowed_roots", reason))
        }
        None => Ok(()),
    }
}

fn unlock_by(settings: &Settings, base: &Path, refuse: &dyn Fn(&'static str, String) -> Error) -> Result<UnlockBy, Error> {
    let keystore = &settings.keystore;
    match (&keystore.key_file, &keystore.passphrase_env, &keystore.credential) {
        (Some(file), None, None) => Ok(UnlockBy::KeyFile(base.join(file))),
        (None, Some(variable), None) => Ok(UnlockBy::PassphraseIn(variable.clone())),
        (None, None, Some(name)) if !name.is_empty() && !name.contains('/') => Ok(UnlockBy::Credential(name.clone())),
        (None, None, Some(_)) => Err(refuse("keystore.credential", "it is not a plain name".to_owned())),
        (None, None, None) => Ok(UnlockBy::KeyFile(base.join("keystore.key"))),
        (Some(_), ..) | (None, Some(_), Some(_)) => {
            Err(refuse("keystore.key_file", "more than one of key_file, passphrase_env and credential is set".to_owned()))
        }
    }
}
