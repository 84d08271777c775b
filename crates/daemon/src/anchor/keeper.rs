//! Writes the anchor: behind each checkpoint of the installation log, and the standings when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use scalbotics_core::digest::Digest;
use scalbotics_core::in_words;
use scalbotics_core::ports::{PrivacyStore, StoreError, Tenant};
use scalbotics_core::tenant::TenantId;
use scalbotics_identity::private_file::{self, SECRET_MODE};
use scalbotics_runtime::audit::Signed;
use scalbotics_runtime::{Ports, Supervisor};
use scalbotics_store::SqliteStore;
use serde::Serialize;
use tokio::sync::{Mutex, watch};

use super::document::{self, Anchor, Head};
use super::sealed;
use super::standings::{self, PrivacyMarks, Standings};

/// Why an anchor was not written. The older one stays, and what it says stays true.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What it should say cannot be read.
    #[error("heads or standings could not be read")]
    Store(#[from] StoreError),
    /// It was not signed.
    #[error("anchor could not be signed")]
    Sealed(#[from] sealed::Error),
    /// The file was not written.
    #[error("anchor could not be written")]
    File(#[from] private_file::Error),
    /// The thread that writes ended.
    #[error("the thread that writes the anchor ended")]
    Thread(#[from] tokio::task::JoinError),
}

/// What was written last.
#[derive(Debug)]
struct Written {
    anchor: Anchor,
    standings: Option<Known>,
}

/// The standings that were written last.
#[derive(Debug)]
struct Known {
    /// What they rested on.
    ground: Ground,
    /// The document's.
    digest: Digest,
}

/// What standings rest on: they are not read again while it is the same, for ten thousand agents are in them.
#[derive(Debug, PartialEq, Eq)]
struct Ground {
    /// The store's number, which rises with each row of a tenant, a human, a service or an agent that is written.
    rights: u64,
    /// Of the holds and orders.
    privacy: Digest,
}

/// Keeps the anchor of a running daemon.
#[derive(Debug)]
pub(crate) struct Keeper {
    ports: Ports,
    privacy: Arc<dyn PrivacyStore>,
    rights: watch::Receiver<u64>,
    keystore: PathBuf,
    incarnation: u64,
    /// One writer at a time, so that an older head never comes behind a newer one.
    written: Mutex<Written>,
}

impl Keeper {
    /// A keeper that goes on from `anchor`.
    pub(crate) fn new((ports, store): (Ports, &SqliteStore), keystore: &Path, anchor: Anchor) -> Self {
        let (keystore, incarnation) = (keystore.to_owned(), anchor.incarnation);
        let written = Mutex::new(Written { anchor, standings: None });
        let (privacy, rights) = (Arc::new(store.clone()) as Arc<dyn PrivacyStore>, store.rights());
        Self { ports, privacy, rights, keystore, incarnation, written }
    }

    /// Which incarnation of the installation this is.
    pub(crate) const fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Starts writing in the background, behind each checkpoint of the installation log.
    pub(crate) fn start(self: &Arc<Self>, mut signed: watch::Receiver<Signed>, supervisor: &Supervisor) {
        let (this, owner) = (Arc::clone(self), supervisor.clone());
        supervisor.spawn_essential("anchor", async move {
            let mut size = 0;
            loop {
                let newest = signed.borrow_and_update().size;
                if newest > size && this.told(this.write().await) {
                    size = newest;
                }
                tokio::select! {
                    biased;
                    () = owner.draining() => return,
                    changed = signed.changed() => if changed.is_err() { return },
                }
            }
        });
    }

    /// Writes both files now; after a drain, for what the drain itself wrote.
    pub(crate) async fn write_last(&self) {
        self.told(self.write().await);
    }

    /// Writes both files now: somebody was just suspended, or a hold placed, and a database that is put back must not forget it.
    pub(crate) async fn standings_changed(&self) {
        self.told(self.write().await);
    }

    fn told(&self, done: Result<(), Error>) -> bool {
        let error = done.as_ref().err().map(|error| in_words(error));
        if let Some(error) = error {
            tracing::error!(keystore = %self.keystore.display(), error, "anchor is not kept: a rollback to before now is not seen");
        }
        done.is_ok()
    }

    /// Both documents as they would be written now.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn now(&self) -> Result<(Anchor, Standings), Error> {
        let tenants = self.ports.tenants.tenants().await?;
        let marks = PrivacyMarks::read(self.privacy.as_ref(), &tenants).await?;
        let (standings, _) = self.standings(tenants, marks).await?;
        let before = self.written.lock().await.anchor.clone();
        Ok((self.anchor_behind(before).await?, standings))
    }

    async fn write(&self) -> Result<(), Error> {
        let mut written = self.written.lock().await;
        self.write_standings(&mut written).await?;
        let anchor = self.anchor_behind(written.anchor.clone()).await?;
        self.put(&Anchor::path(&self.keystore), document::KIND, &anchor).await?;
        written.anchor = anchor;
        Ok(())
    }

    /// The anchor that comes behind `before`.
    async fn anchor_behind(&self, before: Anchor) -> Result<Anchor, Error> {
        let registered = self.ports.tenants.tenants().await?;
        let mut logs = Vec::with_capacity(registered.len() + 1);
        let mut checkpoint = None;
        for tenant in [TenantId::system()].iter().chain(registered.iter().map(|tenant| &tenant.id)) {
            // A head is read from what is committed, so the anchor never says more than the disk holds.
            let head = self.ports.audit_log.head(tenant).await?;
            if tenant.is_system() {
                checkpoint = head.checkpoint;
            }
            logs.push(Head { tenant: tenant.clone(), size: head.size, root: head.root });
        }
        Ok(Anchor { at: self.ports.clock.now().max(before.at), logs, checkpoint, ..before })
    }

    async fn write_standings(&self, written: &mut Written) -> Result<(), Error> {
        // Read before the rows: one that is written meanwhile has them read again.
        let rights = *self.rights.borrow();
        let tenants = self.ports.tenants.tenants().await?;
        let marks = PrivacyMarks::read(self.privacy.as_ref(), &tenants).await?;
        let ground = Ground { rights, privacy: sealed::digest(&marks)?.0 };
        if written.standings.as_ref().is_some_and(|known| known.ground == ground) {
            return Ok(());
        }
        let (standings, digest) = self.standings(tenants, marks).await?;
        if written.standings.as_ref().is_none_or(|known| known.digest != digest) {
            self.put(&Standings::path(&self.keystore), standings::KIND, &standings).await?;
        }
        written.standings = Some(Known { ground, digest });
        Ok(())
    }

    /// The standings, short enough to be read again, and their digest.
    async fn standings(&self, tenants: Vec<Tenant>, marks: PrivacyMarks) -> Result<(Standings, Digest), Error> {
        let mut standings = Standings::of(&self.ports, tenants, marks).await?;
        loop {
            let (digest, len) = sealed::digest(&standings)?;
            if len <= standings::LINE_LEN_MAX {
                return Ok((standings, digest));
            }
            tracing::warn!(
                len,
                "not all standings are remembered outside of the database: a restore suspends whom they do not list"
            );
            let Some(shorter) = standings.clone().shortened() else { return Ok((standings, digest)) };
            standings = shorter;
        }
    }

    async fn put(&self, path: &Path, kind: &str, document: &impl Serialize) -> Result<(), Error> {
        let bytes = sealed::seal(kind, document, self.ports.signer.as_ref())?;
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || private_file::replace(&path, &bytes, SECRET_MODE)).await??;
        Ok(())
    }
}
