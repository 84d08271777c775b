//! What administrators do with people and agents.

use std::sync::Arc;

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::ids::HumanUid;
use scalbotics_core::ports::{Human, Note, StoreError};
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::{Name, TenantId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::roll::{self, Newcomer};
use super::standing::Moved;
use super::turn::Turns;
use super::{Error, Move, Services, Still};
use crate::audit::Quota;
use crate::change::{Change, ChangeError, Changed, Changes};
use crate::identity::Event;
use crate::metrics::Metrics;
use crate::{Caller, Ports, task};

/// The group whose humans administer the tenant; one of them always stays.
pub const ADMINS: &str = "admins";

/// Groups of one human at most: policy looks at each at every call.
pub const GROUPS_MAX: usize = 32;

/// How far the clock of an approver-admin's machine may be ahead of ours, in milliseconds.
const CLOCKS_APART_MS: u64 = 300_000;

/// A human who is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHuman {
    /// The name, of nobody else and never of anybody before.
    pub name: Name,
    /// Groups.
    pub groups: Vec<Name>,
    /// Public login key, as a JWK in JSON; the caller has parsed it.
    pub login_key: String,
}

/// Groups to bind and to take away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// To bind.
    pub add: Vec<Name>,
    /// To take away; wins where a group is in both.
    pub remove: Vec<Name>,
}

/// People and agents, for administrators. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Service {
    pub(super) changes: Changes,
    pub(super) tasks: task::Service,
    metrics: Arc<Metrics>,
    /// One change of a human or a service at a time, so that two administrators cannot take away each other's rights at once, and no key
    /// becomes that of two.
    pub(super) turns: Turns,
}

impl Service {
    /// Services of the same tenants, of which one is changed while nobody is.
    #[must_use]
    pub fn services(&self) -> Services {
        let metrics = Arc::clone(&self.metrics);
        Services { changes: self.changes.clone(), tasks: self.tasks.clone(), metrics, turns: self.turns.clone() }
    }

    /// A service over the registry of `ports`; `tasks` stops what runs for whoever is suspended.
    #[must_use]
    pub fn new(ports: Ports, tasks: task::Service, (quota, metrics): (Arc<Quota>, Arc<Metrics>)) -> Self {
        Self { changes: Changes::new(ports, quota), tasks, metrics, turns: Turns::default() }
    }

    /// While it is held nobody is suspended, offboarded or changed otherwise: for what is granted and recorded in one commit.
    pub async fn still(&self) -> Still {
        self.turns.still().await
    }

    /// Humans of a tenant, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn humans(&self, tenant: &TenantId) -> Result<Vec<Human>, StoreError> {
        self.changes.ports.roster.humans(tenant).await
    }

    /// One human.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn human(&self, tenant: &TenantId, name: &Name) -> Result<Option<Human>, StoreError> {
        self.changes.ports.registry.human(tenant, name).await
    }

    /// Registers a human; with `only_check` says who would be.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn add(&self, caller: &Caller, new: NewHuman, only_check: bool) -> Result<Changed<Human>, Error> {
        let body = json!({"name": new.name, "groups": new.groups, "key": new.login_key}).to_string();
        let change = self.changes.begin(caller, "human.add", body.as_bytes())?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let _turn = self.turns.of(caller, &self.changes.ports).await?;
        let tenant = &caller.principal.tenant;
        if self.human(tenant, &new.name).await.map_err(ChangeError::from)?.is_some() {
            return Err(Error::Taken { name: new.name });
        }
        roll::check(&self.changes.ports, tenant, (Newcomer::Human, &new.name), &new.login_key).await?;
        let human = Human {
            uid: HumanUid::from_u128(self.changes.ports.ids.next()),
            tenant: tenant.clone(),
            groups: joined(&new.name, &[], &Roles { add: new.groups, remove: Vec::new() })?,
            name: new.name,
            login_key: new.login_key,
            enrolment: None,
            standing: Standing::Active,
            epoch: 0,
            outside: None,
        };
        self.put(&change, human, only_check).await
    }

    /// Binds groups to a human and takes others away; what is asked next about them counts with the groups of now.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn bind(&self, caller: &Caller, name: &Name, roles: &Roles, only_check: bool) -> Result<Changed<Human>, Error> {
        let body = json!({"name": name, "add": roles.add, "remove": roles.remove}).to_string();
        let change = self.changes.begin(caller, "human.bind", body.as_bytes())?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let _turn = self.turns.of(caller, &self.changes.ports).await?;
        let old = self.present(&caller.principal.tenant, name).await?;
        if old.standing == Standing::Offboarded {
            return Err(Error::Gone { name: name.clone() });
        }
        let human = Human { groups: joined(name, &old.groups, roles)?, ..old.clone() };
        if human == old {
            return Ok(Changed { now: old, audited: false });
        }
        self.keep_an_admin(&old, &human).await?;
        let bound = self.put(&change, human, only_check).await?;
        if bound.audited {
            self.metrics.identity.happened(Event::Bound);
        }
        Ok(bound)
    }

    /// Registers whose key signs a human's approvals, in place of the one before: a statement that an approver-admin signed
    /// (semantics §5.2 b). Who asks may hand it on; what counts is who signed.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn enroll(
        &self,
        caller: &Caller,
        name: &Name,
        enrolment: &[u8],
        only_check: bool,
    ) -> Result<Changed<Human>, Error> {
        let body = json!({"name": name, "enrolment": String::from_utf8_lossy(enrolment)}).to_string();
        let change = self.changes.begin(caller, "human.enroll", body.as_bytes())?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let _turn = self.turns.of(caller, &self.changes.ports).await?;
        let old = self.present(&caller.principal.tenant, name).await?;
        if old.standing == Standing::Offboarded {
            return Err(Error::Gone { name: name.clone() });
        }
        let verifier = &self.changes.ports.statement_verifier;
        let refused = |source| Error::Enrolment { name: name.clone(), source };
        let key = verifier.enrolled(&old, enrolment).map_err(refused)?;
        if old.enrolment.as_deref() == Some(enrolment) {
            return Ok(Changed { now: old, audited: false });
        }
        if key.issued_at > change.at.plus_ms(CLOCKS_APART_MS) {
            return Err(Error::Ahead { name: name.clone() });
        }
        // One that does not verify any more, since its admin's key is pinned no longer, is replaced by any that does.
        let had = old.enrolment.as_deref().and_then(|stored| verifier.enrolled(&old, stored).ok());
        if had.is_some_and(|had| had.issued_at >= key.issued_at) {
            return Err(Error::Older { name: name.clone() });
        }
        let target = format!("{}/{}", old.uid, key.thumbprint);
        self.put_as(&change, &target, Human { enrolment: Some(enrolment.to_vec()), ..old }, only_check).await
    }

    /// Suspends, resumes or offboards a human; their running tools are stopped when this returns, or about to be.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn move_human(&self, caller: &Caller, name: &Name, to: Move, only_check: bool) -> Result<Changed<Human>, Error> {
        let change = self.changes.begin(caller, to.of_human(), name.as_str().as_bytes())?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let _turn = self.turns.of(caller, &self.changes.ports).await?;
        let old = self.present(&caller.principal.tenant, name).await?;
        let human = match to.from(old.standing, old.epoch) {
            // It is recorded like one that moves somebody, so that the log has what was answered in the order in which it was so.
            Moved::Same => old.clone(),
            Moved::Gone => return Err(Error::Gone { name: name.clone() }),
            Moved::To(standing, epoch) => Human { standing, epoch, ..old.clone() },
        };
        self.keep_an_admin(&old, &human).await?;
        let moved = self.put(&change, human, only_check).await?;
        if moved.audited && moved.now != old {
            self.metrics.identity.happened(to.event());
            if moved.now.standing != Standing::Active {
                self.tasks.halt(Uid::Human(moved.now.uid));
            }
        }
        Ok(moved)
    }

    /// Suspends, resumes or offboards an agent; its running tools are stopped when this returns, or about to be.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn move_agent(&self, caller: &Caller, name: &Name, to: Move, only_check: bool) -> Result<Changed<Agent>, Error> {
        let change = self.changes.begin(caller, to.of_agent(), name.as_str().as_bytes())?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let _turn = self.turns.of(caller, &self.changes.ports).await?;
        let registry = &self.changes.ports.registry;
        let old = registry.agent_by_name(&caller.principal.tenant, name).await.map_err(ChangeError::from)?;
        let old = old.ok_or_else(|| Error::NotFound { kind: "agent", name: name.clone() })?;
        let agent = match to.from(old.standing, old.epoch) {
            // Recorded all the same, as a human's.
            Moved::Same => old.clone(),
            Moved::Gone => return Err(Error::Gone { name: name.clone() }),
            Moved::To(standing, epoch) => Agent { standing, epoch, ..old.clone() },
        };
        let target = agent.uid.to_string();
        let moved = made(&change, (&target, agent), only_check, |agent, note| registry.put_agent(agent, note)).await?;
        if moved.audited && moved.now != old {
            self.metrics.identity.happened(to.event());
            if moved.now.standing != Standing::Active {
                self.tasks.halt(Uid::Agent(moved.now.uid));
            }
        }
        Ok(moved)
    }

    /// Voids whatever an agent has of certificates and tokens, at once and for good, and lets it join anew: a key of it was stolen. What runs for
    /// the agent was sent under the epoch of before, so it is stopped as by a suspension (semantics §4.3); its tasks go on under the new one.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn void_keys(&self, caller: &Caller, name: &Name) -> Result<Changed<Agent>, Error> {
        let change = self.changes.begin(caller, "agent.rotate_keys", format!("{name} compromised").as_bytes())?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let _turn = self.turns.of(caller, &self.changes.ports).await?;
        let registry = &self.changes.ports.registry;
        let old = registry.agent_by_name(&caller.principal.tenant, name).await.map_err(ChangeError::from)?;
        let old = old.ok_or_else(|| Error::NotFound { kind: "agent", name: name.clone() })?;
        let agent = match old.standing {
            Standing::Active => Agent { epoch: old.epoch.saturating_add(1), ..old },
            // What it had is void already.
            Standing::Suspended => return Ok(Changed { now: old, audited: false }),
            Standing::Offboarded => return Err(Error::Gone { name: name.clone() }),
        };
        let target = agent.uid.to_string();
        let voided = made(&change, (&target, agent), false, |agent, note| registry.put_agent(agent, note)).await?;
        if voided.audited {
            self.metrics.identity.happened(Event::Voided);
            self.tasks.halt(Uid::Agent(voided.now.uid));
        }
        Ok(voided)
    }

    async fn present(&self, tenant: &TenantId, name: &Name) -> Result<Human, Error> {
        let human = self.human(tenant, name).await.map_err(ChangeError::from)?;
        human.ok_or_else(|| Error::NotFound { kind: "human", name: name.clone() })
    }

    /// Refuses a change that leaves the tenant without an administrator.
    async fn keep_an_admin(&self, old: &Human, new: &Human) -> Result<(), Error> {
        if !administers(old) || administers(new) {
            return Ok(());
        }
        let all = self.humans(&old.tenant).await.map_err(ChangeError::from)?;
        let others = all.iter().any(|human| human.uid != old.uid && administers(human));
        if others { Ok(()) } else { Err(Error::LastAdmin { name: old.name.clone() }) }
    }

    async fn put(&self, change: &Change<'_>, human: Human, only_check: bool) -> Result<Changed<Human>, Error> {
        self.put_as(change, &human.uid.to_string(), human, only_check).await
    }

    /// The same, with another target of the record than the human alone.
    async fn put_as(&self, change: &Change<'_>, target: &str, human: Human, only_check: bool) -> Result<Changed<Human>, Error> {
        let registry = &self.changes.ports.registry;
        made(change, (target, human), only_check, |human, note| registry.put_human(human, note)).await
    }
}

fn administers(human: &Human) -> bool {
    human.standing == Standing::Active && human.groups.iter().any(|group| group.as_str() == ADMINS)
}

/// The groups after a change, sorted, each once.
pub(super) fn joined(name: &Name, old: &[Name], roles: &Roles) -> Result<Vec<Name>, Error> {
    let mut groups: Vec<Name> = old.iter().chain(&roles.add).filter(|group| !roles.remove.contains(group)).cloned().collect();
    groups.sort();
    groups.dedup();
    if groups.len() > GROUPS_MAX { Err(Error::TooManyGroups { name: name.clone() }) } else { Ok(groups) }
}

/// Makes a change of a principal durable by `put`; `target` is what the audit record says that it is about. With `only_check` says what
/// would be.
pub(super) async fn made<T, F>(
    change: &Change<'_>,
    (target, now): (&str, T),
    only_check: bool,
    put: impl FnOnce(T, Note) -> F,
) -> Result<Changed<T>, Error>
where
    T: Clone + Serialize + DeserializeOwned,
    F: Future<Output = Result<(), StoreError>>,
{
    if only_check {
        return Ok(Changed { now, audited: false });
    }
    let note = change.note(target, &now)?;
    match put(now.clone(), note).await {
        Ok(()) => Ok(Changed { now, audited: true }),
        // The same request may have come in twice at once: then the other one won, and its answer is the answer.
        Err(error @ StoreError::Taken { .. }) => change.known().await?.ok_or_else(|| ChangeError::from(error).into()),
        Err(error) => Err(ChangeError::from(error).into()),
    }
}
