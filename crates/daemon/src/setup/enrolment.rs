//! Whose key signs whose approvals: the statement of an approver-admin, made where their key is (semantics §5.2 b).

use std::path::{Path, PathBuf};

use clap::Args;
use scalbotics_core::ids::{HumanUid, InstallationId};
use scalbotics_core::ports::Clock;
use scalbotics_core::tenant::TenantId;
use scalbotics_identity::authority::keystore::{KeyFile, Keystore, Kind as KeyKind, Unlock};
use scalbotics_identity::holder::key::Public;
use scalbotics_identity::holder::statement::{Enrolment, sign_enrolment};

use super::error::{self, Error};
use crate::config::Config;
use crate::layout;

/// Longest file with a public key, in bytes.
const KEY_LEN_MAX: u64 = 8 << 10;

/// Sign that an approval key is a person's; needs the approver-admin's keystore and what opens it, and no daemon.
#[derive(Debug, Clone, Args)]
#[command(
    before_help = "Example: scalboticsd --config ./box/scalbotics.toml enroll --human-uid hum_01K9… --approval-key ./carol-approval.pem.pub"
)]
pub struct Enroll {
    /// The person's identity, as `scalbotics human show` prints it.
    #[arg(long, value_name = "UID")]
    pub human_uid: HumanUid,
    /// The person's tenant, for whose people alone the statement counts; that of the configuration where none is named.
    #[arg(long, value_name = "NAME", value_parser = TenantId::parse)]
    pub tenant: Option<TenantId>,
    /// Public approval key, the file with `.pub` that `scalbotics human keygen` made for the person.
    #[arg(long, value_name = "FILE")]
    pub approval_key: PathBuf,
    /// The approver-admin's keystore; `keys/approver-admin.keystore` beside the configuration where none is named.
    #[arg(long, value_name = "FILE")]
    pub admin_keystore: Option<PathBuf>,
    /// The key file that opens it, which is kept off the daemon's host; `keys/approver-admin.key` beside the configuration where none
    /// is named.
    #[arg(long, value_name = "FILE")]
    pub admin_key_file: Option<PathBuf>,
}

impl Enroll {
    /// The signed statement, for the installation of this configuration.
    ///
    /// # Errors
    /// [`Error::Flag`], [`Error::File`], [`Error::Keys`].
    pub fn sign(&self, config: &Config, clock: &dyn Clock) -> Result<Vec<u8>, Error> {
        let file = std::path::absolute(&config.sources.file).map_err(error::file("resolve", &config.sources.file))?;
        let beside = |path: &str| file.with_file_name(path);
        let admin = Admin {
            keystore: self.admin_keystore.clone().unwrap_or_else(|| beside(layout::ADMIN_KEYSTORE)),
            key_file: self.admin_key_file.clone().unwrap_or_else(|| beside(layout::ADMIN_KEYSTORE_KEY)),
            installation: config.installation,
        };
        admin.enrol(&Enrolment {
            approver: self.human_uid,
            tenant: self.tenant.clone().unwrap_or_else(|| config.tenant.clone()),
            trust_domain: config.trust_domain.clone(),
            key: public(&self.approval_key)?,
            issued_at: clock.now(),
        })
    }
}

/// The key of a file that somebody else made.
fn public(path: &Path) -> Result<Public, Error> {
    let refused = |reason: String| Error::Flag { flag: "--approval-key", value: path.display().to_string(), reason };
    let len = std::fs::metadata(path).map_err(error::file("read", path))?.len();
    if len > KEY_LEN_MAX {
        return Err(refused(format!("it has {len} bytes, more than a key")));
    }
    let text = std::fs::read_to_string(path).map_err(error::file("read", path))?;
    if text.contains("PRIVATE KEY") {
        return Err(refused("it is the private half, which must not leave the person's machine".to_owned()));
    }
    Public::from_jwk_json(text.trim()).map_err(|error| refused(format!("it is no public key: {error}")))
}

/// Who says whose key is whose.
pub(super) struct Admin {
    pub(super) keystore: PathBuf,
    /// What opens it.
    pub(super) key_file: PathBuf,
    pub(super) installation: InstallationId,
}

impl Admin {
    /// The statement under the admin's key, as it is kept and handed on.
    pub(super) fn enrol(&self, enrolment: &Enrolment) -> Result<Vec<u8>, Error> {
        let unlock = KeyFile::load(&self.key_file).map_err(error::keys("read the approver-admin's key file"))?;
        let keystore = Keystore::open(&self.keystore, self.installation, &Unlock::KeyFile(unlock))
            .map_err(error::keys("open the approver-admin's keystore"))?;
        let admin = keystore.pair(layout::key::APPROVER_ADMIN, KeyKind::ApproverAdmin);
        let admin =
            admin.ok_or(Error::Keys { attempt: "find the approver-admin's key", source: "it is not in its keystore".into() })?;
        let signed = sign_enrolment(&admin, enrolment).map_err(error::keys("enrol an approval key"))?;
        signed.to_bytes().map_err(error::keys("enrol an approval key"))
    }
}
