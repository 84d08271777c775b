//! Why the daemon does not start: one clear error in four parts.

use std::net::SocketAddr;
use std::path::PathBuf;

use scalbotics_core::desired::Finding;
use scalbotics_core::ids::InstallationId;
use scalbotics_core::tenant::TenantId;
use scalbotics_store::OpenError;

use crate::anchor::Refused;
use crate::config;
use crate::program::Told;
use crate::rpc::codes::{self, Code};

/// Findings that are shown at once.
const FINDINGS_SHOWN: usize = 10;

/// What a library said.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the daemon does not start. Nothing was served, and no effect was sent.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is refused.
    #[error("configuration is refused")]
    Config(#[from] config::Error),
    /// The keystore does not open, or what unlocks it is not there.
    #[error("keystore `{}` cannot be opened", path.display())]
    Keystore {
        /// The keystore.
        path: PathBuf,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The keystore lacks a key.
    #[error("keystore `{}` holds no usable key `{name}`", path.display())]
    Key {
        /// The keystore.
        path: PathBuf,
        /// The key.
        name: String,
    },
    /// The trust file cannot be used.
    #[error("trust file `{}` cannot be used", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The authorities that are to be believed beside the system's cannot be read.
    #[error("authorities of `{}` cannot be used", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The daemon's certificate cannot be issued or served.
    #[error("certificate of the daemon cannot be made")]
    Certificate {
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The store does not open.
    #[error("data in `{}` cannot be served", dir.display())]
    Store {
        /// The directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: OpenError,
    },
    /// The data knows no tenant of the name that the configuration says.
    #[error("there is no tenant `{tenant}` in the data")]
    Unregistered {
        /// The name.
        tenant: TenantId,
    },
    /// The data belongs to another installation.
    #[error("data in `{}` belongs to installation `{found}`", dir.display())]
    OtherInstallation {
        /// The directory.
        dir: PathBuf,
        /// Whose data it is.
        found: InstallationId,
    },
    /// The data is not what its anchor remembers.
    #[error("data in `{}` is not served", dir.display())]
    Anchor {
        /// The directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: Refused,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Its key in the configuration.
        key: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The socket of the Workload API cannot be listened on.
    #[error("cannot listen on the socket `{}`", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The repository cannot be read; only `--check-config` says so, a running daemon waits for it.
    #[error("repository `{}` cannot be read", path.display())]
    Repository {
        /// The repository.
        path: PathBuf,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The newest commit is refused; only `--check-config` says so, a running daemon keeps the last good one.
    #[error("commit `{commit}` of desired state is refused")]
    Desired {
        /// The commit.
        commit: String,
        /// What is wrong with it.
        findings: Vec<Finding>,
    },
    /// The sandbox's directories cannot be made.
    #[error("directory `{}` of the tool sandbox cannot be made", dir.display())]
    Sandbox {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Unfinished tasks cannot be read.
    #[error("unfinished tasks cannot be brought back")]
    Recover {
        /// Why.
        #[source]
        source: BoxError,
    },
    /// Something that a sound machine has.
    #[error("cannot {attempt}")]
    System {
        /// What was attempted.
        attempt: &'static str,
        /// What the system said.
        #[source]
        source: BoxError,
    },
}

impl StartError {
    /// The code, with a page in the docs.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Config(_) | Self::Roots { .. } => codes::CONFIG_INVALID,
            Self::Keystore { .. } | Self::Key { .. } => codes::KEYSTORE_UNUSABLE,
            Self::Trust { .. } => codes::TRUST_UNUSABLE,
            Self::Certificate { .. } => codes::CERTIFICATE_UNUSABLE,
            Self::Store { source: OpenError::Locked { .. }, .. } => codes::DATA_IN_USE,
            Self::Store { .. } | Self::OtherInstallation { .. } | Self::Unregistered { .. } => codes::DATA_UNUSABLE,
            Self::Anchor { source, .. } => source.code(),
            Self::Listen { .. } | Self::Socket { .. } => codes::ADDRESS_IN_USE,
            Self::Repository { .. } => codes::REPOSITORY_UNREADABLE,
            Self::Desired { .. } => codes::DESIRED_STATE_REFUSED,
            Self::Sandbox { .. } => codes::SANDBOX_UNUSABLE,
            Self::Recover { .. } => codes::STORE_CORRUPT,
            Self::System { .. } => codes::INTERNAL,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> String {
        match self {
            Self::Config(error) => error.next_step(),
            Self::Keystore { .. } => {
                "check keystore.path and what unlocks it in the configuration; a keystore opens only with the key it was made with".to_owned()
            }
            Self::Key { .. } => "run this installation's `initialize` again, which makes the keys that are missing".to_owned(),
            Self::Trust { .. } => "put back the trust file that initialize printed; it is public".to_owned(),
            Self::Roots { .. } => "let egress.ca_bundle in the configuration name a PEM file with certificates of authorities".to_owned(),
            Self::Certificate { .. } => "check the issuing CA's certificate beside the keystore, server.san_dns and the clock".to_owned(),
            Self::Store { source, .. } => source.next_step().to_owned(),
            Self::Unregistered { .. } => "set installation.tenant in the configuration to the tenant that the installation was made with".to_owned(),
            Self::OtherInstallation { .. } => "check installation.data_dir and installation.id in the configuration".to_owned(),
            Self::Anchor { source, .. } => source.next_step().to_owned(),
            Self::Listen { key, .. } => format!("stop what listens there, or set another `{key}`"),
            Self::Socket { .. } => "make the socket's folder, stop what listens there, or set another `identity.workload_socket`".to_owned(),
            Self::Repository { .. } => "check repository.path and repository.branch in the configuration".to_owned(),
            Self::Desired { .. } => "mend the files, commit, and check again; what is in force in a running daemon stays".to_owned(),
            Self::Sandbox { .. } => "check who owns installation.data_dir".to_owned(),
            Self::Recover { .. } => "keep a copy of the data directory as it is, then restore the newest backup".to_owned(),
            Self::System { .. } => "check limits of the service: file descriptors, threads, memory".to_owned(),
        }
    }

    /// What is wrong with a commit, the first few.
    fn findings(&self) -> Vec<String> {
        let Self::Desired { findings, .. } = self else { return Vec::new() };
        let mut shown: Vec<String> = findings.iter().take(FINDINGS_SHOWN).map(ToString::to_string).collect();
        let more = findings.len().saturating_sub(shown.len());
        if more > 0 {
            shown.push(format!("and {more} more"));
        }
        vec![shown.join("\n       ")]
    }

    /// Why, down to what the system said.
    #[must_use]
    pub fn why(&self) -> String {
        let mut why = self.findings();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            why.push(error.to_string());
            source = error.source();
        }
        if why.is_empty() { self.code().meaning().to_owned() } else { why.join(": ") }
    }

    /// The four parts, for people.
    #[must_use]
    pub fn report(&self) -> String {
        Told { code: self.code().name(), what: self.to_string(), why: self.why(), next: self.next_step() }.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_four_parts() {
        let error = StartError::Listen {
            address: SocketAddr::from(([127, 0, 0, 1], 7420)),
            key: "server.listen",
            source: std::io::Error::from_raw_os_error(98),
        };
        let report = error.report();
        let wanted = [
            "error: cannot listen on 127.0.0.1:7420 [ADDRESS_IN_USE]",
            "\n  why: ",
            "\n next: ",
            "\n  ref: docs: errors/ADDRESS_IN_USE",
        ];
        assert!(wanted.iter().all(|part| report.contains(part)), "{report}");
    }
}
