//! Keystore, trust file, certificates, and the keys of the outside issuer.

use std::io;
use std::sync::Arc;

use scalbotics_core::ports::Clock as _;
use scalbotics_identity::holder::trust;

use super::finding::Finding;
use super::run::Patient;
use crate::StartError;
use crate::clock::{Guarded, System};
use crate::keys::{self, Own};
use crate::keystore_file::KeystoreFile;

/// An hour, in milliseconds.
const HOUR_MS: u64 = 3_600_000;

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let config = patient.config;
    let started = |check, error: &StartError| Finding::error(check, error, error.next_step());
    let trust = keys::trust(config);
    let mut findings = vec![match &trust {
        Ok(file) => Finding::ok("trust file", format!("{} of {}", config.trust_file.display(), file.trust_domain)),
        Err(error) => started("trust file", error),
    }];
    match keys::keystore(config) {
        Ok(keystore) => {
            findings.push(Finding::ok("keystore", format!("{} opens", config.keystore.display())));
            if let Ok(trust) = &trust {
                findings.push(match keys::log_signer(config, &keystore, trust, 1) {
                    Ok(_) => Finding::ok("log key", "the trust file pins it"),
                    Err(error) => started("log key", &error),
                });
            }
            if let Ok(trust) = &trust {
                findings.push(match certificate(patient, &keystore, trust) {
                    Ok(finding) => finding,
                    Err(error) => started("certificate", &error),
                });
            }
        }
        Err(error) => findings.push(started("keystore", &error)),
    }
    findings.extend(issuer(patient));
    findings
}

/// Issues the daemon's certificate as a start would, and forgets it: that needs a CA that is valid by this machine's clock.
fn certificate(
    patient: &Patient<'_>,
    keystore: &scalbotics_identity::authority::keystore::Keystore,
    trust: &trust::File,
) -> Result<Finding, StartError> {
    let now = Guarded::new(System, None).now();
    let (config, access) = (patient.config, Arc::new(KeystoreFile::new(patient.config.clone())));
    let (authority, own) = (keys::authority(config, (keystore, access), trust)?, Own::new(config, keystore)?);
    let issued = authority.sign(own.order(), now).map_err(|error| StartError::Certificate { source: error.into() })?;
    let left = u64::try_from(issued.not_after.unix_ms().saturating_sub(now.unix_ms())).unwrap_or(0);
    // Cut to the authority's own end.
    if left.saturating_add(HOUR_MS) < own.order().lifetime_ms {
        let next =
            "rotate the issuing CA before it ends, for nobody gets certificates then: `scalbotics identity ca rotate --help`";
        return Ok(Finding::warn("certificate", format!("the issuing CA ends in {} h", left / HOUR_MS), next));
    }
    Ok(Finding::ok("certificate", format!("can be issued now, for {} h", left / HOUR_MS)))
}

fn issuer(patient: &Patient<'_>) -> Option<Finding> {
    const CHECK: &str = "issuer keys";
    let url = patient.config.settings.issuer.url.as_ref()?;
    let next = "run this installation's `initialize` again, which fetches them";
    let Some(path) = &patient.config.issuer_keys else {
        return Some(Finding::fail(CHECK, format!("`{url}` is configured without issuer.keys"), next));
    };
    Some(match std::fs::read(path) {
        Ok(bytes) if serde_json::from_slice::<serde_json::Value>(&bytes).is_ok() => {
            Finding::ok(CHECK, format!("{} of {url}", path.display()))
        }
        Ok(_) => Finding::fail(CHECK, format!("{} is no JSON", path.display()), next),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Finding::fail(CHECK, format!("{} is not there", path.display()), next)
        }
        Err(error) => Finding::error(CHECK, &error, format!("check who owns {}", path.display())),
    })
}
