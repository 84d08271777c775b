//! The anchor of a new installation: before there is a database, so that no run that is killed leaves one without it.

use std::path::Path;

use scalbotics_core::audit::checkpoint::origin;
use scalbotics_core::tenant::TenantId;
use scalbotics_identity::authority::keystore::Kind;
use scalbotics_identity::authority::log_signer::LogSigner;
use scalbotics_identity::private_file::{self, SECRET_MODE};

use super::error::{self, Error};
use super::report::{Change, Report};
use super::{Environment, Plan, keys};
use crate::anchor::{self, Anchor};
use crate::layout::{self, key};

/// Writes the empty anchor, where there is neither an anchor nor a database: one that is lost is never made up.
pub(super) fn make(plan: &Plan, environment: &Environment, report: &mut Report) -> Result<(), Error> {
    let (path, keystore) = (Anchor::path(&plan.path(layout::KEYSTORE)), keys::open(plan)?);
    let is_there = |path: &Path| path.try_exists().map_err(error::file("look at", path));
    if is_there(&path)? || is_there(&plan.path(layout::DATABASE))? {
        report.note("anchor", Change::Unchanged, layout::ANCHOR);
        return Ok(());
    }
    let lost = || Error::Keys { attempt: "sign the anchor", source: "the keystore has no log key".into() };
    let pair = keystore.pair(key::LOG_SIGNER, Kind::LogSigner).ok_or_else(lost)?;
    let name = origin(plan.trust_domain.as_str(), &TenantId::system());
    let signer = LogSigner::new(&name, pair).map_err(error::keys("sign the anchor"))?;
    let anchor = Anchor::empty(plan.installation, environment.clock.now());
    let bytes = anchor::seal(anchor::KIND, &anchor, &signer).map_err(error::keys("sign the anchor"))?;
    private_file::replace(&path, &bytes, SECRET_MODE).map_err(error::keys("write the anchor"))?;
    report.note("anchor", Change::Created, layout::ANCHOR);
    Ok(())
}
