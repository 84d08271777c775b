//! What this run was told in confidence, in the secret store and nowhere else on this machine: the token of the remote repository,
//! the key of the model.

use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::ids::SecretId;
use scalbotics_core::ports::{Human, Registry as _, SecretStore as _};
use scalbotics_core::principal::Uid;
use scalbotics_core::secret::{Facts, Secret};
use scalbotics_core::tenant::Name;
use scalbotics_identity::authority::seal::TenantCipher;
use scalbotics_runtime::secret::{fingerprint, seal};
use scalbotics_store::{OpenError, Options, SqliteStore};

use super::error::{self, Error};
use super::report::{Change, Report};
use super::{Environment, Plan, keys, model};
use crate::layout;

/// Keeps the token of the remote repository and the key of the model, as far as this run brings them; the same ones again change
/// nothing.
///
/// # Errors
/// [`Error::Store`], [`Error::Keys`].
pub(super) async fn keep(plan: &Plan, environment: &Environment, report: &mut Report) -> Result<(), Error> {
    if let Some(token) = plan.upstream.as_ref().and_then(|upstream| upstream.token.as_ref()) {
        keep_one(plan, environment, ("token", layout::TOKEN_SECRET, token), report).await?;
    }
    match plan.model.as_ref().and_then(|model| model.key.as_ref()) {
        Some(key) => keep_one(plan, environment, ("model key", model::ID, key), report).await,
        None => Ok(()),
    }
}

/// What [`keep`] would note; a dry run does not open the database, where there is one.
pub(super) fn preview(plan: &Plan, report: &mut Report) {
    let token = plan.upstream.as_ref().and_then(|upstream| upstream.token.as_ref()).map(|_| ("token", layout::TOKEN_SECRET));
    let key = plan.model.as_ref().and_then(|model| model.key.as_ref()).map(|_| ("model key", model::ID));
    let is_new = !plan.path(layout::KEYSTORE).is_file();
    for (item, name) in token.into_iter().chain(key) {
        if is_new {
            report.note(item, Change::Created, format!("secret {name}"));
        } else {
            report.note(item, Change::Unchanged, format!("secret {name} (not compared: a dry run opens no database)"));
        }
    }
}

async fn keep_one(
    plan: &Plan,
    environment: &Environment,
    (item, name, value): (&'static str, &str, &Secret),
    report: &mut Report,
) -> Result<(), Error> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| Error::Store { source: error };
    let name = Name::parse(name).map_err(|error| failed(Box::new(error)))?;
    let cipher = TenantCipher::from_keystore(&keys::open(plan)?).map_err(error::keys("open the tenant's key"))?;
    let options = Options::new(plan.installation);
    let store = match SqliteStore::open(&plan.path(layout::DATA), &options) {
        Ok(store) => store,
        Err(OpenError::Locked { .. }) => {
            let place = format!("secret {name} (daemon running: not compared); rotate it with `scalbotics secret rotate {name}`");
            report.note(item, Change::Unchanged, place);
            return Ok(());
        }
        Err(error) => return Err(failed(Box::new(error))),
    };
    let known = store.get(&plan.tenant, &name).await.map_err(|error| failed(Box::new(error)))?.map(|found| found.facts);
    let print = fingerprint(&cipher, &plan.tenant, value).map_err(error::keys("tell the secret from others"))?;
    if known.as_ref().is_some_and(|facts| facts.fingerprint == print) {
        report.note(item, Change::Unchanged, format!("secret {name}"));
        return Ok(());
    }
    let facts = facts(plan, environment, (name.clone(), print), known.as_ref());
    let facts = Facts { by: owner(plan, &store).await?, ..facts };
    let record = record(environment, &facts, if known.is_some() { "secret.rotate" } else { "secret.put" });
    let sealed = seal(&cipher, &*environment.ids, facts, value).map_err(error::keys("seal the secret"))?;
    let (written, change) = match known {
        Some(_) => (store.rotate(sealed, record.into()).await, Change::Changed),
        None => (store.put(sealed, record.into()).await, Change::Created),
    };
    written.map_err(|error| failed(Box::new(error)))?;
    report.note(item, change, format!("secret {name}; rotate it with `scalbotics secret rotate {name}`"));
    Ok(())
}

/// The admin, whose secret it is.
async fn owner(plan: &Plan, store: &SqliteStore) -> Result<Uid, Error> {
    let admin: Option<Human> =
        store.human(&plan.tenant, &plan.admin).await.map_err(|error| Error::Store { source: Box::new(error) })?;
    Ok(admin.map_or(Uid::Daemon, |human| Uid::Human(human.uid)))
}

fn facts(plan: &Plan, environment: &Environment, (name, fingerprint): (Name, String), known: Option<&Facts>) -> Facts {
    let now = environment.clock.now();
    Facts {
        id: known.map_or_else(|| SecretId::from_u128(environment.ids.next()), |facts| facts.id),
        tenant: plan.tenant.clone(),
        name,
        version: known.map_or(1, |facts| facts.version.saturating_add(1)),
        created_at: known.map_or(now, |facts| facts.created_at),
        rotated_at: known.map(|_| now),
        used_at: known.and_then(|facts| facts.used_at),
        by: Uid::Daemon,
        fingerprint,
    }
}

fn record(environment: &Environment, facts: &Facts, action: &'static str) -> Record {
    let mut record = Record::new(Kind::Secret, environment.clock.now(), facts.tenant.clone(), Uid::Daemon, action);
    record.target = Some(format!("{}/{}", facts.id, facts.version));
    record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
    record
}
