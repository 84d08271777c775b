//! What all work of erasing shares: the stores, one worker at a time, and the way from payloads that may go to their destruction.

use std::collections::BTreeSet;
use std::sync::Arc;

use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::failpoint;
use scalbotics_core::ids::{ErasureId, HumanUid, PayloadId};
use scalbotics_core::outside::Outside;
use scalbotics_core::ports::{Human, Orders, PrivacyChange, PrivacyStore};
use scalbotics_core::principal::Uid;
use scalbotics_core::privacy::{Erasure, Marks, Released, Scope};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use tokio::sync::{Mutex, Notify};

use super::Error;
use super::finder::{Finder, Found};
use super::trust::Trust;
use super::upkeep::{Ground, Terms};
use crate::audit::Quota;
use crate::{Ports, Supervisor};

/// Most payloads that one commit destroys.
const BATCH_MAX: usize = 200;

/// Most bytes that one commit destroys, unless one payload alone has more: each is overwritten, and goes through the write-ahead log.
const BATCH_LEN_MAX: u64 = 4 << 20;

/// What all work of erasing shares.
#[derive(Debug)]
pub(super) struct Works {
    pub(super) ports: Ports,
    pub(super) ground: Ground,
    pub(super) terms: Terms,
    pub(super) tenant: TenantId,
    pub(super) trust: Trust,
    pub(super) supervisor: Supervisor,
    pub(super) quota: Arc<Quota>,
    /// Whoever changes marks or destroys holds it.
    pub(super) one: Mutex<()>,
    /// Told when there is something to do at once.
    pub(super) wake: Notify,
}

impl Works {
    pub(super) fn store(&self) -> &Arc<dyn PrivacyStore> {
        &self.ground.store
    }

    pub(super) const fn finder(&self) -> Finder<'_> {
        Finder { ports: &self.ports, tenant: &self.tenant }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// A change of the tenant that changes nothing yet.
    pub(super) fn change(&self) -> PrivacyChange {
        PrivacyChange::of(self.tenant.clone())
    }

    /// A record of something that nobody asked for just now.
    pub(super) fn record(&self, action: &str, target: String, at: Timestamp) -> Record {
        let mut record = Record::new(Kind::Installation, at, self.tenant.clone(), Uid::Daemon, action);
        record.target = Some(target);
        record
    }

    pub(super) async fn is_destroyed(&self, one: &Released) -> Result<bool, Error> {
        Ok(self.store().is_destroyed(&self.tenant, one.id).await?)
    }

    /// Those that are not destroyed yet.
    pub(super) async fn fresh(&self, all: impl IntoIterator<Item = Released>) -> Result<Vec<Released>, Error> {
        let mut fresh = Vec::new();
        for one in all {
            if !self.is_destroyed(&one).await? {
                fresh.push(one);
            }
        }
        Ok(fresh)
    }

    /// Where there is something of a scope.
    pub(super) async fn found(&self, scope: Scope) -> Result<Found, Error> {
        match scope {
            Scope::Task(task) => Ok(Finder::task(task)),
            Scope::Human(human) => self.finder().human(human).await,
            // Only a hold is on a whole tenant.
            Scope::Tenant => Ok(Found::default()),
        }
    }

    /// How many payloads there are to destroy.
    pub(super) async fn count(&self, found: &Found) -> Result<u64, Error> {
        let mut count: u64 = 0;
        for part in &found.parts {
            let matter = self.finder().matter(part).await?;
            count = count.saturating_add(self.fresh(matter.released()).await?.len() as u64);
        }
        Ok(count)
    }

    /// Carries on with every order that is not done.
    pub(super) async fn resume(&self) -> Result<(), Error> {
        for order in self.store().orders(&self.tenant, Orders::UnderWay).await? {
            tracing::info!(order = %order.id, scope = %order.scope, "erasing goes on");
            self.finish(order).await?;
        }
        Ok(())
    }

    /// Carries out again what was erased since this database was as it is now; answers how many orders that were. Nobody is asked: a hold that
    /// was on any of it had been lifted.
    pub(super) async fn repeat(&self, orders: &[Erasure]) -> Result<u64, Error> {
        let done: BTreeSet<ErasureId> =
            self.store().orders(&self.tenant, Orders::Done).await?.iter().map(|order| order.id).collect();
        let mut repeated = 0;
        for order in orders.iter().filter(|order| order.tenant == self.tenant && !done.contains(&order.id)) {
            let order = Erasure { destroyed: self.count(&self.found(order.scope).await?).await?, done_at: None, ..order.clone() };
            let record = self.record("privacy.erase_repeated", format!("{} on {}", order.id, order.scope), self.now());
            let change = PrivacyChange { erasure: Some(order.clone()), record: Some(record), ..self.change() };
            self.store().change(change).await?;
            self.finish(order).await?;
            repeated += 1;
        }
        Ok(repeated)
    }

    /// Takes keys, enrolment and groups out of a human's row. Identity and name stay: neither is ever used again.
    async fn strip(&self, human: HumanUid) -> Result<(), Error> {
        let registry = &self.ports.registry;
        let Some(old) = registry.human_by_uid(human).await? else { return Ok(()) };
        // Who they are at their issuer stays too, a digest: else they would come back as somebody new.
        let outside = old.outside.clone().map(|outside| Outside { groups: Vec::new(), ..outside });
        let bare = Human { groups: Vec::new(), login_key: String::new(), enrolment: None, outside, ..old.clone() };
        if bare == old {
            return Ok(());
        }
        let record = self.record("privacy.human_stripped", human.to_string(), self.now());
        registry.put_human(bare, record.into()).await?;
        Ok(())
    }

    /// Erases what is ordered, to the last byte. Doing it twice does no harm.
    pub(super) async fn finish(&self, order: Erasure) -> Result<Erasure, Error> {
        let _one = self.one.lock().await;
        for part in &self.found(order.scope).await?.parts {
            let matter = self.finder().matter(part).await?;
            let released: Vec<Released> = self.fresh(matter.released()).await?;
            for destroy in batches(&released) {
                if self.supervisor.is_draining() {
                    return Err(Error::Draining);
                }
                failpoint!("erase.before");
                self.store().change(PrivacyChange { destroy, ..self.change() }).await?;
                failpoint!("erase.after");
            }
            let forget_answers = matter.answers();
            if !forget_answers.is_empty() {
                self.store().change(PrivacyChange { forget_answers, ..self.change() }).await?;
            }
        }
        if let Scope::Human(human) = order.scope {
            self.strip(human).await?;
        }
        self.store().scrub().await?;
        let at = self.now();
        let done = Erasure { done_at: Some(at), ..order };
        let marks = Marks { rotation_due: Some(at), ..self.store().marks(&self.tenant).await? };
        let record = self.record("privacy.erased", format!("{}: {}", done.id, done.destroyed), at);
        let change = PrivacyChange { erasure: Some(done.clone()), marks: Some(marks), record: Some(record), ..self.change() };
        self.store().change(change).await?;
        self.wake.notify_one();
        Ok(done)
    }
}

/// Ids in batches that one commit destroys.
pub(super) fn batches(released: &[Released]) -> Vec<Vec<PayloadId>> {
    let (mut all, mut batch, mut len): (Vec<Vec<PayloadId>>, Vec<PayloadId>, u64) = (Vec::new(), Vec::new(), 0);
    for one in released {
        if !batch.is_empty() && (batch.len() >= BATCH_MAX || len.saturating_add(one.len) > BATCH_LEN_MAX) {
            all.push(std::mem::take(&mut batch));
            len = 0;
        }
        batch.push(one.id);
        len = len.saturating_add(one.len);
    }
    if !batch.is_empty() {
        all.push(batch);
    }
    all
}

#[cfg(test)]
mod tests {
    use scalbotics_core::privacy::Class;

    use super::*;

    #[test]
    fn a_commit_destroys_no_more_than_it_may() {
        let of = |lens: &[u64]| {
            let one =
                |(id, len): (usize, &u64)| Released { class: Class::Goals, id: PayloadId::from_u128(id as u128), len: *len };
            let all: Vec<Released> = lens.iter().enumerate().map(one).collect();
            batches(&all).iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(of(&[]), Vec::<usize>::new());
        assert_eq!(of(&[1; 201]), [200, 1]);
        assert_eq!(of(&[BATCH_LEN_MAX * 2, 1, BATCH_LEN_MAX, 1]), [1, 1, 1, 1]);
        assert_eq!(of(&[BATCH_LEN_MAX / 2, BATCH_LEN_MAX / 2, 1]), [2, 1]);
        assert_eq!(of(&[u64::MAX, u64::MAX]), [1, 1]);
    }
}
