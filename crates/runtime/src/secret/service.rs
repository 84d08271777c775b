//! What people do with secrets. Nothing here answers a value.

use std::sync::Arc;

use scalbotics_core::ids::SecretId;
use scalbotics_core::ports::{SealedSecret, SecretStore, StoreError};
use scalbotics_core::secret::{Facts, SECRETS_MAX, Secret, VALUE_LEN_MAX};
use scalbotics_core::tenant::{Name, TenantId};

use super::{Error, Masks, fingerprint, seal};
use crate::audit::Quota;
use crate::change::{Change, ChangeError, Changed, Changes};
use crate::{Caller, Ports};

/// Secrets, for callers. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Service {
    changes: Changes,
    store: Arc<dyn SecretStore>,
    masks: Arc<Masks>,
}

impl Service {
    /// A service over the store of `ports`; `masks` learns each value before it can be handed to anybody.
    #[must_use]
    pub fn new(ports: Ports, masks: Arc<Masks>, quota: Arc<Quota>) -> Self {
        Self { store: Arc::clone(&ports.secret_store), changes: Changes::new(ports, quota), masks }
    }

    /// Secrets of a tenant, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<Facts>, StoreError> {
        Ok(self.store.list(tenant).await?.into_iter().map(|secret| secret.facts).collect())
    }

    /// One secret.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, tenant: &TenantId, name: &Name) -> Result<Option<Facts>, StoreError> {
        Ok(self.store.get(tenant, name).await?.map(|secret| secret.facts))
    }

    /// Keeps a new secret; with `only_check` says what would be kept.
    ///
    /// # Errors
    /// [`Error`]; nothing is durable then.
    pub async fn put(&self, caller: &Caller, name: &Name, value: &Secret, only_check: bool) -> Result<Changed<Facts>, Error> {
        let (change, fingerprint) = self.begin(caller, "secret.put", name, value)?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let tenant = &caller.principal.tenant;
        let all = self.list(tenant).await.map_err(ChangeError::from)?;
        if all.iter().any(|facts| facts.name == *name) {
            return Err(Error::Taken { name: name.clone() });
        }
        if all.len() >= SECRETS_MAX {
            return Err(Error::TooMany);
        }
        let facts = Facts {
            id: SecretId::from_u128(self.changes.ports.ids.next()),
            tenant: tenant.clone(),
            name: name.clone(),
            version: 1,
            created_at: change.at,
            rotated_at: None,
            used_at: None,
            by: caller.principal.uid,
            fingerprint,
        };
        if only_check {
            return Ok(Changed { now: facts, audited: false });
        }
        let (secret, note) = (self.seal(facts, value)?, &change);
        let note = note.note(&secret.facts.id.to_string(), &secret.facts)?;
        self.masks.learn(tenant, value).await.map_err(ChangeError::from)?;
        let facts = secret.facts.clone();
        match self.store.put(secret, note).await {
            Ok(()) => Ok(Changed { now: facts, audited: true }),
            Err(error) => self.raced(&change, error, Error::Taken { name: name.clone() }).await,
        }
    }

    /// Replaces the value of a secret by the next one; with `only_check` says what would be.
    ///
    /// # Errors
    /// [`Error`]; the old value counts then.
    pub async fn rotate(&self, caller: &Caller, name: &Name, value: &Secret, only_check: bool) -> Result<Changed<Facts>, Error> {
        let (change, fingerprint) = self.begin(caller, "secret.rotate", name, value)?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let tenant = &caller.principal.tenant;
        let old = self.get(tenant, name).await.map_err(ChangeError::from)?;
        let old = old.ok_or_else(|| Error::NotFound { name: name.clone() })?;
        let (version, rotated_at) = (old.version.saturating_add(1), Some(change.at));
        let facts = Facts { version, rotated_at, by: caller.principal.uid, fingerprint, ..old };
        if only_check {
            return Ok(Changed { now: facts, audited: false });
        }
        let secret = self.seal(facts, value)?;
        let note = change.note(&format!("{}/{version}", secret.facts.id), &secret.facts)?;
        self.masks.learn(tenant, value).await.map_err(ChangeError::from)?;
        let facts = secret.facts.clone();
        match self.store.rotate(secret, note).await {
            Ok(()) => Ok(Changed { now: facts, audited: true }),
            Err(error) => self.raced(&change, error, Error::Raced { name: name.clone() }).await,
        }
    }

    /// Removes a secret; with `only_check` says which.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn remove(&self, caller: &Caller, name: &Name, only_check: bool) -> Result<Changed<Facts>, Error> {
        let change = self.changes.begin(caller, "secret.remove", name.as_str().as_bytes())?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let tenant = &caller.principal.tenant;
        let old = self.get(tenant, name).await.map_err(ChangeError::from)?;
        let facts = old.ok_or_else(|| Error::NotFound { name: name.clone() })?;
        if only_check {
            return Ok(Changed { now: facts, audited: false });
        }
        let note = change.note(&facts.id.to_string(), &facts)?;
        match self.store.remove(tenant, facts.id, note).await {
            Ok(()) => Ok(Changed { now: facts, audited: true }),
            Err(error) => self.raced(&change, error, Error::Raced { name: name.clone() }).await,
        }
    }

    /// Begins a change that brings a value; what tells the request from others is the value's fingerprint, which only the
    /// tenant's key can make.
    fn begin<'a>(
        &'a self,
        caller: &'a Caller,
        action: &'static str,
        name: &Name,
        value: &Secret,
    ) -> Result<(Change<'a>, String), Error> {
        let len = value.expose().len();
        if !(1..=VALUE_LEN_MAX).contains(&len) {
            return Err(Error::Length { len });
        }
        let (cipher, tenant) = (&*self.changes.ports.cipher, &caller.principal.tenant);
        let body = format!("{name} {}", cipher.fingerprint(tenant, value.expose())?);
        let shown = fingerprint(cipher, tenant, value)?;
        Ok((self.changes.begin(caller, action, body.as_bytes())?, shown))
    }

    fn seal(&self, facts: Facts, value: &Secret) -> Result<SealedSecret, Error> {
        let ports = &self.changes.ports;
        Ok(seal(&*ports.cipher, &*ports.ids, facts, value)?)
    }

    /// The same request may have come in twice at once: then the other one won, and its answer is the answer.
    async fn raced(&self, change: &Change<'_>, error: StoreError, other: Error) -> Result<Changed<Facts>, Error> {
        if !matches!(error, StoreError::Taken { .. }) {
            return Err(ChangeError::from(error).into());
        }
        change.known().await?.ok_or(other)
    }
}
