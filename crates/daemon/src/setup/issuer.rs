//! The outside issuer: judged before anything is made, then its keys are recorded beside the configuration.

use scalbotics_adapters::issuer::{Discovered, discover};
use scalbotics_identity::authority::outside::Algorithm;
use scalbotics_identity::private_file;

use super::error::{self, Error};
use super::report::{Change, Report};
use super::{Initialize, Plan};
use crate::config::{IssuerClaims, TrustedIssuer};
use crate::{issuer_keys, layout};

/// Reads discovery document and keys of the plan's issuer.
///
/// # Errors
/// [`Error::Issuer`].
pub(super) async fn check(plan: &Plan) -> Result<Option<Discovered>, Error> {
    let Some(url) = &plan.issuer else { return Ok(None) };
    let unusable = |source| Error::Issuer { source };
    let found = discover(url, &plan.roots()?).await.map_err(unusable)?;
    if plan.trusted.is_some() {
        issuer_keys::usable(&found, &Algorithm::ALL).map_err(unusable)?;
    }
    Ok(Some(found))
}

/// What the flags trust the issuer with, where they say it.
pub(super) fn trusted(flags: &Initialize) -> Option<TrustedIssuer> {
    Some(TrustedIssuer {
        url: flags.issuer.clone()?,
        audience: flags.oidc_audience.clone()?,
        tenants: flags.oidc_tenants.iter().cloned().collect(),
        groups: flags.oidc_groups.iter().cloned().collect(),
        claims: IssuerClaims::default(),
        algorithms: Vec::new(),
    })
}

/// Records the keys; keys that were rotated since an earlier run replace the old ones.
///
/// # Errors
/// [`Error::File`], [`Error::Keys`].
pub(super) fn record(plan: &Plan, found: Option<&Discovered>, report: &mut Report) -> Result<(), Error> {
    let Some(found) = found else { return Ok(()) };
    let change = change(plan, found)?;
    if change != Change::Unchanged {
        let path = plan.path(layout::ISSUER_KEYS);
        private_file::replace(&path, found.jwks.as_bytes(), private_file::PUBLIC_MODE)
            .map_err(error::keys("write the issuer's keys"))?;
    }
    report.note("issuer", change, shown(plan, found));
    Ok(())
}

/// What recording would do.
pub(super) fn change(plan: &Plan, found: &Discovered) -> Result<Change, Error> {
    let path = plan.path(layout::ISSUER_KEYS);
    match std::fs::read(&path) {
        Ok(bytes) if bytes == found.jwks.as_bytes() => Ok(Change::Unchanged),
        Ok(_) => Ok(Change::Changed),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Change::Created),
        Err(error) => Err(error::file("read", &path)(error)),
    }
}

/// The issuer, for people.
pub(super) fn shown(plan: &Plan, found: &Discovered) -> String {
    let what = match plan.trusted {
        Some(_) => "people log in by it, and by their own keys while issuer.break_glass is set",
        None => "its keys are recorded; people log in by it once `identity issuer add` says for which tenants",
    };
    format!("{} ({} keys; {what})", found.issuer, found.keys)
}
