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
    /// The outside issuer at which people log in, where it is known as what.
    pub(crate) sign_in: Option<SignIn>,
    /// Whether this is a `dev` installation.
    pub(crate) dev: bool,
}

/// An outside issuer at which people log in, as the command line needs it.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    /// Its address.
    pub(crate) issuer: String,
    /// The public client that is registered with it for the command line.
    pub(crate) client_id: String,
    /// The file of authorities that are believed about it beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
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
    let by_key =
        people.iter().map(|(person, uid)| (entrance.context_name(&person.name, person.approves), entry(entrance, person, *uid)));
    for (name, entry) in by_key.chain(by_issuer(entrance, directory)) {
        let contexts = file.entry("contexts").or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(contexts) = contexts else { return Err(refused(&path, "`contexts` is not a table")) };
        let before = contexts.get(&name).cloned();
        if before.as_ref().is_some_and(|before| leads_there(before, &entry)) {
            // Who logged in by it stays known.
            report.note("context", Change::Unchanged, name.clone());
            first.get_or_insert(name);
            continue;
        }
        contexts.insert(name.clone(), entry);
        match before {
            None => report.note("context", Change::Created, name.clone()),
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
        let known = contexts.and_then(|contexts| contexts.get(&name));
        let uid = known.and_then(|known| known.get("human_uid")?.as_str()?.parse().ok());
        let change = match known {
            None => Change::Created,
            Some(known) if uid.is_some_and(|uid| leads_there(known, &entry(entrance, person, uid))) => Change::Unchanged,
            Some(_) => Change::Changed,
        };
        report.note("context", change, name);
    }
    if let Some((name, entry)) = by_issuer(entrance, directory) {
        let change = match contexts.and_then(|contexts| contexts.get(&name)) {
            None => Change::Created,
            Some(before) if leads_there(before, &entry) => Change::Unchanged,
            Some(_) => Change::Changed,
        };
        report.note("context", change, name);
    }
    Ok(())
}

/// The context of whoever logs in at the outside issuer; it names nobody before the first login.
fn by_issuer(entrance: &Entrance, directory: &Path) -> Option<(String, Value)> {
    let SignIn { issuer, client_id, ca_file } = entrance.sign_in.as_ref()?;
    let name = entrance.tenant.to_string();
    let mut place = Table::new();
    let set = |table: &mut Table, key: &str, value: String| drop(table.insert(key.to_owned(), Value::String(value)));
    set(&mut place, "url", issuer.clone());
    set(&mut place, "client_id", client_id.clone());
    if let Some(file) = ca_file {
        set(&mut place, "ca_file", file.display().to_string());
    }
    let mut entry = to_installation(entrance);
    // Made at the first login, where the command line makes keys.
    let key = directory.join("keys").join(format!("{name}.pem"));
    set(&mut entry, "login_key", key.display().to_string());
    entry.insert("issuer".to_owned(), Value::Table(place));
    Some((name, Value::Table(entry)))
}

/// Whether a context leads where another one does: all that the other says it says too. What was added to it since counts as it is.
fn leads_there(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Table(found), Value::Table(wanted)) => {
            wanted.iter().all(|(key, wanted)| found.get(key).is_some_and(|found| leads_there(found, wanted)))
        }
        (found, wanted) => found == wanted,
    }
}

/// People whose context is missing or leads elsewhere, with its name.
pub(crate) fn missing(entrance: &Entrance, directory: &Path, people: &[Known]) -> Result<Vec<(String, Known)>, Error> {
    let file = read(&directory.join("contexts.toml"))?;
    let contexts = file.get("contexts").and_then(Value::as_table);
    let named = people.iter().map(|known| (entrance.context_name(&known.0.name, known.0.approves), known.clone()));
    let is_missing = |(name, (person, uid)): &(String, Known)| {
        let found = contexts.and_then(|contexts| contexts.get(name));
        !found.is_some_and(|found| leads_there(found, &entry(entrance, person, *uid)))
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
    let mut entry = to_installation(entrance);
    let mut set = |key: &str, value: String| entry.insert(key.to_owned(), Value::String(value));
    set("human", person.name.to_string());
    set("human_uid", uid.to_string());
    set("login_key", folder.login_key.display().to_string());
    if person.approves {
        set("approval_key", folder.approval_key.display().to_string());
    }
    Value::Table(entry)
}

/// What every context of the installation says.
fn to_installation(entrance: &Entrance) -> Table {
    let all = [
        ("server", entrance.server.clone()),
        ("trust_file", entrance.trust_file.display().to_string()),
        ("tenant", entrance.tenant.to_string()),
    ];
    all.into_iter().map(|(key, value)| (key.to_owned(), Value::String(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entrance(issuer: &str, dev: bool) -> Entrance {
        let sign_in = SignIn { issuer: issuer.to_owned(), client_id: "cli".to_owned(), ca_file: Some("/ca.pem".into()) };
        Entrance {
            base: "/box".into(),
            server: "https://127.0.0.1:7420".to_owned(),
            trust_file: "/box/trust.json".into(),
            tenant: TenantId::new(Name::parse("acme").unwrap()),
            sign_in: Some(sign_in),
            dev,
        }
    }

    #[test]
    fn people_of_an_issuer_have_a_context_that_remembers_them() {
        let folder = tempfile::tempdir().unwrap();
        let ann = Person { name: Name::parse("ann").unwrap(), groups: &[], approves: false };
        let people = [(ann, HumanUid::from_u128(1))];
        let file = folder.path().join("contexts.toml");
        let made = |issuer: &str| {
            let mut report = Report::default();
            make(&entrance(issuer, false), folder.path(), &people, &mut report).unwrap();
            report.to_string()
        };
        let first = made("https://i");
        assert_eq!(first.matches("created").count(), 2, "{first}");
        let text = std::fs::read_to_string(&file).unwrap();
        for line in
            ["url = \"https://i\"", "client_id = \"cli\"", "ca_file = \"/ca.pem\"", "keys/acme.pem", "current = \"acme-ann\""]
        {
            assert!(text.contains(line), "{line}: {text}");
        }
        // Somebody logs in by it.
        let known = text.replace("[contexts.acme]\n", "[contexts.acme]\nhuman = \"carol\"\n");
        assert_ne!(known, text);
        std::fs::write(&file, &known).unwrap();
        let again = made("https://i");
        assert!(again.matches("unchanged").count() == 2 && std::fs::read_to_string(&file).unwrap() == known, "{again}");
        let other = made("https://j");
        assert!(other.contains("changed") && !std::fs::read_to_string(&file).unwrap().contains("carol"), "{other}");
    }
}
