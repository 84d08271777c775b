//! `contexts.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scalbotics_core::ids::{HumanUid, ServiceUid};
use scalbotics_core::in_words;
use scalbotics_core::principal::KeyHolder;
use scalbotics_core::tenant::{Name, TenantId};
use serde::{Deserialize, Serialize};

use super::{Issuer, config_dir};
use crate::codes;
use crate::failure::{Exit, Failure};

/// Longest file that is read, in bytes: thousands of contexts.
const LEN_MAX: u64 = 1 << 20;

/// One context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub(crate) struct Entry {
    /// `https://host:port` of the daemon.
    pub(crate) server: String,
    /// The trust file of the installation.
    pub(crate) trust_file: PathBuf,
    /// The tenant.
    pub(crate) tenant: TenantId,
    /// Who acts; unknown until the first login where an outside issuer says it.
    pub(crate) person: Option<Person>,
    /// Private key that logs in, or to which tokens are bound where an outside issuer says who somebody is.
    pub(crate) login_key: PathBuf,
    /// Private key that signs approvals; another one than the login key (semantics §4.5).
    pub(crate) approval_key: Option<PathBuf>,
    /// The outside issuer; without one the login key is the proof.
    pub(crate) issuer: Option<Issuer>,
}

impl Entry {
    /// The name of who acts, as people read it.
    pub(crate) fn who(&self) -> &str {
        self.person.as_ref().map_or("nobody yet", |person| person.name.as_str())
    }
}

/// A human or a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// The name in the tenant.
    pub(crate) name: Name,
    /// The identity for good.
    pub(crate) holder: KeyHolder,
}

/// One context as it stands in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    server: String,
    trust_file: PathBuf,
    tenant: TenantId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    human: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    human_uid: Option<HumanUid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_uid: Option<ServiceUid>,
    login_key: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approval_key: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<Issuer>,
}

impl TryFrom<Written> for Entry {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, &'static str> {
        let Written { server, trust_file, tenant, human, human_uid, service, service_uid, login_key, approval_key, issuer } =
            written;
        let person = match (human, human_uid, service, service_uid) {
            (Some(name), Some(uid), None, None) => Some(Person { name, holder: KeyHolder::Human(uid) }),
            (None, None, Some(name), Some(uid)) if issuer.is_none() => Some(Person { name, holder: KeyHolder::Service(uid) }),
            (None, None, None, None) if issuer.is_some() => None,
            _ => {
                return Err(
                    "a context names either `human` and `human_uid`, or `service` and `service_uid`, or an `issuer` of humans",
                );
            }
        };
        Ok(Self { server, trust_file, tenant, person, login_key, approval_key, issuer })
    }
}

impl From<Entry> for Written {
    fn from(entry: Entry) -> Self {
        let Entry { server, trust_file, tenant, person, login_key, approval_key, issuer } = entry;
        let (human, human_uid, service, service_uid) = match person {
            None => (None, None, None, None),
            Some(Person { name, holder: KeyHolder::Human(uid) }) => (Some(name), Some(uid), None, None),
            Some(Person { name, holder: KeyHolder::Service(uid) }) => (None, None, Some(name), Some(uid)),
        };
        Self { server, trust_file, tenant, human, human_uid, service, service_uid, login_key, approval_key, issuer }
    }
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
    fn a_context_is_of_a_human_or_of_a_service_or_of_whom_its_issuer_names() {
        let (human, service) = (HumanUid::from_u128(1), ServiceUid::from_u128(1));
        let place = "server = \"https://h:1\"\ntrust_file = \"t\"\ntenant = \"acme\"\nlogin_key = \"k\"\n";
        for (who, good) in [
            (format!("human = \"ann\"\nhuman_uid = \"{human}\"\n"), true),
            (format!("service = \"ci\"\nservice_uid = \"{service}\"\n"), true),
            (format!("service = \"ci\"\nhuman_uid = \"{human}\"\n"), false),
            (format!("service = \"ci\"\nservice_uid = \"{human}\"\n"), false),
            (format!("human = \"ann\"\nhuman_uid = \"{human}\"\nservice = \"ci\"\nservice_uid = \"{service}\"\n"), false),
            (String::new(), false),
            ("[issuer]\nurl = \"https://i\"\nclient_id = \"c\"\n".to_owned(), true),
            (
                format!(
                    "human = \"ann\"\nhuman_uid = \"{human}\"\n[issuer]\nurl = \"https://i\"\nclient_id = \"c\"\ntoken = \"access\"\n"
                ),
                true,
            ),
            (format!("service = \"ci\"\nservice_uid = \"{service}\"\n[issuer]\nurl = \"https://i\"\nclient_id = \"c\"\n"), false),
            ("[issuer]\nurl = \"https://i\"\n".to_owned(), false),
            ("[issuer]\nurl = \"https://i\"\nclient_id = \"c\"\nclient_secret = \"s\"\n".to_owned(), false),
        ] {
            let read: Result<Entry, _> = toml::from_str(&format!("{place}{who}"));
            assert_eq!(read.is_ok(), good, "{who}: {read:?}");
            if let Ok(entry) = read {
                assert_eq!(toml::from_str::<Entry>(&toml::to_string(&entry).unwrap()).unwrap(), entry);
            }
        }
    }

    #[test]
    fn selection() {
        let contexts = Contexts::default();
        assert_eq!(contexts.select(None).unwrap_err().exit, Exit::NotLoggedIn);
        assert_eq!(contexts.select(Some("x")).unwrap_err().exit, Exit::NotFound);
    }
}
