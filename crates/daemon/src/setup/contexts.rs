//! Contexts of the command line for the first people: entries of its `contexts.toml`.

use std::path::PathBuf;

use scalbotics_core::ids::HumanUid;
use toml::{Table, Value};

use super::error::{self, Error};
use super::people::{Person, folder};
use super::report::{Change, Report};
use super::{Environment, Plan};
use crate::layout;

/// Makes sure of one context for each person; what another context of that name led to is named in the report.
pub(super) fn make(
    plan: &Plan,
    environment: &Environment,
    people: &[(Person, HumanUid)],
    report: &mut Report,
) -> Result<(), Error> {
    let Some(directory) = &environment.config_dir else { return Ok(()) };
    let path = directory.join("contexts.toml");
    let mut file = read(&path)?;
    let before = file.clone();
    let mut first = None;
    for (person, uid) in people {
        let name = plan.context_name(&person.name, person.approves);
        let entry = entry(plan, person, *uid);
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

/// Server and trust file of a context.
fn led_to(entry: &Value) -> String {
    let field = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or("nothing");
    format!("{} by {}", field("server"), field("trust_file"))
}

fn refused(path: &std::path::Path, reason: &str) -> Error {
    let source = std::io::Error::new(std::io::ErrorKind::InvalidData, reason.to_owned());
    Error::File { attempt: "use", path: path.to_owned(), source }
}

fn read(path: &PathBuf) -> Result<Table, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => text.parse().map_err(|error: toml::de::Error| refused(path, error.message())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Table::new()),
        Err(error) => Err(error::file("read", path)(error)),
    }
}

fn entry(plan: &Plan, person: &Person, uid: HumanUid) -> Value {
    let folder = folder(plan, &person.name);
    let mut entry = Table::new();
    let mut set = |key: &str, value: String| entry.insert(key.to_owned(), Value::String(value));
    set("server", format!("https://{}", plan.listen));
    set("trust_file", plan.path(layout::TRUST).display().to_string());
    set("tenant", plan.tenant.to_string());
    set("human", person.name.to_string());
    set("human_uid", uid.to_string());
    set("login_key", folder.login_key.display().to_string());
    if person.approves {
        set("approval_key", folder.approval_key.display().to_string());
    }
    Value::Table(entry)
}
