//! `admin restore`: a copy is made of the backup and made safe, then it takes the place of the database in one move.
//!
//! **Invariant:** until the copy is whole and safe nothing of what is there has changed. Then the anchor says that a restore is under way, so
//! that nothing is served before the new anchor stands; whoever is killed in between runs the same restore again.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use scalbotics_core::failpoint;
use scalbotics_core::ports::Signer;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::holder::trust;
use scalbotics_identity::private_file::{self, SECRET_MODE};
use scalbotics_store::{Held, Options, SqliteStore, raise_writer_epoch, settle};
use serde_json::{Value, json};

use super::error::Error;
use super::manifest::{self, Manifest};
use super::plan;
use super::rewrite::{self, Remembered, Rewritten};
use super::vouched::Vouched;
use crate::anchor::{self, Anchor, Standings};
use crate::clock::{Guarded, System};
use crate::config::Config;
use crate::keys;

/// Where the copy is made safe, below the data directory.
const STAGE: &str = "restoring";

/// What is restored, and how.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) from: PathBuf,
    pub(super) dry_run: bool,
    pub(super) yes: bool,
    /// Humans whom the operator vouches for.
    pub(super) keep: BTreeSet<Vouched>,
}

/// Restores, or says what a restore would do.
///
/// # Errors
/// Any [`Error`].
pub(super) async fn run(config: &Config, wanted: &Wanted) -> Result<Value, Error> {
    let trust = keys::trust(config)?;
    let signer = keys::log_signer(config, &keys::keystore(config)?, &trust, 1)?;
    let manifest = manifest::open(&wanted.from, config.installation, &trust)?;
    let remembered = remembered(config, &trust)?;
    let incarnation = next_incarnation(&remembered, &manifest);
    let plan = plan::of(&manifest, &remembered, incarnation);
    let planned = plan::suspended(&wanted.from, config, (&remembered, &wanted.keep))?;
    if wanted.dry_run {
        return Ok(json!({
            "dry_run": true, "incarnation": incarnation, "backup": wanted.from, "lost": plan::shown(&plan), "suspended_humans": planned.humans,
            "suspended_agents": "every agent, until it is resumed by name", "suspended_tenants": planned.tenants,
            "tenants_without_admin": planned.without_admin, "known_before": remembered.words(),
            "erased_again": remembered.erased_since(manifest.at),
        }));
    }
    if !wanted.yes {
        return Err(Error::NotConfirmed);
    }
    make(&config.data_dir)?;
    let _held = Held::take(&config.data_dir)?;
    let stage = Stage::make(&config.data_dir)?;
    let copy = stage.dir.join(manifest::DATABASE);
    failpoint!("restore.copy.before");
    // Whoever may read the backup where it was kept does not so read the database.
    let copied = std::fs::copy(wanted.from.join(manifest::DATABASE), &copy);
    let own = copied.and_then(|_| std::fs::set_permissions(&copy, Permissions::from_mode(SECRET_MODE)));
    own.map_err(|source| Error::Place { path: copy, source })?;
    failpoint!("restore.copy.after");
    let epoch = remembered.anchor.as_ref().map_or(0, |anchor| anchor.writer_epoch);
    raise_writer_epoch(&stage.dir, epoch)?;
    let rewritten = rewrite_copy(config, &stage.dir, (&remembered, &wanted.keep), plan).await?;
    settle(&stage.dir)?;
    let found = manifest::verify(&stage.dir)?;
    drop(found.store);
    failpoint!("restore.rewrite.after");
    let Rewritten { anchor: new, standings, done } = rewritten;
    let now = Anchor { restoring: true, ..remembered.anchor.unwrap_or_else(|| Anchor::empty(config.installation, manifest.at)) };
    put(&Anchor::path(&config.keystore), anchor::KIND, &now, &signer)?;
    failpoint!("restore.anchor.after");
    let replaced = stage.swap(&config.data_dir, incarnation)?;
    failpoint!("restore.swap.after");
    put(&Standings::path(&config.keystore), anchor::STANDINGS_KIND, &standings, &signer)?;
    failpoint!("restore.standings.after");
    put(&Anchor::path(&config.keystore), anchor::KIND, &new, &signer)?;
    failpoint!("restore.done.after");
    Ok(json!({
        "restored": wanted.from, "incarnation": incarnation, "lost": done.lost, "tasks_ended": done.tasks.tasks,
        "effects_in_doubt": done.tasks.in_doubt, "approvals_lapsed": done.tasks.approvals, "agents_suspended": done.agents,
        "humans_suspended": done.humans, "services_suspended": done.services, "holds_placed_again": done.holds, "erased_again": done.erased,
        "tenants_suspended": done.tenants, "tenants_without_admin": planned.without_admin, "replaced": replaced, "log_key": done.log_key,
    }))
}

/// What is remembered outside of the database; what is lost of it is said.
fn remembered(config: &Config, trust: &trust::File) -> Result<Remembered, Error> {
    let anchor = match anchor::load(&config.keystore, config.installation, &trust.log_keys) {
        Ok(anchor) => anchor,
        Err(anchor::Refused::Unusable { .. }) => None,
        Err(error) => return Err(Error::Step { attempt: "use the anchor beside the keystore", source: error.into() }),
    };
    let standings = anchor::load_standings(&config.keystore, &trust.log_keys);
    Ok(Remembered { anchor, is_known: standings.is_some(), standings: standings.unwrap_or_else(Standings::unknown) })
}

fn next_incarnation(remembered: &Remembered, manifest: &Manifest) -> u64 {
    remembered.anchor.as_ref().map_or(0, |anchor| anchor.incarnation).max(manifest.incarnation).saturating_add(1)
}

/// Opens the copy as a daemon would, and makes it safe.
async fn rewrite_copy(
    config: &Config,
    stage: &Path,
    (remembered, keep): (&Remembered, &BTreeSet<Vouched>),
    plan: scalbotics_core::audit::RestoreNote,
) -> Result<Rewritten, Error> {
    let store = SqliteStore::open(stage, &Options::new(config.installation))?;
    let mark = remembered.anchor.as_ref().map_or(Timestamp::from_unix_ms(0), |anchor| anchor.at);
    let clock = Arc::new(Guarded::new(System, store.last_commit_at().max(Some(mark))));
    rewrite::all(config, (&store, &clock), (remembered, keep), plan).await
}

fn put(path: &Path, kind: &str, document: &impl serde::Serialize, signer: &dyn Signer) -> Result<(), Error> {
    let bytes = anchor::seal(kind, document, signer).map_err(Error::step("sign the anchor"))?;
    private_file::replace(path, &bytes, SECRET_MODE).map_err(Error::step("write the anchor"))
}

fn make(dir: &Path) -> Result<(), Error> {
    let failed = |source| Error::Place { path: dir.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)
}

/// The copy; gone when dropped.
#[derive(Debug)]
struct Stage {
    dir: PathBuf,
}

impl Stage {
    /// An empty one, also after a restore that was killed.
    fn make(data: &Path) -> Result<Self, Error> {
        let dir = data.join(STAGE);
        match std::fs::remove_dir_all(&dir) {
            Err(source) if source.kind() != ErrorKind::NotFound => return Err(Error::Place { path: dir, source }),
            Ok(()) | Err(_) => {}
        }
        make(&dir)?;
        Ok(Self { dir })
    }

    /// Moves what is there aside, and the copy to its place; answers where the old files are.
    fn swap(self, data: &Path, incarnation: u64) -> Result<Option<PathBuf>, Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Place { path, source }
        };
        let mut replaced = data.join(format!("replaced-{incarnation}"));
        let mut number = 1;
        while replaced.try_exists().map_err(failed(&replaced))? {
            number += 1;
            replaced = data.join(format!("replaced-{incarnation}-{number}"));
        }
        let mut moved = false;
        // The log first: without it the database is an older one, which the anchor refuses anyway.
        for name in ["core.db-wal", "core.db-shm", manifest::DATABASE] {
            let path = data.join(name);
            if path.try_exists().map_err(failed(&path))? {
                make(&replaced)?;
                std::fs::rename(&path, replaced.join(name)).map_err(failed(&path))?;
                moved = true;
            }
        }
        failpoint!("restore.aside.after");
        let (copy, place) = (self.dir.join(manifest::DATABASE), data.join(manifest::DATABASE));
        std::fs::rename(&copy, &place).map_err(failed(&place))?;
        File::open(data).and_then(|dir| dir.sync_all()).map_err(failed(data))?;
        Ok(moved.then_some(replaced))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What is left of it is removed by the next restore.
        drop(std::fs::remove_dir_all(&self.dir));
    }
}
