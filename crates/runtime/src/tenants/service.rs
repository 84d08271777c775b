//! What an operator does with tenants.

use std::sync::Arc;

use scalbotics_core::agent::Standing;
use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::ids::{HumanUid, SecretId};
use scalbotics_core::ports::{Human, Note, StoreError, TENANTS_MAX, Tenant};
use scalbotics_core::principal::Uid;
use scalbotics_core::secret::{Facts, Secret};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use tokio::sync::Mutex;

use super::{Error, NewAdmin, NewTenant, Premises};
use crate::audit::Quota;
use crate::change::{Change, ChangeError, Changed, Changes};
use crate::people::ADMINS;
use crate::{Caller, Ports, secret, task};

/// Tenants, for whoever operates the installation. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Service {
    changes: Changes,
    tasks: task::Service,
    operating: TenantId,
    /// One change at a time, so that no name becomes that of two.
    one: Arc<Mutex<()>>,
}

impl Service {
    /// A service over the registry of `ports`; `tasks` stops what runs for a tenant that is suspended, and `operating` is the one that never is.
    #[must_use]
    pub fn new(ports: Ports, tasks: task::Service, operating: TenantId, quota: Arc<Quota>) -> Self {
        Self { changes: Changes::new(ports, quota), tasks, operating, one: Arc::default() }
    }

    /// All tenants, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self) -> Result<Vec<Tenant>, StoreError> {
        self.changes.ports.tenants.tenants().await
    }

    /// One tenant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        self.changes.ports.tenants.tenant(id).await
    }

    /// Adds a tenant, with what `premises` makes for it; with `only_check` says which would be.
    ///
    /// # Errors
    /// [`Error`]; the tenant is not registered then, and what was made for it is inert.
    pub async fn add(
        &self,
        caller: &Caller,
        new: NewTenant,
        premises: &dyn Premises,
        only_check: bool,
    ) -> Result<Changed<Tenant>, Error> {
        let key = new.admin.as_ref().map(|admin| (&admin.name, &admin.login_key));
        let body = serde_json::json!([new.id, new.branch, new.overlay, new.host_access, new.remote, key]).to_string();
        let change = self.changes.begin(caller, "tenant.add", body.as_bytes())?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let _one = self.one.lock().await;
        self.check(&new.id).await?;
        let NewTenant { id, branch, overlay, host_access, remote, token, admin } = new;
        let (standing, created_at) = (Standing::Active, change.at);
        let tenant = Tenant { id, standing, created_at, branch, overlay, host_access, remote };
        if only_check {
            return Ok(Changed { now: tenant, audited: false });
        }
        let failed = |source| Error::Premises { id: tenant.id.clone(), source };
        premises.make(&tenant, token.as_ref()).await.map_err(failed)?;
        if let Some((name, value)) = tenant.remote.as_ref().and_then(|remote| remote.token.clone()).zip(token) {
            self.put_token(caller, (&tenant.id, name), &value, change.at).await?;
        }
        let first = admin.map(|admin| self.first(&tenant.id, admin, change.at));
        let added = self.put(&change, tenant, ("tenant.create", first)).await?;
        self.tasks.share_places();
        Ok(added)
    }

    /// Suspends or resumes a tenant: while it is suspended nobody and nothing of it acts; its running tools are stopped when this returns, or
    /// about to be. What its people and agents have of tokens and certificates is not void by it, and counts again once it is resumed.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn set_standing(
        &self,
        caller: &Caller,
        id: &TenantId,
        standing: Standing,
        only_check: bool,
    ) -> Result<Changed<Tenant>, Error> {
        let action = match standing {
            Standing::Active => "tenant.resume",
            Standing::Suspended | Standing::Offboarded => "tenant.suspend",
        };
        let change = self.changes.begin(caller, action, id.as_str().as_bytes())?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let _one = self.one.lock().await;
        let old = self.get(id).await.map_err(ChangeError::from)?.ok_or_else(|| Error::NotFound { id: id.clone() })?;
        if old.standing == standing {
            return Ok(Changed { now: old, audited: false });
        }
        if *id == self.operating {
            return Err(Error::Operating { id: id.clone() });
        }
        let tenant = Tenant { standing, ..old };
        if only_check {
            return Ok(Changed { now: tenant, audited: false });
        }
        let moved = self.put(&change, tenant, (action, None)).await?;
        if moved.audited && standing != Standing::Active {
            self.tasks.halt_tenant(id);
        }
        Ok(moved)
    }

    async fn check(&self, id: &TenantId) -> Result<(), Error> {
        if id.is_system() {
            return Err(Error::Own { id: id.clone() });
        }
        let all = self.list().await.map_err(ChangeError::from)?;
        if all.iter().any(|tenant| tenant.id == *id) {
            return Err(Error::Taken { id: id.clone() });
        }
        if all.len() >= TENANTS_MAX { Err(Error::TooMany) } else { Ok(()) }
    }

    /// Makes the row durable, with its records in the installation log and in the caller's.
    async fn put(
        &self,
        change: &Change<'_>,
        tenant: Tenant,
        (event, first): (&str, Option<(Human, Note)>),
    ) -> Result<Changed<Tenant>, Error> {
        let note = change.note(tenant.id.as_str(), &tenant)?;
        let mut record = Record::new(Kind::Installation, change.at, TenantId::system(), note.record.actor, event);
        record.target = Some(tenant.id.to_string());
        record.outcome = Some(done());
        record.request = note.record.request;
        let put = self.changes.ports.tenants.put_tenant(tenant.clone(), record, Some(note), first).await;
        match put {
            Ok(()) => Ok(Changed { now: tenant, audited: true }),
            // The same request may have come in twice at once.
            Err(StoreError::Taken { .. }) => change.known().await?.ok_or(Error::Taken { id: tenant.id }),
            Err(error) => Err(ChangeError::from(error).into()),
        }
    }

    /// The first human of a tenant, with the record of it.
    fn first(&self, tenant: &TenantId, admin: NewAdmin, at: Timestamp) -> (Human, Note) {
        let uid = HumanUid::from_u128(self.changes.ports.ids.next());
        let human = Human {
            uid,
            tenant: tenant.clone(),
            groups: Name::parse(ADMINS).into_iter().collect(),
            name: admin.name,
            login_key: admin.login_key,
            enrolment: None,
            standing: Standing::Active,
            epoch: 0,
            outside: None,
        };
        (human, first_of(tenant, "human.register", uid.to_string(), at).into())
    }

    /// The token of the repository of a tenant that is not registered yet; one that an earlier try left stays away.
    async fn put_token(
        &self,
        caller: &Caller,
        (tenant, name): (&TenantId, Name),
        value: &Secret,
        at: Timestamp,
    ) -> Result<(), Error> {
        let ports = &self.changes.ports;
        let left = ports.secret_store.get(tenant, &name).await.map_err(ChangeError::from)?;
        let (id, version, created_at) = left.map_or_else(
            || (SecretId::from_u128(ports.ids.next()), 1, at),
            |left| (left.facts.id, left.facts.version.saturating_add(1), left.facts.created_at),
        );
        let fingerprint = secret::fingerprint(ports.cipher.as_ref(), tenant, value).map_err(ChangeError::from)?;
        let rotated_at = (version > 1).then_some(at);
        let facts = Facts {
            id,
            tenant: tenant.clone(),
            name,
            version,
            created_at,
            rotated_at,
            used_at: None,
            by: caller.principal.uid,
            fingerprint,
        };
        let sealed = secret::seal(ports.cipher.as_ref(), ports.ids.as_ref(), facts, value).map_err(ChangeError::from)?;
        let record = first_of(tenant, "secret.put", id.to_string(), at);
        Ok(ports.secret_store.put(sealed, record.into()).await.map_err(ChangeError::from)?)
    }
}

/// A record in the log of a tenant that begins with it.
fn first_of(tenant: &TenantId, action: &str, target: String, at: Timestamp) -> Record {
    let mut record = Record::new(Kind::Installation, at, tenant.clone(), Uid::Daemon, action);
    record.target = Some(target);
    record.outcome = Some(done());
    record
}

fn done() -> OutcomeNote {
    OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None }
}
