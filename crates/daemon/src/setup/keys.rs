//! The installation's keys: three keystores, each with its own key file, and the trust file.

use std::path::Path;

use scalbotics_core::audit::checkpoint::origin;
use scalbotics_core::ids::InstallationId;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::authority::ca;
use scalbotics_identity::authority::keystore::{KeyFile, Keystore, Kind, Unlock};
use scalbotics_identity::authority::seal::TenantKey;
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::{certificate, signed_note, trust};
use zeroize::Zeroizing;

use super::error::{self, Error};
use super::report::{Change, Report};
use super::{Environment, Plan};
use crate::layout::{self, key};

/// The daemon's own keystore, which is there.
pub(super) fn open(plan: &Plan) -> Result<Keystore, Error> {
    keystore(plan, layout::KEYSTORE, layout::KEYSTORE_KEY).map(|(store, _)| store)
}

/// Opens a keystore, making it and its key file where they are missing.
fn keystore(plan: &Plan, file: &'static str, key_file: &'static str) -> Result<(Keystore, Change), Error> {
    let (path, key_path) = (plan.path(file), plan.path(key_file));
    if path.try_exists().map_err(error::file("look at", &path))? {
        let unlock = Unlock::KeyFile(KeyFile::load(&key_path).map_err(error::keys("read a key file"))?);
        let store = Keystore::open(&path, plan.installation, &unlock).map_err(error::keys("open a keystore"))?;
        return Ok((store, Change::Unchanged));
    }
    if !key_path.try_exists().map_err(error::file("look at", &key_path))? {
        let fresh = KeyFile::generate().map_err(error::keys("draw a key"))?;
        fresh.save(&key_path).map_err(error::keys("write a key file"))?;
    }
    let unlock = Unlock::KeyFile(KeyFile::load(&key_path).map_err(error::keys("read a key file"))?);
    let store = Keystore::create(&path, plan.installation, &unlock).map_err(error::keys("create a keystore"))?;
    Ok((store, Change::Created))
}

/// Makes sure of a key pair in a keystore.
fn pair(store: &mut Keystore, name: &str, kind: Kind, algorithm: Algorithm, now: Timestamp) -> Result<Pair, Error> {
    if let Some(pair) = store.pair(name, kind) {
        return Ok(pair);
    }
    let pair = Pair::generate(algorithm).map_err(error::keys("make a key"))?;
    let secret = pair.to_pkcs8_der().map_err(error::keys("make a key"))?;
    store.insert(name, kind, secret, now).map_err(error::keys("keep a key"))?;
    store.save().map_err(error::keys("keep a key"))?;
    Ok(pair)
}

/// Makes sure of all keys, the CA's certificates and the trust file.
pub(super) fn make(plan: &Plan, environment: &Environment, report: &mut Report) -> Result<(), Error> {
    let now = environment.clock.now();
    let keys = plan.path("keys");
    std::fs::create_dir_all(&keys).map_err(error::file("create", &keys))?;
    let (mut daemon, change) = keystore(plan, layout::KEYSTORE, layout::KEYSTORE_KEY)?;
    report.note("keystore", change, layout::KEYSTORE);
    let log = pair(&mut daemon, key::LOG_SIGNER, Kind::LogSigner, Algorithm::Ed25519, now)?;
    let token = pair(&mut daemon, key::TOKEN_SIGNER, Kind::TokenSigner, Algorithm::P256, now)?;
    pair(&mut daemon, key::DAEMON_TLS, Kind::DaemonTls, Algorithm::P256, now)?;
    // Once an issuing CA was rotated, the keystore says which there are, and the first one's key may be gone for good.
    let was_rotated = daemon.iter().any(|(_, entry)| entry.kind == Kind::Authority);
    let first = (!was_rotated).then(|| pair(&mut daemon, key::ISSUING_CA, Kind::IssuingCa, Algorithm::P256, now)).transpose()?;
    tenant_key(&mut daemon, plan, now)?;
    let bundle = certificates(plan, first.as_ref(), now, report)?;
    trust_file(plan, (&log, &token), bundle, now, report)
}

fn tenant_key(daemon: &mut Keystore, plan: &Plan, now: Timestamp) -> Result<(), Error> {
    let name = key::tenant(&plan.tenant);
    if daemon.get(&name).is_some() {
        return Ok(());
    }
    let secret: Zeroizing<Vec<u8>> = TenantKey::generate().map_err(error::keys("draw a key"))?.to_bytes();
    daemon.insert(&name, Kind::TenantKey, secret, now).map_err(error::keys("keep a key"))?;
    daemon.save().map_err(error::keys("keep a key"))
}

/// The root certificate in PEM, with the issuing CA's certificate made beside it where that is missing.
///
/// The root's keystore is opened only where something must be signed, since its key file may be off the host by now.
fn certificates(plan: &Plan, first: Option<&Pair>, now: Timestamp, report: &mut Report) -> Result<String, Error> {
    let (root_path, issuing_path) = (plan.path(layout::ROOT_CERTIFICATE), plan.path(layout::ISSUING_CERTIFICATE));
    restore_root(plan, &root_path, report)?;
    let (has_issuing, root) = (first.is_none() || read_certificate(&issuing_path)?.is_some(), read_certificate(&root_path)?);
    if let (Some(root), true) = (root, has_issuing) {
        report.note("root CA keystore", Change::Unchanged, layout::ROOT_KEYSTORE);
        report.note("root certificate", Change::Unchanged, layout::ROOT_CERTIFICATE);
        report.note("issuing CA", Change::Unchanged, layout::ISSUING_CERTIFICATE);
        return Ok(certificate::to_pem(&[root]));
    }
    let (mut root, change) = keystore(plan, layout::ROOT_KEYSTORE, layout::ROOT_KEYSTORE_KEY)?;
    report.note("root CA keystore", change, layout::ROOT_KEYSTORE);
    let root = match read_certificate(&root_path)? {
        Some(found) => {
            let pair = root.pair(key::ROOT_CA, Kind::RootCa);
            let pair =
                pair.ok_or(Error::Keys { attempt: "find the root CA's key", source: "it is not in its keystore".into() })?;
            report.note("root certificate", Change::Unchanged, layout::ROOT_CERTIFICATE);
            ca::Root::load(found, pair).map_err(error::keys("load the root CA"))?
        }
        None => new_root(plan, &mut root, &root_path, now, report)?,
    };
    if let Some(issuing) = first.filter(|_| !has_issuing) {
        let certificate = root.sign_issuing(issuing.public(), now).map_err(error::keys("sign the issuing CA"))?;
        write_public(&issuing_path, &certificate::to_pem(&[certificate]))?;
        report.note("issuing CA", Change::Created, layout::ISSUING_CERTIFICATE);
    } else {
        report.note("issuing CA", Change::Unchanged, layout::ISSUING_CERTIFICATE);
    }
    Ok(certificate::to_pem(&[root.certificate().clone()]))
}

/// Writes a lost root certificate again from the trust file, which holds it too.
fn restore_root(plan: &Plan, path: &Path, report: &mut Report) -> Result<(), Error> {
    let trust_path = plan.path(layout::TRUST);
    let lost = !path.try_exists().map_err(error::file("look at", path))?;
    if !lost || !trust_path.try_exists().map_err(error::file("look at", &trust_path))? {
        return Ok(());
    }
    let trust = trust::File::load(&trust_path).map_err(error::keys("read the trust file"))?;
    write_public(path, &trust.ca_bundle_pem)?;
    report.note("root certificate", Change::Created, "from the trust file");
    Ok(())
}

/// A root CA; a key that an interrupted run left without its certificate is replaced, since nothing trusts it yet.
fn new_root(plan: &Plan, store: &mut Keystore, path: &Path, now: Timestamp, report: &mut Report) -> Result<ca::Root, Error> {
    let issuing = plan.path(layout::ISSUING_CERTIFICATE);
    if issuing.try_exists().map_err(error::file("look at", &issuing))? {
        let attempt = "make a root CA under which an issuing CA stands already";
        return Err(Error::Keys { attempt, source: "its certificate is lost, and the trust file with it".into() });
    }
    let root = ca::Root::generate(&plan.trust_domain, now).map_err(error::keys("make the root CA"))?;
    store.remove(key::ROOT_CA);
    let secret = root.key().to_pkcs8_der().map_err(error::keys("make the root CA"))?;
    store.insert(key::ROOT_CA, Kind::RootCa, secret, now).map_err(error::keys("keep the root CA's key"))?;
    store.save().map_err(error::keys("keep the root CA's key"))?;
    write_public(path, &certificate::to_pem(&[root.certificate().clone()]))?;
    report.note("root certificate", Change::Created, layout::ROOT_CERTIFICATE);
    Ok(root)
}

fn read_certificate(path: &Path) -> Result<Option<rustls::pki_types::CertificateDer<'static>>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let all = certificate::from_pem(&text).map_err(error::keys("read a certificate"))?;
            Ok(all.into_iter().next())
        }
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(error::file("read", path)(source)),
    }
}

fn write_public(path: &Path, text: &str) -> Result<(), Error> {
    let mode = scalbotics_identity::private_file::PUBLIC_MODE;
    scalbotics_identity::private_file::replace(path, text.as_bytes(), mode).map_err(error::keys("write a certificate"))
}

/// The trust file; the approver-admin's keystore is opened only where the file is missing.
fn trust_file(
    plan: &Plan,
    (log, token): (&Pair, &Pair),
    bundle: String,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), Error> {
    let path = plan.path(layout::TRUST);
    if path.try_exists().map_err(error::file("look at", &path))? {
        report.note("approver admin", Change::Unchanged, layout::ADMIN_KEYSTORE);
        report.note("trust file", Change::Unchanged, layout::TRUST);
        return Ok(());
    }
    let (mut admin, change) = keystore(plan, layout::ADMIN_KEYSTORE, layout::ADMIN_KEYSTORE_KEY)?;
    report.note("approver admin", change, layout::ADMIN_KEYSTORE);
    let admin = pair(&mut admin, key::APPROVER_ADMIN, Kind::ApproverAdmin, Algorithm::Ed25519, now)?;
    // One key under the name of each log: the installation's, which witnesses cosign, and the tenant's.
    let domain = plan.trust_domain.as_str();
    let origins = [origin(domain, &TenantId::system()), origin(domain, &plan.tenant)];
    let named = |name: &String| signed_note::Verifier::new(name, log.public().clone());
    let log_keys: Result<Vec<_>, _> = origins.iter().map(named).collect();
    let file = trust::File {
        trust_domain: plan.trust_domain.clone(),
        log_keys: log_keys.map_err(error::keys("name the log key"))?,
        witness_keys: Vec::new(),
        approver_admins: vec![admin.public().clone()],
        token_keys: vec![token.public().clone()],
        ca_bundle_pem: bundle,
        dev: plan.dev,
    };
    file.save(&path).map_err(error::keys("write the trust file"))?;
    report.note("trust file", Change::Created, layout::TRUST);
    Ok(())
}

/// An installation's id is drawn once and then read from the configuration.
pub(super) fn installation_id(environment: &Environment) -> InstallationId {
    InstallationId::from_u128(environment.ids.next())
}
