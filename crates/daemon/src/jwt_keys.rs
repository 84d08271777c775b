//! The key that signs JWT-SVIDs: made by the first daemon that serves the Workload API, and replaced at a start when it has become old.

use scalbotics_core::time::Timestamp;
use scalbotics_identity::authority::jwt_svid::Signer;
use scalbotics_identity::authority::keystore::{Keystore, Kind};
use scalbotics_identity::holder::key::{Algorithm, Pair};

use crate::config::Config;
use crate::keystore_file::KeystoreFile;
use crate::layout::key::{JWT_SVID_SIGNER, JWT_SVID_SIGNER_BEFORE};
use crate::start_error::{BoxError, StartError};

/// How long one key signs, in milliseconds: 30 days. The one before is announced for as long, a thousand times the life of a token.
const SIGNS_MS: u64 = 30 * 24 * 3_600_000;

/// The signer of this installation's JWT-SVIDs.
///
/// # Errors
/// [`StartError::Keystore`], [`StartError::Key`].
pub(crate) fn signer(
    config: &Config,
    (keystore, file): (&Keystore, &KeystoreFile),
    now: Timestamp,
) -> Result<Signer, StartError> {
    let is_young = |keystore: &Keystore| {
        let entry = keystore.get(JWT_SVID_SIGNER).filter(|entry| entry.kind == Kind::JwtSvidSigner);
        entry.is_some_and(|entry| now.since_ms(entry.created_at) < SIGNS_MS)
    };
    if is_young(keystore) {
        return of(config, keystore);
    }
    file.change(|keystore| {
        turn(keystore, now).map_err(|source| StartError::Keystore { path: config.keystore.clone(), source })?;
        tracing::info!("a new key signs JWT-SVIDs");
        of(config, keystore)
    })?
}

/// Makes a new key, and keeps the one that signed before.
fn turn(keystore: &mut Keystore, now: Timestamp) -> Result<(), BoxError> {
    let old = keystore.get(JWT_SVID_SIGNER).map(|entry| (entry.secret.clone(), entry.created_at));
    keystore.remove(JWT_SVID_SIGNER);
    if let Some((secret, created_at)) = old {
        keystore.remove(JWT_SVID_SIGNER_BEFORE);
        keystore.insert(JWT_SVID_SIGNER_BEFORE, Kind::JwtSvidSigner, secret, created_at)?;
    }
    let fresh = Pair::generate(Algorithm::P256)?.to_pkcs8_der()?;
    keystore.insert(JWT_SVID_SIGNER, Kind::JwtSvidSigner, fresh, now)?;
    Ok(keystore.save()?)
}

fn of(config: &Config, keystore: &Keystore) -> Result<Signer, StartError> {
    let unusable = || StartError::Key { path: config.keystore.clone(), name: JWT_SVID_SIGNER.to_owned() };
    let key = keystore.pair(JWT_SVID_SIGNER, Kind::JwtSvidSigner).ok_or_else(unusable)?;
    let before = keystore.pair(JWT_SVID_SIGNER_BEFORE, Kind::JwtSvidSigner).map(|pair| pair.public().clone());
    Signer::new(key, before.into_iter().collect(), config.trust_domain.clone()).map_err(|_| unusable())
}
