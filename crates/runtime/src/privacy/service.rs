//! What people do about privacy: order to erase, place and lift legal holds, look, and believe the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scalbotics_core::agent::Standing as Whether;
use scalbotics_core::ids::{ErasureId, HoldId, TaskId};
use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::{Human, Note, Orders, PrivacyChange, StoreError};
use scalbotics_core::privacy::{Erasure, HOLDS_MAX, Hold, Marks, REASON_LEN_MAX, Scope};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use tokio::sync::oneshot;

use super::Error;
use super::finder::Found;
use super::trust::Trust;
use super::upkeep::{Ground, Terms};
use super::works::Works;
use crate::audit::Quota;
use crate::change::{Change, ChangeError, Changed, Changes};
use crate::{Caller, Ports, Supervisor};

/// Privacy of one tenant, for callers. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Service {
    works: Arc<Works>,
    changes: Changes,
}

/// What somebody wants erased or held.
#[derive(Debug, Clone)]
pub enum About {
    /// A task of the caller's tenant.
    Task(TaskId),
    /// A human of it.
    Human(Box<Human>),
    /// All of it.
    Tenant,
}

impl About {
    const fn scope(&self) -> Scope {
        match self {
            Self::Task(task) => Scope::Task(*task),
            Self::Human(human) => Scope::Human(human.uid),
            Self::Tenant => Scope::Tenant,
        }
    }
}

/// A hold with the words that it was placed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The hold.
    pub hold: Hold,
    /// Why it was placed; `None` once erased.
    pub reason: Option<String>,
}

/// How the work of erasing stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What the configuration says.
    pub terms: Terms,
    /// How far the work has come.
    pub marks: Marks,
    /// The newest moment that is believed.
    pub believed_at: Option<Timestamp>,
    /// Orders that are not done.
    pub under_way: usize,
    /// When the keys were retired that still open backups, oldest first.
    pub retired: Vec<Timestamp>,
}

impl Service {
    /// A service for one tenant; `newest` is the time of the newest record when the store was opened. Call it before anything is
    /// written, and [`Service::start`] once everything else runs.
    ///
    /// # Errors
    /// [`Error`] when the store cannot be read.
    pub async fn open(
        ports: Ports,
        (ground, terms): (Ground, Terms),
        (tenant, newest): (TenantId, Option<Timestamp>),
        supervisor: Supervisor,
        quota: Arc<Quota>,
    ) -> Result<Self, Error> {
        let (one, wake, trust) = (tokio::sync::Mutex::default(), tokio::sync::Notify::new(), Trust::default());
        let own = Arc::clone(&quota);
        let works = Works { ports: ports.clone(), ground, terms, tenant, trust, supervisor, quota: own, one, wake };
        works.begin(newest).await?;
        Ok(Self { works: Arc::new(works), changes: Changes::new(ports, quota) })
    }

    /// Starts the loop: what an earlier process did not finish, what is old enough, and the keys.
    pub fn start(&self) {
        let works = Arc::clone(&self.works);
        self.works.supervisor.spawn("erasing", async move { works.run().await });
    }

    /// Does once what the loop does; for whoever drives it by hand.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn run_once(&self) -> Result<(), Error> {
        self.works.once().await.map(drop)
    }

    /// Carries out again the orders that a database which was put back does not know of; answers how many those are. Before it is served.
    ///
    /// # Errors
    /// [`Error`]; a second time goes on from there.
    pub async fn repeat(&self, orders: &[Erasure]) -> Result<u64, Error> {
        self.works.repeat(orders).await
    }

    /// Erases a task, or a human; with `only_check` says what would be. Answers when the last byte is gone; what a caller does not
    /// wait for goes on.
    ///
    /// # Errors
    /// [`Error`]; nothing is erased then, but for [`Error::Draining`] and a store that failed on the way: that is carried on with.
    pub async fn erase(&self, caller: &Caller, about: &About, reason: &str, only_check: bool) -> Result<Changed<Erasure>, Error> {
        let action = match about {
            About::Task(_) => "privacy.erase_task",
            About::Human(_) | About::Tenant => "privacy.erase_human",
        };
        let scope = about.scope();
        let change = self.begin(caller, action, scope, reason)?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let (found, scopes) = self.erasable(about).await?;
        let count = self.works.count(&found).await?;
        let sealed = self.changes.vault.seal(self.tenant(), reason.as_bytes().to_vec())?;
        let order = Erasure {
            id: ErasureId::from_u128(self.changes.ports.ids.next()),
            tenant: self.tenant().clone(),
            scope,
            by: caller.principal.uid,
            at: change.at,
            reason: sealed.reference,
            destroyed: count,
            done_at: None,
        };
        if only_check {
            return Ok(Changed { now: order, audited: false });
        }
        let note = noted(&change, (scope, &sealed), &order)?;
        let ordered = PrivacyChange {
            unless_held: Some(scopes.clone()),
            payloads: vec![sealed],
            erasure: Some(order.clone()),
            note: Some(note),
            ..self.works.change()
        };
        if let Err(error) = self.works.store().change(ordered).await {
            return self.raced(&change, error, &scopes).await;
        }
        let done = self.carry_out(order).await?;
        Ok(Changed { now: done, audited: true })
    }

    /// Places a legal hold; with `only_check` says which.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn hold(&self, caller: &Caller, about: &About, reason: &str, only_check: bool) -> Result<Changed<Hold>, Error> {
        let scope = about.scope();
        let change = self.begin(caller, "privacy.hold", scope, reason)?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        if self.works.store().holds(self.tenant()).await?.len() >= HOLDS_MAX {
            return Err(Error::TooMany);
        }
        let sealed = self.changes.vault.seal(self.tenant(), reason.as_bytes().to_vec())?;
        let id = HoldId::from_u128(self.changes.ports.ids.next());
        let (by, at, tenant) = (caller.principal.uid, change.at, self.tenant().clone());
        let hold = Hold { id, tenant, scope, by, at, reason: sealed.reference };
        if only_check {
            return Ok(Changed { now: hold, audited: false });
        }
        let mut note = noted(&change, (scope, &sealed), &hold)?;
        note.record.target = Some(format!("{id} on {scope}"));
        let placed = PrivacyChange { payloads: vec![sealed], hold: Some(hold.clone()), note: Some(note), ..self.works.change() };
        match self.works.store().change(placed).await {
            Ok(_) => Ok(Changed { now: hold, audited: true }),
            Err(error) => self.raced(&change, error, &BTreeSet::new()).await,
        }
    }

    /// Lifts a legal hold; with `only_check` says which. Passes look again at what it kept.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn lift(&self, caller: &Caller, id: HoldId, reason: &str, only_check: bool) -> Result<Changed<Hold>, Error> {
        let absent = || Error::NotFound { what: id.to_string() };
        let body = format!("{id} {}", self.fingerprint(reason)?);
        let change = self.changes.begin(caller, "privacy.lift", body.as_bytes())?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let held = self.works.store().holds(self.tenant()).await?;
        let hold = held.into_iter().find(|hold| hold.id == id).ok_or_else(absent)?;
        if only_check {
            return Ok(Changed { now: hold, audited: false });
        }
        let sealed = self.changes.vault.seal(self.tenant(), reason.as_bytes().to_vec())?;
        let mut note = noted(&change, (hold.scope, &sealed), &hold)?;
        note.record.target = Some(format!("{id} on {}", hold.scope));
        let _one = self.works.one.lock().await;
        let marks = Marks { next: BTreeMap::new(), ..self.works.store().marks(self.tenant()).await? };
        let lifted =
            PrivacyChange { payloads: vec![sealed], lift: Some(id), marks: Some(marks), note: Some(note), ..self.works.change() };
        match self.works.store().change(lifted).await {
            Ok(_) => {
                self.works.wake.notify_one();
                Ok(Changed { now: hold, audited: true })
            }
            Err(StoreError::Taken { .. }) => change.known().await?.ok_or_else(absent),
            Err(error) => Err(error.into()),
        }
    }

    /// Legal holds of the tenant, oldest first, with their reasons.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn holds(&self) -> Result<Vec<Placed>, Error> {
        let mut all = Vec::new();
        for hold in self.works.store().holds(self.tenant()).await? {
            let reason = self.changes.vault.open(self.tenant(), &hold.reason).await.ok();
            all.push(Placed { reason: reason.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()), hold });
        }
        Ok(all)
    }

    /// How the work stands.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn standing(&self) -> Result<Standing, Error> {
        Ok(Standing {
            terms: self.works.terms,
            marks: self.works.store().marks(self.tenant()).await?,
            believed_at: self.works.trust.last(),
            under_way: self.works.store().orders(self.tenant(), Orders::UnderWay).await?.len(),
            retired: self.works.retired().await?.iter().map(|key| key.retired_at).collect(),
        })
    }

    /// Believes a clock that jumped: what is old by it is erased from now on.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn accept_clock(&self, caller: &Caller) -> Result<Changed<Timestamp>, Error> {
        let change = self.changes.begin(caller, "privacy.accept_clock", b"")?;
        if let Some(known) = change.known().await? {
            return Ok(known);
        }
        let _one = self.works.one.lock().await;
        let at = change.at;
        let marks = self.works.store().marks(self.tenant()).await?;
        let marks = Marks { jumped_at: None, believed_at: Some(at), ..marks };
        let note = change.note("clock", &at)?;
        self.works.store().change(PrivacyChange { marks: Some(marks), note: Some(note), ..self.works.change() }).await?;
        self.works.trust.accept(at);
        self.works.wake.notify_one();
        Ok(Changed { now: at, audited: true })
    }

    /// Whether the tenant had this payload, or decision, and it was erased.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn is_erased(&self, tenant: &TenantId, id: scalbotics_core::ids::PayloadId) -> Result<bool, Error> {
        Ok(self.works.store().is_destroyed(tenant, id).await?)
    }

    fn tenant(&self) -> &TenantId {
        &self.works.tenant
    }

    /// What tells a request from others holds nothing of its reason that could be guessed.
    fn fingerprint(&self, reason: &str) -> Result<String, Error> {
        let len = reason.len();
        if !(1..=REASON_LEN_MAX).contains(&len) {
            return Err(Error::Reason { len });
        }
        Ok(self.changes.ports.cipher.fingerprint(self.tenant(), reason.as_bytes())?.to_string())
    }

    fn begin<'a>(&'a self, caller: &'a Caller, action: &'static str, scope: Scope, reason: &str) -> Result<Change<'a>, Error> {
        let body = format!("{scope} {}", self.fingerprint(reason)?);
        Ok(self.changes.begin(caller, action, body.as_bytes())?)
    }

    /// What there is to erase, unless something needs it still or a hold is on it; and what a hold on it could be about.
    async fn erasable(&self, about: &About) -> Result<(Found, BTreeSet<Scope>), Error> {
        if let About::Human(human) = about
            && human.standing != Whether::Offboarded
        {
            return Err(Error::StillThere { name: human.name.clone() });
        }
        let found = self.works.found(about.scope()).await?;
        let mut scopes = BTreeSet::from([about.scope()]);
        for part in &found.parts {
            scopes.extend(self.works.finder().scopes(part).await?);
        }
        let mut running = Vec::new();
        for task in &found.tasks {
            let state = self.changes.ports.task_log.state(self.tenant(), *task).await?;
            let state = state.ok_or_else(|| Error::NotFound { what: task.to_string() })?;
            if !state.status.is_final() {
                running.push(*task);
            }
        }
        self.refuse_held(&scopes).await?;
        match running.first() {
            Some(task) => Err(Error::Unfinished { task: *task, count: running.len() }),
            None => Ok((found, scopes)),
        }
    }

    async fn refuse_held(&self, scopes: &BTreeSet<Scope>) -> Result<(), Error> {
        let holds = self.works.store().holds(self.tenant()).await?;
        match Hold::find(&holds, scopes) {
            Some(hold) => Err(Error::Held { hold: hold.id, scope: hold.scope }),
            None => Ok(()),
        }
    }

    /// Carries an order out by itself, so that a caller who hangs up stops nothing.
    async fn carry_out(&self, order: Erasure) -> Result<Erasure, Error> {
        let (works, (reply, answer)) = (Arc::clone(&self.works), oneshot::channel());
        self.works.supervisor.spawn("erasing an order", async move {
            let done = works.finish(order).await;
            if done.is_err() {
                works.wake.notify_one();
            }
            let _gone = reply.send(done);
        });
        answer.await.map_err(|_| Error::Draining)?
    }

    /// The same request may have come in twice at once; or a hold was placed meanwhile.
    async fn raced<T: serde::de::DeserializeOwned>(
        &self,
        change: &Change<'_>,
        error: StoreError,
        scopes: &BTreeSet<Scope>,
    ) -> Result<Changed<T>, Error> {
        if matches!(error, StoreError::Taken { .. }) {
            if let Some(known) = change.known().await? {
                return Ok(known);
            }
            self.refuse_held(scopes).await?;
        }
        Err(ChangeError::from(error).into())
    }
}

/// The note of a change that has a reason: its record commits to the reason, and names the task that it is about.
fn noted<T: serde::Serialize>(change: &Change<'_>, (scope, reason): (Scope, &Sealed), answer: &T) -> Result<Note, Error> {
    let mut note = change.note(&scope.to_string(), answer)?;
    if let Scope::Task(task) = scope {
        note.record.task = Some(task);
    }
    if let Some(outcome) = &mut note.record.outcome {
        outcome.commitment = Some(reason.reference.commitment);
    }
    Ok(note)
}
