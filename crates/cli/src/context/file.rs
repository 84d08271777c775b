//! `contexts.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scalbotics_core::ids::HumanUid;
use scalbotics_core::in_words;
use scalbotics_core::tenant::{Name, TenantId};
use serde::{Deserialize, Serialize};

use super::config_dir;
use crate::codes;
use crate::failure::{Exit, Failure};

/// Longest file that is read, in bytes: thousands of contexts.
const LEN_MAX: u64 = 1 << 20;

/// One context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// `https://host:port` of the daemon.
    pub(crate) server: String,
    /// The trust file of the installation.
    pub(crate) trust_file: PathBuf,
    /// The tenant.
    pub(crate) tenant: TenantId,
    /// The human.
    pub(crate) human: Name,
    /// The human's identity.
    pub(crate) human_uid: HumanUid,
    /// Private key that logs in.
    pub(crate) login_key: PathBuf,
    /// Private key that signs approvals; another one than the login key (semantics §4.5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) approval_key: Option<PathBuf>,
}

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// The context in use where no flag names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// Contexts by name.
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Entry>,
}

fn path() -> Result<PathBuf, Failure> {
    Ok(config_dir()?.join("contexts.toml"))
}

impl Contexts {
    /// Reads the file; an absent one holds no contexts.
    pub(crate) fn load() -> Result<Self, Failure> {
        Self::load_from(&path()?)
    }

    fn load_from(path: &Path) -> Result<Self, Failure> {
        let broken = |why: String| {
            Failure::new(Exit::Failed, codes::CONTEXTS, format!("cannot use {}", path.display()))
                .why(why)
                .next("correct the file, or remove it; `scalbotics context add --help` tells how contexts are made")
        };
        let bytes = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(broken(error.to_string())),
            Ok(metadata) if metadata.len() > LEN_MAX => return Err(broken(format!("it is longer than {LEN_MAX} bytes"))),
            Ok(_) => std::fs::read_to_string(path).map_err(|error| broken(error.to_string()))?,
        };
        toml::from_str(&bytes).map_err(|error| broken(error.to_string().trim().replace('\n', " ")))
    }

    /// Writes the file, replacing it atomically.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let path = path()?;
        let text = toml::to_string(self).map_err(|error| Failure::internal("contexts have no TOML form", &error))?;
        let cannot = |why: String| {
            Failure::new(Exit::Failed, codes::CONTEXTS, format!("cannot write {}", path.display()))
                .why(why)
                .next("give SCALBOTICS_CONFIG_DIR a directory that you can write")
        };
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(|error| cannot(error.to_string()))?;
        }
        let secret = scalbotics_identity::private_file::SECRET_MODE;
        scalbotics_identity::private_file::replace(&path, text.as_bytes(), secret).map_err(|error| cannot(in_words(&error)))
    }

    /// The context named by the flag, else the current one.
    pub(crate) fn select(&self, flag: Option<&str>) -> Result<(&str, &Entry), Failure> {
        let Some(name) = flag.or(self.current.as_deref()) else {
            return Err(Failure::new(Exit::NotLoggedIn, codes::NO_CONTEXT, "no context is selected")
                .why("the configuration has no current context")
                .next("scalbotics dev"));
        };
        let found = self.contexts.get_key_value(name).map(|(name, entry)| (name.as_str(), entry));
        found.ok_or_else(|| {
            let known: Vec<&str> = self.contexts.keys().map(String::as_str).collect();
            Failure::new(Exit::NotFound, codes::NO_CONTEXT, format!("context {name} does not exist"))
                .why(format!("known contexts: {}", known.join(", ")))
                .next("scalbotics context list")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_an_unknown_key_is_refused_and_kept() {
        let directory = std::env::temp_dir().join(format!("scalbotics-contexts-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("contexts.toml");
        std::fs::write(&path, "curent = \"a\"\n").unwrap();
        let failure = Contexts::load_from(&path).unwrap_err();
        assert!(failure.why.contains("curent"), "{}", failure.why);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "curent = \"a\"\n");
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn selection() {
        let contexts = Contexts::default();
        assert_eq!(contexts.select(None).unwrap_err().exit, Exit::NotLoggedIn);
        assert_eq!(contexts.select(Some("x")).unwrap_err().exit, Exit::NotFound);
    }
}
