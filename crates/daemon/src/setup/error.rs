//! Why an installation could not be made.

use std::io;
use std::path::PathBuf;

use scalbotics_adapters::git::remote::Error as RemoteError;
use scalbotics_adapters::issuer::Error as IssuerError;
use scalbotics_core::desired::Finding;
use scalbotics_core::in_words;
use scalbotics_core::ports::StoreError;

/// Findings that are shown at once.
const FINDINGS_SHOWN: usize = 10;

/// Why an installation could not be made. What was made stays, and the next run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Flags are missing; all of them are listed at once.
    #[error("flags are missing: {}", flags.join(", "))]
    Missing {
        /// The flags.
        flags: Vec<&'static str>,
    },
    /// A flag's value is not usable, or contradicts what is already there.
    #[error("{flag} `{value}` is not usable")]
    Flag {
        /// The flag.
        flag: &'static str,
        /// Its value.
        value: String,
        /// What is wrong.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("cannot {attempt} `{}`", path.display())]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A key, certificate or keystore could not be made or opened.
    #[error("cannot {attempt}")]
    Keys {
        /// What was attempted.
        attempt: &'static str,
        /// What the identity plane said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Files that were to be the first desired state would be refused.
    #[error("the files of `{}` are no desired state", directory.display())]
    Desired {
        /// Where they are.
        directory: PathBuf,
        /// What is wrong with them.
        findings: Vec<Finding>,
    },
    /// The `git` program failed.
    #[error("git cannot {attempt}")]
    Git {
        /// What was attempted.
        attempt: &'static str,
        /// Its last words.
        said: String,
    },
    /// The remote repository is not had.
    #[error("the remote repository is not usable")]
    Remote {
        /// Why.
        #[source]
        source: RemoteError,
    },
    /// The remote repository holds something that an earlier run did not put there.
    #[error("the remote repository `{address}` is not empty")]
    RemoteTaken {
        /// Where it is.
        address: String,
    },
    /// The outside issuer is not trusted.
    #[error("the issuer is not usable")]
    Issuer {
        /// Why.
        #[source]
        source: IssuerError,
    },
    /// Somebody ended the questions.
    #[error("nothing was made: the questions were ended")]
    Interrupted,
    /// The questions could not be asked.
    #[error("the terminal cannot be asked")]
    Terminal {
        /// What the terminal said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database could not be opened or written.
    #[error("cannot register the people in the database")]
    Store {
        /// What the store said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// The code, with a page in the docs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } | Self::Flag { .. } => "SETUP_FLAGS",
            Self::File { .. } => "SETUP_FILE",
            Self::Keys { .. } => "SETUP_KEYS",
            Self::Desired { .. } => "SETUP_DESIRED",
            Self::Git { .. } => "SETUP_GIT",
            Self::Remote { .. } | Self::RemoteTaken { .. } => "SETUP_REMOTE",
            Self::Issuer { .. } => "SETUP_ISSUER",
            Self::Interrupted | Self::Terminal { .. } => "SETUP_ENDED",
            Self::Store { .. } => "SETUP_STORE",
        }
    }

    /// Why, where that is not in what the system said.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => Some("nobody can be asked here, so all of them have to be given".to_owned()),
            Self::RemoteTaken { .. } => Some("its commits are somebody's, and nothing is written over them".to_owned()),
            Self::Interrupted => Some("Ctrl-C, Esc or the end of the input".to_owned()),
            Self::Flag { reason, .. } => Some(reason.clone()),
            Self::Git { said, .. } => Some(said.clone()),
            Self::Desired { findings, .. } => {
                let shown = findings.iter().take(FINDINGS_SHOWN).map(ToString::to_string).collect::<Vec<_>>().join("\n       ");
                let more = findings.len().saturating_sub(FINDINGS_SHOWN);
                Some(if more == 0 { shown } else { format!("{shown}\n       and {more} more") })
            }
            Self::Remote { source } => Some(in_words(source)),
            Self::Issuer { source } => Some(in_words(source)),
            Self::File { .. } | Self::Keys { .. } | Self::Store { .. } | Self::Terminal { .. } => None,
        }
    }

    /// What the program exits with: 2 for flags, as everywhere, else 1.
    #[must_use]
    pub const fn exit(&self) -> u8 {
        match self {
            Self::Missing { .. } | Self::Flag { .. } => 2,
            Self::Interrupted => 130,
            Self::File { .. }
            | Self::Keys { .. }
            | Self::Desired { .. }
            | Self::Git { .. }
            | Self::Remote { .. }
            | Self::RemoteTaken { .. }
            | Self::Issuer { .. }
            | Self::Terminal { .. }
            | Self::Store { .. } => 1,
        }
    }

    /// The next step.
    #[must_use]
    pub fn next(&self) -> &'static str {
        if let Some(step) = self.system_step() {
            return step;
        }
        match self {
            Self::Flag { flag: "issuer add" | "issuer remove", .. } => "scalbotics identity issuer --help",
            Self::Flag { flag: "--request" | "--new-passphrase-env", .. } => "scalboticsd ca --help",
            Self::Flag { flag: "--approval-key", .. } => "scalboticsd enroll --help",
            Self::Missing { .. } | Self::Flag { .. } => "scalbotics initialize --help",
            Self::File { .. } => "check the directory's owner, mode and free space, then run the same command again",
            Self::Keys { .. } => "keep the files under keys/ as they are; restore them from a backup, or choose another --dir",
            Self::Desired { .. } => "mend the files, then run the same command again",
            Self::Git { attempt, .. } if attempt.starts_with("push") => {
                "let the token write to the repository and its branch main, then run the same command again"
            }
            Self::Git { .. } => "install git 2.31 or newer, then run the same command again",
            Self::Remote { source } => remote_step(source),
            Self::RemoteTaken { .. } => {
                "name an empty repository; what this one holds can be its first commit: clone it and name the folder with --desired"
            }
            Self::Issuer { source } => issuer_step(source),
            Self::Interrupted => "run the same command again, or give every answer as a flag: `scalbotics initialize --help`",
            Self::Terminal { .. } => "give every answer as a flag: `scalbotics initialize --help`",
            Self::Store { .. } => "stop a daemon that runs on this directory, then run the same command again",
        }
    }

    /// What to do about a disk or a directory, wherever behind the error the system's word about it stands.
    fn system_step(&self) -> Option<&'static str> {
        if let Self::Git { said, .. } = self {
            return REFUSALS.iter().find(|(word, _)| said.contains(word)).map(|(_, step)| *step);
        }
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            let kind = error.downcast_ref().map(io::Error::kind);
            if matches!(error.downcast_ref(), Some(StoreError::Full))
                || matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
            {
                return Some(MAKE_ROOM);
            }
            if matches!(kind, Some(io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)) {
                return Some(LET_WRITE);
            }
            source = error.source();
        }
        None
    }
}

/// Next steps where the system, and no program, refused.
const MAKE_ROOM: &str = "make room on the disk of --dir, then run the same command again: it goes on from there";
const LET_WRITE: &str = "let this user write to --dir, or choose another, then run the same command again";

/// The system's words in what git says, and what to do about each.
const REFUSALS: [(&str, &str); 3] =
    [("No space left on device", MAKE_ROOM), ("Read-only file system", LET_WRITE), ("Permission denied", LET_WRITE)];

/// What to do about a remote.
const fn remote_step(error: &RemoteError) -> &'static str {
    match error {
        RemoteError::Address { .. } => "give the https address from which people clone it, without user or token",
        RemoteError::Unreachable { .. } => "check address and network, then run the same command again; nothing was changed",
        RemoteError::Token { .. } => {
            "make a token that may read and write this repository, check --git-provider, then run the same command again"
        }
        RemoteError::NotFound { .. } => {
            "create an empty repository there, or let the token see it, then run the same command again"
        }
        RemoteError::Redirected { .. } => "give the address at which it ends, then run the same command again",
        RemoteError::NotGit { .. } => "give the address from which people clone it, then run the same command again",
        RemoteError::TooLarge { .. } => {
            "take large files out of its history, or give a repository for desired state alone, then run the same command again"
        }
        RemoteError::Fetch { .. } | RemoteError::Push { .. } => "mend what the server says, then run the same command again",
    }
}

/// What to do about an issuer.
const fn issuer_step(error: &IssuerError) -> &'static str {
    match error {
        IssuerError::Address { .. } => "give the https address that its tokens carry as `iss`, then run the same command again",
        IssuerError::Unreachable { .. } => "check address and network, then run the same command again; nothing was changed",
        IssuerError::Status { .. } => "give the address below which /.well-known/openid-configuration answers by itself",
        IssuerError::TooLong { .. } | IssuerError::Document { .. } => {
            "give the address exactly as the issuer names itself, or have its documents mended, then run the same command again"
        }
    }
}

/// Keeps what the identity plane said behind what was attempted.
pub(super) fn keys<E>(attempt: &'static str) -> impl FnOnce(E) -> Error
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |source| Error::Keys { attempt, source: Box::new(source) }
}

/// Keeps what the system said behind what was attempted on which file.
pub(super) fn file(attempt: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { attempt, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_no_missing_git_and_no_lost_key() {
        let system = |errno| io::Error::from_raw_os_error(errno);
        let (full, read_only, denied) = (28, 30, 13);
        let path = std::path::Path::new("/x");
        let git = |said: &str| Error::Git { attempt: "add the first files", said: said.to_owned() };
        for (error, step) in [
            (keys("create a keystore")(system(full)), MAKE_ROOM),
            (keys("create a keystore")(system(read_only)), LET_WRITE),
            (file("write", path)(system(full)), MAKE_ROOM),
            (file("write", path)(system(denied)), LET_WRITE),
            (git("fatal: unable to write loose object file: No space left on device"), MAKE_ROOM),
            (git("fatal: cannot mkdir x: Permission denied"), LET_WRITE),
            (Error::Store { source: Box::new(StoreError::Full) }, MAKE_ROOM),
        ] {
            assert_eq!(error.next(), step, "{error:?}");
        }
        assert!(git("git: command not found").next().starts_with("install git"));
        assert!(Error::Store { source: Box::new(StoreError::Closing) }.next().starts_with("stop a daemon"));
        assert!(keys("open a keystore")(system(2)).next().starts_with("keep the files"));
    }
}
