//! The checks, in the order in which they depend on one another.

use std::path::Path;

use scalbotics_core::egress::Roots;
use scalbotics_core::ports::Tenant;
use scalbotics_store::open_read_only;

use super::command::Doctor;
use super::finding::Finding;
use super::{contexts, data, desired, files, host, issuer, keys};
use crate::config::{Config, Sources};
use crate::wiring;

/// What every check is given.
#[derive(Debug)]
pub(super) struct Patient<'a> {
    /// The configuration.
    pub(super) config: &'a Config,
    /// The directory of its file.
    pub(super) base: &'a Path,
    /// Whether a daemon serves the data now.
    pub(super) is_served: bool,
    /// Whether what is safe to mend is mended.
    pub(super) fix: bool,
    /// Whether nothing beyond this machine is asked.
    pub(super) offline: bool,
    /// Authorities that are believed beside the system's.
    pub(super) roots: Roots,
}

impl Patient<'_> {
    /// Other tenants than the operating one; none where the database cannot be read, of which its own check tells.
    pub(super) fn others(&self) -> Vec<Tenant> {
        let registered = open_read_only(&self.config.data_dir).and_then(|store| store.registered()).unwrap_or_default();
        registered.into_iter().filter(|tenant| !self.config.is_operating(&tenant.id)).collect()
    }
}

/// Runs every check.
pub(super) async fn run(sources: Sources, flags: &Doctor) -> Vec<Finding> {
    let file = sources.file.clone();
    let config = match Config::load(sources) {
        Ok(config) => config,
        Err(error) => return vec![Finding::error("configuration", &error, error.next_step())],
    };
    let base = std::path::absolute(&file).unwrap_or(file);
    let base = base.parent().unwrap_or(Path::new("/"));
    let (roots, believed) = authorities(&config);
    let is_served = data::is_served(&config.data_dir);
    let patient = Patient { config: &config, base, is_served, fix: flags.fix, offline: flags.offline, roots };
    let mut findings = vec![Finding::ok("configuration", format!("{}", config.sources.file.display()))];
    findings.extend(believed);
    findings.extend(files::check(&patient));
    findings.extend(keys::check(&patient));
    findings.extend(data::check(&patient));
    findings.push(data::anchor(&patient));
    findings.extend(desired::check(&patient).await);
    findings.extend(issuer::check(&patient).await);
    findings.extend(host::check(&patient).await);
    findings.push(contexts::check(&patient, flags.directories.config()));
    findings
}

/// The authorities that are believed beside the system's, and what there is to say of their file, where one is named.
fn authorities(config: &Config) -> (Roots, Option<Finding>) {
    const CHECK: &str = "authorities";
    let Some(path) = &config.ca_bundle else { return (Roots::default(), None) };
    match wiring::roots(config) {
        Ok(roots) => {
            let detail = format!("{} of {} are believed beside the system's", roots.len(), path.display());
            (roots, Some(Finding::ok(CHECK, detail)))
        }
        Err(error) => (Roots::default(), Some(Finding::error(CHECK, &error, error.next_step()))),
    }
}
