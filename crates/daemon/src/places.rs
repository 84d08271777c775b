//! Which directories of the host desired state may name, and which are the daemon's own.
//!
//! **Invariant:** paths are judged by where they really lead, when a commit is looked at and again at each call, for a link may
//! have changed since; what they are compared with is followed once, at the start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::tenant::TenantId;

use crate::anchor::{Anchor, Standings};
use crate::config::{Config, UnlockBy};
use crate::layout;
use crate::setup::Plan;

/// Directories of an installation beside those that the configuration names: keys of humans and of the root lie there.
const KEPT: [&str; 2] = [layout::PEOPLE, "keys"];

/// What desired state may name.
#[derive(Debug, Default)]
pub(crate) struct Places {
    roots: Vec<PathBuf>,
    own: Vec<PathBuf>,
    /// What is no business of the daemon although it lies among what is.
    yard: Option<PathBuf>,
}

/// What the desired state of each tenant may name, followed when it is first asked about.
#[derive(Debug)]
pub(crate) struct PlacesByTenant {
    config: Arc<Config>,
    known: Mutex<BTreeMap<TenantId, Arc<Places>>>,
}

impl PlacesByTenant {
    /// Those of a configuration.
    #[must_use]
    pub(crate) fn of_config(config: Arc<Config>) -> Self {
        Self { config, known: Mutex::default() }
    }

    /// Those of a tenant.
    #[must_use]
    pub(crate) fn of(&self, tenant: &TenantId) -> Arc<Places> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let config = self.config.as_ref();
        let new = || Arc::new(if config.is_operating(tenant) { Places::of(config) } else { Places::of_tenant(config, tenant) });
        Arc::clone(known.entry(tenant.clone()).or_insert_with(new))
    }
}

/// Why a path may not be named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// It leads to nothing below an allowed root.
    #[error("`{}` is not below any of workspaces.allowed_roots", real.display())]
    Outside {
        /// Where it leads.
        real: PathBuf,
    },
    /// It leads to what is the daemon's own, or to a directory around that.
    #[error("`{}` holds or is what belongs to the daemon itself: `{}`", real.display(), own.display())]
    Own {
        /// Where it leads.
        real: PathBuf,
        /// What is the daemon's.
        own: PathBuf,
    },
    /// Nobody can say where it leads.
    #[error("`{}` cannot be followed: {why}", path.display())]
    Unknown {
        /// The path.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
}

impl Places {
    /// Those of a configuration.
    #[must_use]
    pub(crate) fn of(config: &Config) -> Self {
        Self::new(&config.settings.workspaces.allowed_roots, &Self::own(config))
    }

    /// Those of another tenant than the operating one: the files in its own folder, and nothing that is another tenant's.
    #[must_use]
    pub(crate) fn of_tenant(config: &Config, tenant: &TenantId) -> Self {
        let files = config.tenant_dir(tenant).join(layout::TENANT_FILES);
        let mut own = Self::own(config);
        own.extend(config.settings.workspaces.allowed_roots.iter().cloned());
        let yard = follow(&files).unwrap_or_else(|_| files.clone());
        Self { yard: Some(yard), ..Self::new(&[files], &own) }
    }

    fn own(config: &Config) -> Vec<PathBuf> {
        let file = std::path::absolute(&config.sources.file).unwrap_or_else(|_| config.sources.file.clone());
        let base = file.parent().unwrap_or(Path::new("/"));
        let mut own =
            vec![config.data_dir.clone(), config.keystore.clone(), config.trust_file.clone(), config.repository.clone()];
        if let UnlockBy::KeyFile(path) = &config.unlock_by {
            own.push(path.clone());
        }
        own.extend([Anchor::path(&config.keystore), Standings::path(&config.keystore)]);
        own.extend(KEPT.iter().map(|name| base.join(name)));
        own.push(file);
        own
    }

    /// Those of an installation that is to be made.
    #[must_use]
    pub(crate) fn of_plan(plan: &Plan) -> Self {
        let mut roots = plan.workspace_roots.clone();
        roots.push(plan.path(crate::setup::FILES));
        let mut own: Vec<PathBuf> = KEPT.iter().map(|name| plan.path(name)).collect();
        own.extend([plan.path(layout::DATA), plan.path(layout::CONFIG), plan.path(layout::TRUST), plan.repository.clone()]);
        Self::new(&roots, &own)
    }

    fn new(roots: &[PathBuf], own: &[PathBuf]) -> Self {
        let followed = |paths: &[PathBuf]| paths.iter().map(|path| follow(path).unwrap_or_else(|_| path.clone())).collect();
        Self { roots: followed(roots), own: followed(own), yard: None }
    }

    /// Where a mount really leads, if agents may have it.
    ///
    /// # Errors
    /// Any [`Refused`].
    pub(crate) fn mount(&self, path: &Path) -> Result<PathBuf, Refused> {
        let real = self.tool(path)?;
        let within = self.roots.iter().any(|root| real.starts_with(root));
        if within { Ok(real) } else { Err(Refused::Outside { real }) }
    }

    /// Where a path really leads, if tools may be given it.
    ///
    /// # Errors
    /// [`Refused::Own`], [`Refused::Unknown`].
    pub(crate) fn tool(&self, path: &Path) -> Result<PathBuf, Refused> {
        let real = follow(path)?;
        if self.yard.as_ref().is_some_and(|yard| real.starts_with(yard)) {
            return Ok(real);
        }
        match self.own.iter().find(|own| real.starts_with(own) || own.starts_with(&real)) {
            Some(own) => Err(Refused::Own { real, own: own.clone() }),
            None => Ok(real),
        }
    }
}

/// Follows links as far as the path is there; the rest stays as it is written.
fn follow(path: &Path) -> Result<PathBuf, Refused> {
    let mut rest = Vec::new();
    let mut there = path;
    loop {
        match there.canonicalize() {
            Ok(real) => return Ok(rest.iter().rev().fold(real, |real, name| real.join(name))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_link(there) => {
                let (Some(parent), Some(name)) = (there.parent(), there.file_name()) else {
                    return Ok(path.to_owned());
                };
                rest.push(name);
                there = parent;
            }
            Err(error) => return Err(Refused::Unknown { path: path.to_owned(), why: error.to_string() }),
        }
    }
}

/// A link to nothing may lead anywhere tomorrow.
fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.file_type().is_symlink())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn paths_are_judged_by_where_they_lead() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let at = |name: &str| base.join(name);
        for name in ["root/inside", "rooted", "root/box/data", "outside"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        symlink(at("outside"), at("root/out")).unwrap();
        symlink(at("nothing"), at("root/dangling")).unwrap();
        symlink("inside", at("root/in")).unwrap();
        symlink("loop", at("root/loop")).unwrap();
        symlink(at("root"), at("by-link")).unwrap();
        let places = Places::new(&[at("by-link")], &[at("root/box/data"), at("root/box/key")]);
        for good in ["root/inside", "root/in", "root/inside/later/still", "by-link/inside", "root/box/files"] {
            assert!(places.mount(&at(good)).is_ok(), "{good}: {:?}", places.mount(&at(good)));
        }
        assert_eq!(places.mount(&at("by-link/in/x")).unwrap(), at("root/inside/x"));
        for outside in ["rooted", "outside", "root/out", "root/out/deeper", ""] {
            assert!(matches!(places.mount(&at(outside)), Err(Refused::Outside { .. } | Refused::Own { .. })), "{outside}");
        }
        for own in ["root", "by-link", "root/box", "root/box/data", "root/box/data/core.db", "root/box/key"] {
            assert!(matches!(places.mount(&at(own)), Err(Refused::Own { .. })), "{own}");
            assert!(matches!(places.tool(&at(own)), Err(Refused::Own { .. })), "{own}");
        }
        for unknown in ["root/dangling", "root/dangling/x", "root/loop"] {
            assert!(matches!(places.mount(&at(unknown)), Err(Refused::Unknown { .. })), "{unknown}");
        }
        assert!(places.tool(&at("outside")).is_ok());
        std::fs::rename(at("root"), at("moved")).unwrap();
        symlink(at("outside"), at("root")).unwrap();
        assert!(matches!(places.mount(&at("root/x")), Err(Refused::Outside { .. })));
        assert!(Places::default().mount(&at("outside")).is_err());
    }
}
