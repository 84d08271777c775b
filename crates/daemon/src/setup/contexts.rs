//! Contexts of the command line for the first people: entries of its `contexts.toml`.

use std::path::{Path, PathBuf};

use scalbotics_core::ids::HumanUid;
use scalbotics_core::tenant::{Name, TenantId};
use toml::{Table, Value};

use super::error::{self, Error};
use super::people::{Folder, Person, folder_in};
use super::report::{Change, Report};

/// What a context leads to.
#[derive(Debug, Clone)]
pub(crate) struct Entrance {
    /// The installation's directory.
    pub(crate) base: PathBuf,
    /// Address of the API.
    pub(crate) server: String,
    /// The trust file.
    pub(crate) trust_file: PathBuf,
    /// The tenant.
    pub(crate) tenant: TenantId,
    /// Whether this is a `dev` installation.
    pub(crate) dev: bool,
}

impl Entrance {
    /// The folder of a person.
    pub(crate) fn folder(&self, name: &Name) -> Folder {
        folder_in(&self.base, name)
    }

    /// Name of a person's context in the command line.
    pub(super) fn context_name(&self, person: &Name, approves: bool) -> String {
        match (self.dev, approves) {
            (true, false) => "dev".to_owned(),
            (true, true) => "dev-approver".to_owned(),
            (false, _) => format!("{}-{person}", self.tenant),
        }
    }
}

/// A person of the installation, and who that is for good.
pub(crate) type Known = (Person, HumanUid);

/// Makes sure of one context for each person; what another context of that name led to is named in the report.
pub(crate) fn make(entrance: &Entrance, directory: &Path, people: &[Known], report: &mut Report) -> Result<(), Error> {
    let path = directory.join("contexts.toml");
    let mut file = read(&path)?;
    let before = file.clone();
    let mut first = None;
    for (person, uid) in people {
        let name = entrance.context_name(&person.name, person.approves);
        let entry = entry(entrance, person, *uid);
        let contexts = file.entry("contexts").or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(contexts) = contexts else { return Err(refused(&path, "`contexts` is not a table")) };
        match contexts.insert(name.clone(), entry.clone()) {
            None => report.note("context", Change::Created, name.clone()),
            Some(before) if before == entry => report.note("context", Change::Unchanged, name.clone()),
            Some(before) => report.note("context", Change::Changed, format!("{name} (it led to {})", led_to(&before))),
        }
        first.get_or_insert(name);
    }
    if let Some(first) = first {
        file.entry("current").or_insert(Value::String(first));
    }
    if file == before {
        return Ok(());
    }
    std::fs::create_dir_all(directory).map_err(error::file("create", directory))?;
    let text = toml::to_string(&file).map_err(|_| refused(&path, "it has no TOML form"))?;
    let mode = scalbotics_identity::private_file::SECRET_MODE;
    scalbotics_identity::private_file::replace(&path, text.as_bytes(), mode).map_err(error::keys("write the contexts"))
}

/// What [`make`] would note; who people are for good is not known before they are registered.
pub(super) fn preview(entrance: &Entrance, directory: &Path, people: &[Person], report: &mut Report) -> Result<(), Error> {
    let file = read(&directory.join("contexts.toml"))?;
    let contexts = file.get("contexts").and_then(Value::as_table);
    for person in people {
        let name = entrance.context_name(&person.name, person.approves);
        let known = contexts.and_then(|contexts| contexts.get(&name)).and_then(Value::as_table);
        let uid = known.and_then(|known| known.get("human_uid")?.as_str()?.parse().ok());
        let change = match known {
            None => Change::Created,
            Some(known) if uid.is_some_and(|uid| entry(entrance, person, uid).as_table() == Some(known)) => Change::Unchanged,
            Some(_) => Change::Changed,
        };
        report.note("context", change, name);
    }
    Ok(())
}

/// People whose context is missing or leads elsewhere, with its name.
pub(crate) fn missing(entrance: &Entrance, directory: &Path, people: &[Known]) -> Result<Vec<(String, Known)>, Error> {
    let file = read(&directory.join("contexts.toml"))?;
    let contexts = file.get("contexts").and_then(Value::as_table);
    let named = people.iter().map(|known| (entrance.context_name(&known.0.name, known.0.approves), known.clone()));
    let is_missing = |(name, (person, uid)): &(String, Known)| {
        contexts.and_then(|contexts| contexts.get(name)) != Some(&entry(entrance, person, *uid))
    };
    Ok(named.filter(is_missing).collect())
}

/// Server and trust file of a context.
fn led_to(entry: &Value) -> String {
    let field = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or("nothing");
    format!("{} by {}", field("server"), field("trust_file"))
}

fn refused(path: &Path, reason: &str) -> Error {
    let source = std::io::Error::new(std::io::ErrorKind::InvalidData, reason.to_owned());
    Error::File { attempt: "use", path: path.to_owned(), source }
}

fn read(path: &Path) -> Result<Table, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => text.parse().map_err(|error: toml::de::Error| refused(path, error.message())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Table::new()),
        Err(error) => Err(error::file("read", path)(error)),
    }
}

fn entry(entrance: &Entrance, person: &Person, uid: HumanUid) -> Value {
    let folder = entrance.folder(&person.name);
    let mut entry = Table::new();
    let mut set = |key: &str, value: String| entry.insert(key.to_owned(), Value::String(value));
    set("server", entrance.server.clone());
    set("trust_file", entrance.trust_file.display().to_string());
    set("tenant", entrance.tenant.to_string());
    set("human", person.name.to_string());
    set("human_uid", uid.to_string());
    set("login_key", folder.login_key.display().to_string());
    if person.approves {
        set("approval_key", folder.approval_key.display().to_string());
    }
    Value::Table(entry)
}
