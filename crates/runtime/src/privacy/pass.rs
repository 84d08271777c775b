//! Erasing by age: a pass over the log, from where the one before ended.

use std::collections::{BTreeMap, BTreeSet};

use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::failpoint;
use scalbotics_core::ids::PayloadId;
use scalbotics_core::ports::{AuditEntry, AuditQuery, PrivacyChange, StoreError};
use scalbotics_core::privacy::{Believed, Class, Hold, Marks, Released, Scope};
use scalbotics_core::time::{Span, Timestamp};

use super::Error;
use super::finder::{decision_of, human_of, record_of};
use super::works::{Works, batches};

/// Records that one step looks at.
const STEP: usize = 200;

/// Payloads that one pass destroys before others have their turn; the next one follows at once.
const PASS_MAX: u64 = 20_000;

/// What the record of a task's end says that it is about.
const TASK_END: &str = "task.end";

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// Nothing is left that is old enough.
    All,
    /// There is more.
    More,
    /// The clock is not believed.
    Stopped,
}

impl Works {
    /// Erases what is old enough, up to a limit, and writes one record about it.
    pub(super) async fn pass(&self) -> Result<Passed, Error> {
        let _one = self.one.lock().await;
        let mut marks = self.store().marks(&self.tenant).await?;
        let now = match self.trust.look(self.now()) {
            Believed::Yes(now) => now,
            Believed::Jumped { ahead_ms } => return self.stop(marks, ahead_ms).await,
        };
        if marks.jumped_at.take().is_some() {
            marks.believed_at = Some(now);
            self.keep(&marks).await?;
        }
        let mut passed = Passed::All;
        for class in Class::ALL {
            let Some(span) = self.terms.keep.of(class) else { continue };
            passed = self.age(class, (span, now), &mut marks).await?;
            if passed == Passed::More {
                break;
            }
        }
        // Also what was taken before a crash, and no record says yet; whatever is kept now.
        self.settle(marks, now).await?;
        Ok(passed)
    }

    /// Writes that the clock is not believed, once.
    async fn stop(&self, mut marks: Marks, ahead_ms: u64) -> Result<Passed, Error> {
        if marks.jumped_at.is_none() {
            let now = self.now();
            tracing::error!(ahead_h = ahead_ms / 3_600_000, "the clock is far ahead of the log: nothing is erased by age");
            (marks.jumped_at, marks.believed_at) = (Some(now), self.trust.last());
            let record = self.record("privacy.clock_jumped", format!("{} h", ahead_ms / 3_600_000), now);
            self.store().change(PrivacyChange { marks: Some(marks), record: Some(record), ..self.change() }).await?;
        }
        Ok(Passed::Stopped)
    }

    async fn keep(&self, marks: &Marks) -> Result<(), Error> {
        self.store().change(PrivacyChange { marks: Some(marks.clone()), ..self.change() }).await?;
        Ok(())
    }

    /// Erases payloads of one class that are kept long enough.
    async fn age(&self, class: Class, (span, now): (Span, Timestamp), marks: &mut Marks) -> Result<Passed, Error> {
        let kind = (class != Class::Decisions).then_some(Kind::Task);
        loop {
            let holds = self.store().holds(&self.tenant).await?;
            if Hold::find(&holds, &BTreeSet::new()).is_some() {
                return Ok(Passed::All);
            }
            let from = marks.next.get(&class).copied().unwrap_or_default();
            let query = AuditQuery { from, limit: STEP, kind, ..AuditQuery::default() };
            let page = self.ports.audit_log.read(&self.tenant, &query).await?;
            let step = self.step(class, &page, &holds, |record| record.at.plus_ms(span.as_ms()) <= now).await?;
            if step.next == 0 {
                return Ok(Passed::All);
            }
            if !self.destroy(class, &step, marks).await? {
                // Somebody placed a hold meanwhile: the next pass knows of it.
                return Ok(Passed::More);
            }
            marks.next.insert(class, step.next);
            if step.released.is_empty() {
                self.keep(marks).await?;
            }
            if step.is_last || self.supervisor.is_draining() {
                return Ok(Passed::All);
            }
            if marks.unrecorded.values().sum::<u64>() >= PASS_MAX {
                return Ok(Passed::More);
            }
        }
    }

    async fn step(
        &self,
        class: Class,
        page: &[AuditEntry],
        holds: &[Hold],
        is_old: impl Fn(&Record) -> bool + Send,
    ) -> Result<Step, Error> {
        let mut step = Step { is_last: page.len() < STEP, ..Step::default() };
        for entry in page {
            let record = record_of(entry)?;
            if !is_old(&record) {
                step.is_last = true;
                break;
            }
            step.next = entry.index.saturating_add(1);
            let scopes = scopes_of(&record);
            if Hold::find(holds, &scopes).is_some() {
                continue;
            }
            let released = match (class, record.task) {
                (Class::Decisions, _) => decision_of(&record).into_iter().map(|one| (one, None)).collect(),
                (_, Some(task)) if record.action == TASK_END => self.finder().of_class(task, class).await?,
                (_, _) => Vec::new(),
            };
            for (one, speaker) in released {
                // What somebody said about a task of somebody else's is theirs too.
                let said: BTreeSet<Scope> = speaker.map(Scope::Human).into_iter().collect();
                if Hold::find(holds, &said).is_some() || self.is_destroyed(&one).await? {
                    continue;
                }
                step.scopes.extend(scopes.iter().copied().chain(said));
                step.released.insert(one.id, one);
            }
        }
        Ok(step)
    }

    /// Destroys payloads with the count of them, which the next record says.
    ///
    /// Answers whether it did: a hold may be on some of them by now.
    async fn destroy(&self, class: Class, step: &Step, marks: &mut Marks) -> Result<bool, Error> {
        let released: Vec<Released> = step.released.values().copied().collect();
        for destroy in batches(&released) {
            let (count, before) = (destroy.len() as u64, marks.clone());
            *marks.unrecorded.entry(class).or_default() += count;
            marks.aged = marks.aged.saturating_add(count);
            let (unless_held, written) = (Some(step.scopes.clone()), Some(marks.clone()));
            failpoint!("erase.before");
            match self.store().change(PrivacyChange { destroy, unless_held, marks: written, ..self.change() }).await {
                Ok(_) => {}
                Err(StoreError::Taken { .. }) => {
                    *marks = before;
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            }
            failpoint!("erase.after");
        }
        Ok(true)
    }

    /// Scrubs the files, and writes the one record of what went since the last one.
    async fn settle(&self, mut marks: Marks, now: Timestamp) -> Result<(), Error> {
        if marks.unrecorded.is_empty() {
            return Ok(());
        }
        self.store().scrub().await?;
        let counts = std::mem::take(&mut marks.unrecorded);
        let words: Vec<String> = counts.iter().map(|(class, count)| format!("{}: {count}", class.as_str())).collect();
        (marks.believed_at, marks.rotation_due) = (Some(now), Some(now));
        let record = self.record("privacy.aged", words.join(", "), now);
        self.store().change(PrivacyChange { marks: Some(marks), record: Some(record), ..self.change() }).await?;
        tracing::info!(erased = words.join(", "), "payloads were erased by their age");
        Ok(())
    }
}

/// One step of a pass.
#[derive(Debug, Default)]
struct Step {
    released: BTreeMap<PayloadId, Released>,
    /// What they are of.
    scopes: BTreeSet<Scope>,
    /// The index behind the last record that was old enough; 0 when none was.
    next: u64,
    is_last: bool,
}

/// What a record is about, for holds; when one is lifted, passes begin anew.
fn scopes_of(record: &Record) -> BTreeSet<Scope> {
    record.task.map(Scope::Task).into_iter().chain(human_of(record).map(Scope::Human)).collect()
}
