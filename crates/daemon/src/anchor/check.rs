//! Whether a database is the one that the anchor remembers, or grew out of it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use scalbotics_core::ids::InstallationId;
use scalbotics_core::ports::StoreError;
use scalbotics_core::tenant::TenantId;
use scalbotics_identity::holder::signed_note::Verifier;
use scalbotics_identity::private_file;
use scalbotics_store::SqliteStore;

use super::document::{self, Anchor};
use super::sealed;
use super::standings::{self, Standings};
use crate::rpc::codes::{self, Code};

/// Why a database is not served.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There are records, and no anchor.
    #[error("there is no anchor `{}`, and the database has records", path.display())]
    Absent {
        /// Where it should be.
        path: PathBuf,
    },
    /// The anchor cannot be read, or nobody who counts has signed it.
    #[error("anchor `{}` cannot be used", path.display())]
    Unusable {
        /// Where it is.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is that of another installation.
    #[error("anchor `{}` belongs to installation `{found}`", path.display())]
    Foreign {
        /// Where it is.
        path: PathBuf,
        /// Whose it is.
        found: InstallationId,
    },
    /// A restore was begun and did not end.
    #[error("a restore was begun and is not done")]
    Unfinished,
    /// The database is older than the anchor.
    #[error("database is older than its anchor: the log of `{tenant}` had {anchored} records and has {found}")]
    Older {
        /// Whose log shows it.
        tenant: TenantId,
        /// Its size in the anchor.
        anchored: u64,
        /// Its size now.
        found: u64,
    },
    /// The database has another history than the anchor.
    #[error("database was forked: the log of `{tenant}` has other records up to {size} than its anchor")]
    Forked {
        /// Whose log shows it.
        tenant: TenantId,
        /// Size in the anchor.
        size: u64,
    },
    /// A witness knows a longer log, or another one.
    #[error("witness `{witness}` knows {what} of the installation log than the database has")]
    Witness {
        /// Its name.
        witness: String,
        /// What it knows.
        what: String,
        /// Whether that is a longer one.
        is_longer: bool,
    },
    /// The logs cannot be read.
    #[error("logs cannot be compared with the anchor")]
    Store(#[from] StoreError),
}

impl Refused {
    /// The code, with a page in the docs.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Absent { .. } | Self::Unusable { .. } | Self::Foreign { .. } => codes::ANCHOR_UNUSABLE,
            Self::Unfinished => codes::RESTORE_UNFINISHED,
            Self::Older { .. } | Self::Witness { is_longer: true, .. } => codes::DATA_OLDER,
            Self::Forked { .. } | Self::Witness { is_longer: false, .. } => codes::DATA_FORKED,
            Self::Store(_) => codes::STORE_CORRUPT,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Absent { .. } | Self::Unusable { .. } => {
                "put the anchor back beside the keystore; where it is lost, restore a backup: `scalbotics admin restore --help`"
            }
            Self::Foreign { .. } => "check keystore.path in the configuration",
            Self::Unfinished => "run the same restore again: `scalbotics admin restore --help`",
            Self::Older { .. } | Self::Forked { .. } | Self::Witness { .. } => {
                "put the newest data directory back; where it is lost, restore a backup: `scalbotics admin restore --help`"
            }
            Self::Store(_) => "keep a copy of the data directory as it is, then restore the newest backup",
        }
    }
}

/// The anchor beside a keystore; `None` where there is none.
///
/// # Errors
/// [`Refused::Unusable`], [`Refused::Foreign`].
pub(crate) fn load(keystore: &Path, installation: InstallationId, keys: &[Verifier]) -> Result<Option<Anchor>, Refused> {
    let path = Anchor::path(keystore);
    let unusable = |source: Box<dyn std::error::Error + Send + Sync>| Refused::Unusable { path: path.clone(), source };
    let bytes = match private_file::read(&path, document::LEN_MAX) {
        Ok(bytes) => bytes,
        Err(private_file::Error::Read { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error.into())),
    };
    let anchor: Anchor = sealed::open(document::KIND, &bytes, keys).map_err(|error| unusable(error.into()))?;
    if anchor.version != document::VERSION {
        return Err(unusable(format!("it has version {}, not {}", anchor.version, document::VERSION).into()));
    }
    if anchor.installation != installation {
        return Err(Refused::Foreign { path, found: anchor.installation });
    }
    Ok(Some(anchor))
}

/// The standings beside a keystore; `None` where there are none that can be believed.
pub(crate) fn load_standings(keystore: &Path, keys: &[Verifier]) -> Option<Standings> {
    let bytes = private_file::read(&Standings::path(keystore), standings::LEN_MAX).ok()?;
    let standings: Standings = sealed::open(standings::KIND, &bytes, keys).ok()?;
    (standings.version == standings::VERSION).then_some(standings)
}

/// Refuses a store that is not the one of the anchor, or grew out of it. An empty store needs none.
///
/// # Errors
/// [`Refused`].
pub(crate) async fn verify(anchor: Option<&Anchor>, keystore: &Path, store: &SqliteStore) -> Result<(), Refused> {
    let sizes = store.log_sizes().await?;
    let Some(anchor) = anchor else {
        return if sizes.is_empty() { Ok(()) } else { Err(Refused::Absent { path: Anchor::path(keystore) }) };
    };
    if anchor.restoring {
        return Err(Refused::Unfinished);
    }
    for head in &anchor.logs {
        let tenant = || head.tenant.clone();
        match store.root_at(&head.tenant, head.size).await? {
            Some(root) if root == head.root => {}
            Some(_) => return Err(Refused::Forked { tenant: tenant(), size: head.size }),
            None => {
                let found = sizes.iter().find(|(tenant, _)| *tenant == head.tenant).map_or(0, |(_, size)| *size);
                return Err(Refused::Older { tenant: tenant(), anchored: head.size, found });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use scalbotics_core::audit::{Kind, Record};
    use scalbotics_core::digest::Digest;
    use scalbotics_core::ports::AuditLog as _;
    use scalbotics_core::principal::Uid;
    use scalbotics_core::time::Timestamp;
    use scalbotics_store::Options;

    use super::*;
    use crate::anchor::Head;

    #[tokio::test]
    async fn sem_7_4_any_log_that_is_older_or_another_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (installation, at) = (InstallationId::from_u128(1), Timestamp::from_unix_ms(1));
        let store = SqliteStore::open(dir.path(), &Options::new(installation)).unwrap();
        let tenants = ["system", "acme", "beta"].map(|name| TenantId::parse(name).unwrap());
        for tenant in &tenants {
            let record = Record::new(Kind::Installation, at, tenant.clone(), Uid::Daemon, "test");
            store.append(vec![record], Vec::new()).await.unwrap();
        }
        let mut logs = Vec::new();
        for tenant in &tenants {
            let head = store.head(tenant).await.unwrap();
            logs.push(Head { tenant: tenant.clone(), size: head.size, root: head.root });
        }
        // One that was registered and has no record yet.
        logs.push(Head {
            tenant: TenantId::parse("empty").unwrap(),
            size: 0,
            root: store.root_at(&tenants[0], 0).await.unwrap().unwrap(),
        });
        let anchor = Anchor { logs, ..Anchor::empty(installation, at) };
        verify(Some(&anchor), dir.path(), &store).await.unwrap();
        for (place, named) in tenants.iter().enumerate() {
            let mut older = anchor.clone();
            older.logs[place].size = 2;
            let refused = verify(Some(&older), dir.path(), &store).await.unwrap_err();
            assert!(matches!(refused, Refused::Older { tenant, anchored: 2, found: 1 } if tenant == *named), "{named}");
            let mut forked = anchor.clone();
            forked.logs[place].root = Digest::of_bytes(b"another");
            let refused = verify(Some(&forked), dir.path(), &store).await.unwrap_err();
            assert!(matches!(refused, Refused::Forked { tenant, size: 1 } if tenant == *named), "{named}");
        }
        let mut gone = anchor.clone();
        gone.logs[3].size = 1;
        assert!(matches!(verify(Some(&gone), dir.path(), &store).await, Err(Refused::Older { found: 0, .. })));
    }
}
