//! Erasing: by order, by age, held up, interrupted, and in backups.

use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::agent::Standing;
use scalbotics_core::approval::Answer;
use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::ids::{PayloadId, TaskId};
use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::{CipherError, Human, PayloadCipher, PayloadStore, PrivacyStore, Registry, WrapStore, WrappingKeys};
use scalbotics_core::privacy::{Class, Keep, Released, Scope, released};
use scalbotics_core::task::{Event, Status};
use scalbotics_core::time::{Span, Timestamp};
use scalbotics_runtime::evidence::{Authority, Service as Evidence, Wanted};
use scalbotics_runtime::privacy::{About, Error, Ground, Service, Terms};
use scalbotics_runtime::task::{Error as TaskError, Goal};
use scalbotics_runtime::{Caller, Decisions};
use scalbotics_testkit::TurningCipher;
use serde_json::{Value, json};

use super::bed::{Bed, Disk, submission};
use super::fakes::Crash;

const DAY_MS: u64 = 86_400_000;

/// A life with keys that turn, and its privacy.
struct Life {
    bed: Bed,
    cipher: Arc<TurningCipher>,
    privacy: Service,
}

fn days(days: u64) -> Option<Span> {
    Some(Span::from_ms(days * DAY_MS))
}

impl Life {
    async fn new(keep: Keep) -> Self {
        Self::on(Disk::new(), Arc::default(), keep).await
    }

    /// A life on what is there; its clock begins where the disk says.
    async fn on(disk: Disk, cipher: Arc<TurningCipher>, keep: Keep) -> Self {
        let (own, newest) = (Arc::clone(&cipher), newest(&disk).await);
        let bed = Bed::over(disk, Crash::at(None), |ports, _| ports.cipher = own).await;
        let ground = Ground { store: bed.disk.store.clone(), wraps: bed.disk.store.clone(), keys: cipher.clone() };
        let terms = Terms { keep, backups: Span::from_ms(30 * DAY_MS) };
        let (tenant, supervisor, quota) = (bed.tenant().clone(), bed.supervisor.clone(), Arc::clone(&bed.quota));
        let privacy = Service::open(bed.ports.clone(), (ground, terms), (tenant, newest), supervisor, quota).await.unwrap();
        Self { bed, cipher, privacy }
    }

    async fn restarted(self, keep: Keep) -> Self {
        let now = self.bed.ports.clock.now();
        self.after(now, keep).await
    }

    /// The next life, whose clock begins at `now`.
    async fn after(self, now: Timestamp, keep: Keep) -> Self {
        self.bed.supervisor.drain(Duration::from_secs(5)).await;
        let store = Arc::new(self.bed.disk.store.restarted());
        Self::on(Disk { store, now, ..self.bed.disk.clone() }, self.cipher, keep).await
    }

    /// A task that asked, was approved, and ended.
    async fn ended(&self) -> TaskId {
        let task = self.bed.submit("publish-flow").await;
        let approval = self.bed.asked(task).await;
        let shown = self.bed.approvals.get(&self.bed.bob(), approval).await.unwrap();
        self.bed.approvals.decide(&self.bed.bob(), approval, &self.bed.signed(&shown, Answer::Approve)).await.unwrap();
        assert_eq!(self.bed.ended(task).await.status, Status::Completed);
        task
    }

    /// What the journal refers to, each once.
    async fn payloads(&self, task: TaskId) -> Vec<Released> {
        let mut all: Vec<Released> = self.bed.events(task).await.iter().flat_map(released).collect();
        all.sort_by_key(|one| one.id);
        all.dedup_by_key(|one| one.id);
        all
    }

    /// How many payloads of a class are there.
    async fn left(&self, task: TaskId, class: Option<Class>) -> usize {
        let mut left = 0;
        for one in self.payloads(task).await.iter().filter(|one| class.is_none_or(|class| one.class == class)) {
            let id = scalbotics_core::ids::DecisionId::from_u128(one.id.as_u128());
            let store = self.bed.disk.store.as_ref();
            let as_decision = scalbotics_core::ports::DecisionStore::get(store, self.bed.tenant(), id).await.unwrap();
            let there = PayloadStore::get(store, self.bed.tenant(), one.id).await.unwrap().or(as_decision);
            left += usize::from(there.is_some());
        }
        left
    }

    async fn erase(&self, about: &About) -> Result<u64, Error> {
        let erased = self.privacy.erase(&self.bed.ada(), about, "she asked for it", false).await;
        erased.map(|changed| changed.now.destroyed)
    }

    async fn records(&self, action: &str) -> Vec<Record> {
        self.bed.records().await.into_iter().filter(|record| record.action == action).collect()
    }

    /// The life that begins so many days later: a sleep of weeks would take every timer's steps.
    async fn later(self, days: u64, keep: Keep) -> Self {
        let now = self.bed.ports.clock.now().plus_ms(days * DAY_MS);
        self.after(now, keep).await
    }
}

async fn newest(disk: &Disk) -> Option<Timestamp> {
    use scalbotics_core::ports::{AuditLog, AuditQuery};
    let query = AuditQuery { limit: 1_000, ..AuditQuery::default() };
    let entries = disk.store.read(&disk.world.tenant, &query).await.unwrap();
    entries.last().map(|entry| serde_json::from_slice::<Record>(&entry.leaf).unwrap().at)
}

fn keyed(caller: Caller, key: &str) -> Caller {
    Caller { repeat_key: Some(key.to_owned()), ..caller }
}

#[tokio::test(start_paused = true)]
async fn sem_7_2_an_erased_task_has_no_payload_and_its_log_and_journal_stay() {
    let life = Life::new(Keep::default()).await;
    let (task, other) = (life.ended().await, life.ended().await);
    let (all, kept) = (life.left(task, None).await, life.left(other, None).await);
    assert!(all > 5 && all == life.payloads(task).await.len());
    let about = About::Task(task);
    let dry = life.privacy.erase(&life.bed.ada(), &about, "she asked for it", true).await.unwrap();
    assert!(!dry.audited && dry.now.destroyed == all as u64 && life.left(task, None).await == all, "a trial erases nothing");
    let destroyed = life.erase(&about).await.unwrap();
    assert_eq!(destroyed, dry.now.destroyed);
    assert_eq!((life.left(task, None).await, life.left(other, None).await), (0, kept));
    life.bed.check_records(task).await;
    let view = life.bed.tasks.get(&life.bed.ada(), task, false).await.unwrap();
    assert!(view.state.status == Status::Completed && view.goal.is_none());
    assert!(matches!(life.bed.tasks.result(&life.bed.ada(), task).await, Err(TaskError::Erased { .. })));
    assert_eq!(life.erase(&about).await.unwrap(), 0, "a second order finds nothing");
    let [first, ..] = life.records("privacy.erase_task").await.try_into().unwrap_or_else(|all: Vec<Record>| {
        assert_eq!(all.len(), 2);
        [all[0].clone()]
    });
    assert_eq!((first.kind, first.task, first.target), (Kind::Rpc, Some(task), Some(task.to_string())));
    assert!(first.outcome.unwrap().commitment.is_some(), "to the reason");
    let done = life.records("privacy.erased").await;
    assert!(done[0].target.as_ref().unwrap().ends_with(&format!(": {destroyed}")), "{:?}", done[0].target);
}

#[tokio::test(start_paused = true)]
async fn sem_9_3_replay_over_an_erased_payload_ends_as_erased() {
    let life = Life::new(Keep::default()).await;
    let mut submit = submission("publish-flow");
    submit.goal = Goal::Text("publish it".to_owned());
    let task = life.bed.submit("publish-flow").await;
    life.bed.asked(task).await;
    life.bed.tasks.cancel(&life.bed.ada(), task).await.unwrap();
    assert_eq!(life.bed.ended(task).await.status, Status::Canceled);
    life.erase(&About::Task(task)).await.unwrap();
    assert!(matches!(life.bed.tasks.retry(&life.bed.ada(), task).await, Err(TaskError::Erased { .. })));
}

#[tokio::test(start_paused = true)]
async fn evidence_of_an_erased_task_states_what_is_gone() {
    let life = Life::new(Keep::default()).await;
    let task = life.ended().await;
    life.erase(&About::Task(task)).await.unwrap();
    let authority = Authority { token_key: json!({ "kty": "EC" }), certificates: Arc::new(Vec::new) };
    let evidence = Evidence::new(life.bed.ports.clone(), life.bed.reconciler.states(), "example.org", authority);
    let wanted = Wanted { task, payloads: true, live_token: false };
    let bundle: Value = serde_json::from_slice(&evidence.export(&life.bed.ada(), &wanted).await.unwrap()).unwrap();
    assert_eq!(bundle["openings"], json!([]));
    let withheld = bundle["withheld"].as_array().unwrap();
    assert!(withheld.len() > 5);
    assert_eq!(bundle["erased"].as_array().unwrap(), withheld, "nothing is left out, and all of it is said to be gone");
    let bare = Wanted { payloads: false, ..wanted };
    let bare: Value = serde_json::from_slice(&evidence.export(&life.bed.ada(), &bare).await.unwrap()).unwrap();
    assert_eq!(bare["erased"], Value::Null, "who leaves it out says nothing of it");
    let noted = life.bed.records().await.iter().find_map(|record| record.decision.clone().filter(|_| record.task == Some(task)));
    let id = noted.unwrap().id;
    assert!(Decisions::new(&life.bed.ports).get(life.bed.tenant(), id).await.unwrap().is_none());
    assert!(life.privacy.is_erased(life.bed.tenant(), PayloadId::from_u128(id.as_u128())).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_has_not_ended_is_not_erased_and_a_reason_is_needed() {
    let life = Life::new(Keep::default()).await;
    let task = life.bed.submit("publish-flow").await;
    life.bed.asked(task).await;
    assert!(matches!(life.erase(&About::Task(task)).await, Err(Error::Unfinished { count: 1, .. })));
    let absent = TaskId::from_u128(7);
    assert!(matches!(life.erase(&About::Task(absent)).await, Err(Error::NotFound { .. })));
    for reason in [String::new(), "x".repeat(4_097)] {
        let refused = life.privacy.erase(&life.bed.ada(), &About::Task(task), &reason, false).await;
        assert!(matches!(refused, Err(Error::Reason { .. })));
    }
    assert!(life.records("privacy.erase_task").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_human_is_erased_with_their_tasks_and_what_they_said_about_others() {
    let life = Life::new(Keep::default()).await;
    let (task, bob) = (life.ended().await, life.bed.disk.bob.clone());
    let about = |human: &Human| About::Human(Box::new(human.clone()));
    assert!(matches!(life.erase(&about(&bob)).await, Err(Error::StillThere { .. })));
    let gone = Human { standing: Standing::Offboarded, ..bob };
    life.bed.disk.store.put_human(gone.clone(), life.bed.disk.world.record(Kind::Rpc, "human.offboard").into()).await.unwrap();
    let before = life.left(task, None).await;
    life.erase(&about(&gone)).await.unwrap();
    assert_eq!(life.left(task, Some(Class::Statements)).await, 0, "what Bob said");
    assert_eq!(life.left(task, None).await, before - 1, "and nothing that is Ada's");
    let ada = Human { standing: Standing::Offboarded, ..life.bed.disk.world.human.clone() };
    life.erase(&about(&ada)).await.unwrap();
    assert_eq!(life.left(task, None).await, 0);
    life.bed.check_records(task).await;
    let row = life.bed.disk.store.human_by_uid(gone.uid).await.unwrap().unwrap();
    assert_eq!((row.name, row.login_key, row.enrolment, row.groups), (gone.name, String::new(), None, Vec::new()));
    life.privacy.run_once().await.unwrap();
    assert_eq!(life.records("privacy.human_stripped").await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_hold_stops_erasure_until_it_is_lifted_and_names_itself() {
    let keep = Keep { results: days(1), ..Keep::default() };
    let mut life = Life::new(keep).await;
    let (task, ada) = (life.ended().await, life.bed.ada());
    let abouts = [About::Task(task), About::Human(Box::new(life.bed.disk.world.human.clone())), About::Tenant];
    for about in &abouts {
        let hold = life.privacy.hold(&ada, about, "the court wants it", false).await.unwrap().now;
        let refused = life.erase(&About::Task(task)).await;
        assert!(matches!(refused, Err(Error::Held { hold: named, .. }) if named == hold.id), "{about:?}");
        let [placed] = life.privacy.holds().await.unwrap().try_into().unwrap();
        assert_eq!((placed.hold.id, placed.reason.as_deref()), (hold.id, Some("the court wants it")));
        life = life.later(2, keep).await;
        life.privacy.run_once().await.unwrap();
        assert!(life.left(task, Some(Class::Results)).await > 0, "nor by age: {about:?}");
        life.privacy.lift(&ada, hold.id, "the court is done", false).await.unwrap();
        assert!(matches!(life.privacy.lift(&ada, hold.id, "again", false).await, Err(Error::NotFound { .. })));
    }
    life.privacy.run_once().await.unwrap();
    assert_eq!(life.left(task, Some(Class::Results)).await, 0, "passes look again at what was held");
    assert_eq!((life.records("privacy.hold").await.len(), life.records("privacy.lift").await.len()), (3, 3));
    life.erase(&About::Task(task)).await.unwrap();
    assert_eq!(life.left(task, None).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_is_one_request() {
    let life = Life::new(Keep::default()).await;
    let (task, caller) = (life.ended().await, keyed(life.bed.ada(), "k"));
    let erase = async |reason| life.privacy.erase(&caller, &About::Task(task), reason, false).await;
    let first = erase("once").await.unwrap();
    let again = erase("once").await.unwrap();
    assert!(first.audited && !again.audited && first.now.id == again.now.id);
    assert!(matches!(erase("another").await, Err(Error::Change(scalbotics_runtime::ChangeError::KeyReused))));
    let hold = async |reason| life.privacy.hold(&caller, &About::Task(task), reason, false).await;
    assert_eq!(hold("h").await.unwrap().now.id, hold("h").await.unwrap().now.id);
    assert_eq!(life.records("privacy.hold").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_class_goes_when_its_time_is_over_with_one_record_a_pass() {
    let keep = Keep { results: days(2), goals: days(4), ..Keep::default() };
    let mut life = Life::new(keep).await;
    let (first, second) = (life.ended().await, life.ended().await);
    life.privacy.run_once().await.unwrap();
    assert!(life.left(first, Some(Class::Results)).await > 0 && life.records("privacy.aged").await.is_empty());
    life = life.later(3, keep).await;
    life.privacy.run_once().await.unwrap();
    for task in [first, second] {
        assert_eq!(life.left(task, Some(Class::Results)).await, 0);
        assert!(life.left(task, Some(Class::Goals)).await > 0);
    }
    let [record] = life.records("privacy.aged").await.try_into().unwrap();
    assert!(record.target.unwrap().starts_with("results: "), "one record for both tasks");
    life.privacy.run_once().await.unwrap();
    assert_eq!(life.records("privacy.aged").await.len(), 1, "a pass that finds nothing says nothing");
    life = life.later(3, keep).await;
    let waiting = life.bed.submit("publish-flow").await;
    life.privacy.run_once().await.unwrap();
    for task in [first, second] {
        assert_eq!((life.left(task, Some(Class::Goals)).await, life.left(task, Some(Class::Arguments)).await > 0), (0, true));
    }
    assert!(life.left(waiting, Some(Class::Goals)).await > 0, "what has not ended is kept");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumped_erases_nothing_until_somebody_believes_it() {
    let keep = Keep { results: days(30), ..Keep::default() };
    let life = Life::new(keep).await;
    let task = life.ended().await;
    life.privacy.run_once().await.unwrap();
    let future = life.bed.ports.clock.now().plus_ms(3_650 * DAY_MS);
    let mut life = life.after(future, keep).await;
    for _ in 0..2 {
        life.privacy.run_once().await.unwrap();
        assert!(life.left(task, Some(Class::Results)).await > 0);
        assert_eq!(life.records("privacy.clock_jumped").await.len(), 1, "said once");
        assert!(life.privacy.standing().await.unwrap().marks.jumped_at.is_some());
        // Whatever is written under the wrong clock is no evidence at the next start.
        life.bed.submit("publish-flow").await;
        life = life.restarted(keep).await;
    }
    life.privacy.accept_clock(&life.bed.ada()).await.unwrap();
    life.privacy.run_once().await.unwrap();
    assert_eq!(life.left(task, Some(Class::Results)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_comes_back_is_believed_again() {
    let keep = Keep { results: days(30), ..Keep::default() };
    let life = Life::new(keep).await;
    life.ended().await;
    life.privacy.run_once().await.unwrap();
    let now = life.bed.ports.clock.now();
    let life = life.after(now.plus_ms(400 * DAY_MS), keep).await;
    life.privacy.run_once().await.unwrap();
    let life = life.after(now.plus_ms(DAY_MS), keep).await;
    life.privacy.run_once().await.unwrap();
    assert_eq!(life.privacy.standing().await.unwrap().marks.jumped_at, None);
}

async fn sealed(life: &Life, id: PayloadId) -> Sealed {
    PayloadStore::get(life.bed.disk.store.as_ref(), life.bed.tenant(), id).await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn sem_7_2_backups_forget_when_the_old_key_goes_and_what_is_kept_opens_all_the_time() {
    let mut life = Life::new(Keep::default()).await;
    let (task, other) = (life.ended().await, life.ended().await);
    let goal = |released: Vec<Released>| released.iter().find(|one| one.class == Class::Goals).unwrap().id;
    let (erased, kept) = (goal(life.payloads(task).await), goal(life.payloads(other).await));
    let (in_backup, kept_in_backup) = (sealed(&life, erased).await, sealed(&life, kept).await);
    life.privacy.run_once().await.unwrap();
    assert!(life.cipher.retired(life.bed.tenant()).unwrap().is_empty(), "nothing was erased yet");
    life.erase(&About::Task(task)).await.unwrap();
    life.privacy.run_once().await.unwrap();
    assert_eq!(life.records("privacy.key_rotated").await.len(), 1);
    assert_eq!(life.records("privacy.keys_rewrapped").await.len(), 1);
    let all = life.bed.disk.store.wrapped(life.bed.tenant(), None, 1_000).await.unwrap();
    assert!(
        !all.is_empty() && all.iter().all(|sealed| life.cipher.rewrap(sealed).unwrap().is_none()),
        "every key is wrapped anew"
    );
    assert!(life.cipher.open(&in_backup).is_ok(), "backups are kept for a while");
    for _ in 0..5 {
        life = life.later(5, Keep::default()).await;
        life.privacy.run_once().await.unwrap();
    }
    assert!(life.cipher.open(&in_backup).is_ok());
    life = life.later(6, Keep::default()).await;
    life.privacy.run_once().await.unwrap();
    for backup in [&in_backup, &kept_in_backup] {
        assert_eq!(life.cipher.open(backup), Err(CipherError::KeyGone));
    }
    assert!(life.cipher.open(&sealed(&life, kept).await).is_ok());
    assert_eq!(life.records("privacy.key_destroyed").await.len(), 1);
    assert!(life.bed.tasks.result(&life.bed.ada(), other).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_key_sealed_while_it_was_replaced_outlives_the_old_one() {
    let mut life = Life::new(Keep::default()).await;
    let task = life.ended().await;
    let late = life.cipher.seal(
        life.bed.tenant(),
        &scalbotics_core::payload::Payload { id: PayloadId::from_u128(1), salt: [1; 32], bytes: b"late".to_vec() },
    );
    life.erase(&About::Task(task)).await.unwrap();
    life.privacy.run_once().await.unwrap();
    // Prepared before the rotation, committed behind its last step.
    let late = late.unwrap();
    let change = scalbotics_core::ports::PrivacyChange {
        payloads: vec![late],
        ..scalbotics_core::ports::PrivacyChange::of(life.bed.tenant().clone())
    };
    life.bed.disk.store.change(change).await.unwrap();
    for _ in 0..7 {
        life = life.later(6, Keep::default()).await;
        life.privacy.run_once().await.unwrap();
    }
    assert!(life.cipher.retired(life.bed.tenant()).unwrap().is_empty());
    assert!(life.cipher.open(&sealed(&life, PayloadId::from_u128(1)).await).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_interrupted_is_finished_at_the_next_start() {
    let life = Life::new(Keep::default()).await;
    let task = life.ended().await;
    // The order is durable, and nothing of it is done.
    let reason = life.cipher.seal(
        life.bed.tenant(),
        &scalbotics_core::payload::Payload { id: PayloadId::from_u128(2), salt: [1; 32], bytes: b"why".to_vec() },
    );
    let reason = reason.unwrap();
    let order = scalbotics_core::privacy::Erasure {
        id: scalbotics_core::ids::ErasureId::from_u128(3),
        tenant: life.bed.tenant().clone(),
        scope: Scope::Task(task),
        by: scalbotics_core::principal::Uid::Daemon,
        at: life.bed.ports.clock.now(),
        reason: reason.reference,
        destroyed: 1,
        done_at: None,
    };
    let change = scalbotics_core::ports::PrivacyChange {
        erasure: Some(order),
        payloads: vec![reason],
        ..scalbotics_core::ports::PrivacyChange::of(life.bed.tenant().clone())
    };
    life.bed.disk.store.change(change).await.unwrap();
    let life = life.restarted(Keep::default()).await;
    life.privacy.run_once().await.unwrap();
    assert_eq!(life.left(task, None).await, 0);
    assert_eq!(life.records("privacy.erased").await.len(), 1);
    life.privacy.run_once().await.unwrap();
    assert_eq!(life.records("privacy.erased").await.len(), 1, "once is enough");
    assert!(!life.bed.events(task).await.iter().any(|event| matches!(event, Event::Failed { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_somebody_said_is_held_with_the_task_and_with_who_said_it() {
    let keep = Keep { reasons: days(1), ..Keep::default() };
    let mut life = Life::new(keep).await;
    let (task, ada) = (life.ended().await, life.bed.ada());
    let bob = Human { standing: Standing::Offboarded, ..life.bed.disk.bob.clone() };
    life.bed.disk.store.put_human(bob.clone(), life.bed.disk.world.record(Kind::Rpc, "human.offboard").into()).await.unwrap();
    let bob = About::Human(Box::new(bob));
    let of_ada = About::Human(Box::new(life.bed.disk.world.human.clone()));
    for about in [About::Task(task), of_ada] {
        let hold = life.privacy.hold(&ada, &about, "the approval has to be proven", false).await.unwrap().now;
        let refused = life.erase(&bob).await;
        assert!(matches!(refused, Err(Error::Held { hold: named, .. }) if named == hold.id), "what he said is of {about:?}");
        life.privacy.lift(&ada, hold.id, "proven", false).await.unwrap();
    }
    let hold = life.privacy.hold(&ada, &bob, "the court wants to hear him", false).await.unwrap().now;
    let refused = life.erase(&About::Task(task)).await;
    assert!(matches!(refused, Err(Error::Held { hold: named, .. }) if named == hold.id), "it has words of his");
    life = life.later(2, keep).await;
    life.privacy.run_once().await.unwrap();
    assert_eq!(life.left(task, Some(Class::Statements)).await, 1, "nor by age");
    life.privacy.lift(&ada, hold.id, "heard", false).await.unwrap();
    life.privacy.run_once().await.unwrap();
    assert_eq!(life.left(task, Some(Class::Statements)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_wrong_keeps_no_later_erasure_from_turning_the_key() {
    let life = Life::new(Keep::default()).await;
    let (one, other, now) = (life.ended().await, life.ended().await, life.bed.ports.clock.now());
    let life = life.after(now.plus_ms(400 * DAY_MS), Keep::default()).await;
    life.erase(&About::Task(one)).await.unwrap();
    life.privacy.run_once().await.unwrap();
    let life = life.after(now.plus_ms(DAY_MS), Keep::default()).await;
    life.erase(&About::Task(other)).await.unwrap();
    life.privacy.run_once().await.unwrap();
    assert_eq!(life.records("privacy.key_rotated").await.len(), 2);
    assert_eq!(life.cipher.retired(life.bed.tenant()).unwrap().len(), 2, "the key that sealed the other is retired too");
    life.privacy.run_once().await.unwrap();
    assert_eq!(life.records("privacy.key_rotated").await.len(), 2, "and rests");
}

#[tokio::test(start_paused = true)]
async fn what_went_by_age_before_a_crash_is_recorded_also_when_everything_is_kept_now() {
    let life = Life::new(Keep::default()).await;
    let marks = scalbotics_core::privacy::Marks { unrecorded: [(Class::Results, 3)].into(), ..Default::default() };
    let change = scalbotics_core::ports::PrivacyChange {
        marks: Some(marks),
        ..scalbotics_core::ports::PrivacyChange::of(life.bed.tenant().clone())
    };
    life.bed.disk.store.change(change).await.unwrap();
    life.privacy.run_once().await.unwrap();
    let [record] = life.records("privacy.aged").await.try_into().unwrap();
    assert_eq!(record.target.as_deref(), Some("results: 3"));
    assert_eq!(life.records("privacy.key_rotated").await.len(), 1, "backups forget it too");
}

#[tokio::test(start_paused = true)]
async fn sem_9_1_an_erasure_forgets_no_other_request() {
    let life = Life::new(Keep::default()).await;
    let submit = async |key: &str| life.bed.tasks.submit(&keyed(life.bed.ada(), key), &submission("publish-flow")).await.unwrap();
    let (first, second) = (submit("1").await.task, submit("10").await.task);
    life.bed.asked(first).await;
    life.bed.tasks.cancel(&life.bed.ada(), first).await.unwrap();
    life.bed.ended(first).await;
    life.erase(&About::Task(first)).await.unwrap();
    assert_eq!(submit("10").await.task, second, "its key begins like that of the one that was erased");
}

#[tokio::test(start_paused = true)]
async fn sem_7_4_nothing_goes_by_itself_while_no_witness_has_confirmed_the_log() {
    let keep = Keep { results: days(1), ..Keep::default() };
    let life = Life::new(keep).await;
    let task = life.ended().await;
    let life = life.later(2, keep).await;
    life.bed.quota.await_witness(true);
    life.privacy.start();
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(life.left(task, Some(Class::Results)).await > 0);
    assert!(life.bed.quota.confirm());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(life.left(task, Some(Class::Results)).await, 0);
}
