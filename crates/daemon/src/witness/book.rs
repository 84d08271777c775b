//! What a witness has cosigned: a folder with its key and a file a log, held by one process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use scalbotics_core::audit::checkpoint::{Checkpoint, NOTE_LEN_MAX};
use scalbotics_core::digest::Digest;
use scalbotics_identity::holder::key::{self, Algorithm, Pair};
use scalbotics_identity::private_file;

/// The witness's private key.
const KEY: &str = "witness.pem";

/// Where the logs' newest checkpoints are.
const LOGS: &str = "logs";

/// What the process that holds the folder has locked.
const LOCK: &str = "lock";

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Another process holds it.
    #[error("folder `{}` is held by another witness", dir.display())]
    Held {
        /// The folder.
        dir: PathBuf,
    },
    /// The system said no.
    #[error("cannot {attempt} `{}`", path.display())]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file could not be read or written.
    #[error("cannot keep what was cosigned")]
    File(#[from] private_file::Error),
    /// The key cannot be used.
    #[error("cannot use the witness's key")]
    Key(#[from] key::Error),
    /// A file of the folder is not what was written.
    #[error("`{}` is no checkpoint that this witness cosigned", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

/// The folder, held.
#[derive(Debug)]
pub(crate) struct Book {
    dir: PathBuf,
    _lock: File,
}

impl Book {
    /// Takes the folder, making it where it is missing.
    ///
    /// # Errors
    /// [`Error::Held`], [`Error::Io`].
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let logs = dir.join(LOGS);
        std::fs::create_dir_all(&logs).map_err(|source| Error::Io { attempt: "make", path: logs, source })?;
        let path = dir.join(LOCK);
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let lock = lock.map_err(|source| Error::Io { attempt: "open", path: path.clone(), source })?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::Held { dir: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(Error::Io { attempt: "lock", path, source }),
        }
    }

    /// The witness's key, made where it is missing.
    ///
    /// # Errors
    /// [`Error::Key`], [`Error::Io`].
    pub(crate) fn key(&self) -> Result<Pair, Error> {
        let path = self.dir.join(KEY);
        let here = path.try_exists().map_err(|source| Error::Io { attempt: "look at", path: path.clone(), source })?;
        if here {
            return Ok(Pair::load(&path)?);
        }
        let pair = Pair::generate(Algorithm::Ed25519)?;
        pair.save(&path)?;
        Ok(pair)
    }

    /// The newest checkpoint of a log that was cosigned; `None` for a log of which there is none.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Damaged`].
    pub(crate) fn newest(&self, origin: &str) -> Result<Option<Checkpoint>, Error> {
        let path = self.path(origin);
        let bytes = match private_file::read_public(&path, NOTE_LEN_MAX as u64) {
            Ok(bytes) => bytes,
            Err(private_file::Error::Read { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let text = std::str::from_utf8(&bytes).ok().and_then(|text| Checkpoint::parse_any(text).ok());
        match text.filter(|checkpoint| checkpoint.origin == origin) {
            Some(checkpoint) => Ok(Some(checkpoint)),
            None => Err(Error::Damaged { path }),
        }
    }

    /// Keeps a checkpoint as the newest of its log: on disk when this returns.
    ///
    /// # Errors
    /// [`Error::File`]: the older one is kept.
    pub(crate) fn keep(&self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let path = self.path(&checkpoint.origin);
        Ok(private_file::replace(&path, checkpoint.text().as_bytes(), private_file::PUBLIC_MODE)?)
    }

    /// The file of a log: its origin may hold anything, so the file is named by its digest.
    fn path(&self, origin: &str) -> PathBuf {
        self.dir.join(LOGS).join(Digest::of_bytes(origin.as_bytes()).to_string())
    }
}
