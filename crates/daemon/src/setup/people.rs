//! The first two humans, each with a login key and an approval key of their own, in a folder of their own.

use std::path::{Path, PathBuf};

use scalbotics_core::agent::Standing;
use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::ids::HumanUid;
use scalbotics_core::ports::{Human, Registry};
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::Name;
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::statement::Enrolment;
use scalbotics_store::{OpenError, Options, SqliteStore};

use super::enrolment::Admin;
use super::error::{self, Error};
use super::founding;
use super::report::{Change, Report};
use super::{Environment, Plan};
use crate::layout;

/// A person to register.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// Name in the tenant.
    pub(crate) name: Name,
    /// Roles.
    pub(crate) groups: &'static [&'static str],
    /// Whether an approval key is made and enrolled.
    pub(crate) approves: bool,
}

/// Where a person's keys are.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    /// Private key that logs in.
    pub(crate) login_key: PathBuf,
    /// Private key that signs approvals.
    pub(crate) approval_key: PathBuf,
}

/// The folder of a person of the plan.
pub(super) fn folder(plan: &Plan, name: &Name) -> Folder {
    folder_in(&plan.root, name)
}

/// The folder of a person in an installation's directory.
pub(super) fn folder_in(base: &Path, name: &Name) -> Folder {
    let folder = base.join(layout::PEOPLE).join(name.as_str());
    Folder { login_key: folder.join("login.pem"), approval_key: folder.join("approval.pem") }
}

/// Registers the people that are missing; answers name and identity of each, or of none while a daemon serves the data.
pub(super) async fn register(
    plan: &Plan,
    environment: &Environment,
    people: &[Person],
    report: &mut Report,
) -> Result<Vec<(Person, HumanUid)>, Error> {
    let store_error = |source| Error::Store { source };
    let options = Options::new(plan.installation);
    let store = match SqliteStore::open(&plan.path(layout::DATA), &options) {
        Ok(store) => store,
        Err(OpenError::Locked { .. }) if people.iter().all(|person| has_keys(plan, person)) => {
            people.iter().for_each(|person| report.note("human", Change::Unchanged, format!("{} (daemon running)", person.name)));
            return Ok(Vec::new());
        }
        Err(error) => return Err(store_error(Box::new(error))),
    };
    founding::record(plan, environment, &store).await?;
    let mut registered = Vec::new();
    for person in people {
        let known = store.human(&plan.tenant, &person.name).await.map_err(|e| store_error(Box::new(e)))?;
        let uid = match known {
            Some(human) => {
                same_role(person, &human)?;
                report.note("human", Change::Unchanged, person.name.to_string());
                human.uid
            }
            None => {
                let human = human(plan, environment, person)?;
                let uid = human.uid;
                let record = record(plan, environment, uid);
                store.put_human(human, record.into()).await.map_err(|e| store_error(Box::new(e)))?;
                report.note("human", Change::Created, format!("{} ({})", person.name, person.groups.join(", ")));
                uid
            }
        };
        registered.push((person.clone(), uid));
    }
    Ok(registered)
}

/// Refuses a person who is there already in another role: nobody becomes an approver, or an admin, by a second run.
fn same_role(person: &Person, human: &Human) -> Result<(), Error> {
    let mut groups: Vec<&str> = human.groups.iter().map(Name::as_str).collect();
    let mut wanted = person.groups.to_vec();
    groups.sort_unstable();
    wanted.sort_unstable();
    if groups == wanted && human.enrolment.is_some() == person.approves {
        return Ok(());
    }
    let flag = if person.approves { "--approver" } else { "--admin" };
    let reason = format!("the installation in this directory has them in {}", groups.join(", "));
    Err(Error::Flag { flag, value: person.name.to_string(), reason })
}

/// Names of the people whose keys stand below an installation's directory.
pub(super) fn names(root: &Path) -> Vec<Name> {
    let folders = std::fs::read_dir(root.join(layout::PEOPLE)).into_iter().flatten().flatten();
    let named = folders.filter_map(|entry| Name::parse(entry.file_name().to_str()?).ok());
    let mut names: Vec<Name> = named.filter(|name| folder_in(root, name).login_key.is_file()).collect();
    names.sort_unstable();
    names
}

/// Whether an earlier run came as far as this person.
fn has_keys(plan: &Plan, person: &Person) -> bool {
    let folder = folder(plan, &person.name);
    folder.login_key.is_file() && (!person.approves || folder.approval_key.is_file())
}

fn record(plan: &Plan, environment: &Environment, uid: HumanUid) -> Record {
    let mut record = Record::new(Kind::Installation, environment.clock.now(), plan.tenant.clone(), Uid::Daemon, "human.register");
    record.target = Some(uid.to_string());
    record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
    record
}

fn human(plan: &Plan, environment: &Environment, person: &Person) -> Result<Human, Error> {
    let uid = HumanUid::from_u128(environment.ids.next());
    let folder = folder(plan, &person.name);
    let login = key(&folder.login_key)?;
    let enrolment = if person.approves { Some(enrol(plan, environment, uid, &key(&folder.approval_key)?)?) } else { None };
    let mut groups: Vec<Name> = person.groups.iter().filter_map(|group| Name::parse(group).ok()).collect();
    groups.sort_unstable();
    Ok(Human {
        uid,
        tenant: plan.tenant.clone(),
        name: person.name.clone(),
        groups,
        login_key: login.public().to_jwk_json().map_err(error::keys("write a public key"))?,
        enrolment,
        standing: Standing::Active,
        epoch: 0,
        outside: None,
    })
}

/// The key of a file, made where it is missing.
fn key(path: &Path) -> Result<Pair, Error> {
    if path.try_exists().map_err(error::file("look at", path))? {
        return Pair::load(path).map_err(error::keys("read a person's key"));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(error::file("create", folder))?;
    }
    let pair = Pair::generate(Algorithm::Ed25519).map_err(error::keys("make a person's key"))?;
    pair.save(path).map_err(error::keys("write a person's key"))?;
    Ok(pair)
}

/// The enrolment statement of an approval key, signed by the approver-admin key (semantics §5.2 b, §5.3a).
fn enrol(plan: &Plan, environment: &Environment, approver: HumanUid, key: &Pair) -> Result<Vec<u8>, Error> {
    let admin = Admin {
        keystore: plan.path(layout::ADMIN_KEYSTORE),
        key_file: plan.path(layout::ADMIN_KEYSTORE_KEY),
        installation: plan.installation,
    };
    admin.enrol(&Enrolment {
        approver,
        tenant: plan.tenant.clone(),
        trust_domain: plan.trust_domain.clone(),
        key: key.public().clone(),
        issued_at: environment.clock.now(),
    })
}
