//! Keepers of checkpoints: witnesses that cosign, hang, lie, fork and come back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use scalbotics_core::approval::Answer;
use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::merkle::{Head, root, verify_consistency};
use scalbotics_core::audit::proof_text::AddCheckpoint;
use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::digest::Digest;
use scalbotics_core::payload::{Payload, Sealed};
use scalbotics_core::ports::{AuditLog, CheckpointKeeper, CipherError, KeepError, Kept, PayloadCipher, StoreError};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Span;
use scalbotics_runtime::approval;
use scalbotics_runtime::audit::{Checkpointer, Keepers, Quota};
use scalbotics_testkit::PlainCipher;

use super::bed::{Bed, Disk};
use super::fakes::Crash;

/// A witness that checks what it is given as a real one does.
#[derive(Debug)]
struct Witness {
    name: &'static str,
    known: Mutex<Head>,
    away: AtomicBool,
    asked: AtomicU64,
}

impl Witness {
    fn new(name: &'static str) -> Arc<Self> {
        let known = Mutex::new(Head { size: 0, root: root(&[]) });
        Arc::new(Self { name, known, away: AtomicBool::new(false), asked: AtomicU64::new(0) })
    }

    fn size(&self) -> u64 {
        self.known.lock().unwrap().size
    }
}

#[async_trait]
impl CheckpointKeeper for Witness {
    fn name(&self) -> &str {
        self.name
    }

    fn is_witness(&self) -> bool {
        true
    }

    fn apart(&self) -> Span {
        Span::from_ms(0)
    }

    async fn keep(&self, request: &AddCheckpoint) -> Result<Kept, KeepError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.away.load(Ordering::Relaxed) {
            return Err(KeepError::Unreachable { source: "away".into() });
        }
        let new = Checkpoint::of_note(&request.note).unwrap();
        let new = Head { size: new.size, root: new.root };
        let mut known = self.known.lock().unwrap();
        if request.old_size != known.size {
            return Err(KeepError::Knows { size: known.size });
        }
        if known.size > 0 && verify_consistency(*known, new, &request.proof).is_err() {
            return Err(KeepError::Refused { why: "422".to_owned() });
        }
        *known = new;
        Ok(Kept::Cosigned { lines: format!("\u{2014} {} AAAAAAAAAAAA\n", self.name) })
    }
}

/// Never answers, or always the same.
#[derive(Debug)]
struct Bad(Option<u64>);

#[async_trait]
impl CheckpointKeeper for Bad {
    fn name(&self) -> &'static str {
        "bad"
    }

    fn is_witness(&self) -> bool {
        true
    }

    fn apart(&self) -> Span {
        Span::from_ms(0)
    }

    async fn keep(&self, _: &AddCheckpoint) -> Result<Kept, KeepError> {
        match self.0 {
            Some(size) => Err(KeepError::Knows { size }),
            None => std::future::pending().await,
        }
    }
}

/// Holds calls of tier 2 from the moment on at which an approval's evidence is sealed.
#[derive(Debug, Default)]
struct Late(OnceLock<Arc<Quota>>, AtomicBool);

impl PayloadCipher for Late {
    fn seal(&self, tenant: &TenantId, payload: &Payload) -> Result<Sealed, CipherError> {
        if let Some(quota) = self.0.get().filter(|_| !self.1.swap(true, Ordering::Relaxed)) {
            quota.hold_risky(true);
        }
        PlainCipher.seal(tenant, payload)
    }

    fn open(&self, sealed: &Sealed) -> Result<Payload, CipherError> {
        PlainCipher.open(sealed)
    }

    fn rewrap(&self, _: &Sealed) -> Result<Option<Vec<u8>>, CipherError> {
        Ok(None)
    }

    fn fingerprint(&self, tenant: &TenantId, bytes: &[u8]) -> Result<Digest, CipherError> {
        PlainCipher.fingerprint(tenant, bytes)
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_approved_before_the_limit_waits_with_its_approval() {
    let late = Arc::new(Late::default());
    let cipher = Arc::clone(&late);
    let bed = Bed::over(Disk::new(), Crash::at(None), |ports, _| ports.cipher = cipher).await;
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    let signed = bed.signed(&shown, Answer::Approve);
    late.0.set(Arc::clone(&bed.quota)).unwrap();
    bed.approvals.decide(&bed.bob(), approval, &signed).await.unwrap();
    seconds(120).await;
    let intents = |records: Vec<Record>| records.into_iter().filter(|record| record.kind == Kind::Intent).count();
    assert_eq!(intents(bed.records().await), 0, "nothing is intended");
    bed.quota.hold_risky(false);
    bed.ended(task).await;
    assert_eq!(intents(bed.records().await), 1);
}

fn start(bed: &Bed, keepers: Vec<Arc<dyn CheckpointKeeper>>, most: Option<u64>) -> Arc<Keepers> {
    let (domain, tenants) = ("example.org".to_owned(), vec![bed.tenant().clone()]);
    let system = TenantId::system();
    let checkpointer = Checkpointer::new(bed.ports.clone(), domain, system.clone(), tenants, Arc::clone(&bed.metrics));
    let checkpointer = Arc::new(checkpointer.minding(Arc::clone(&bed.quota)));
    checkpointer.start(&bed.supervisor);
    let numbers = (Arc::clone(&bed.metrics), Arc::clone(&bed.quota));
    Keepers::start((bed.ports.clone(), system), keepers, most, &checkpointer.signed(), &bed.supervisor, numbers)
}

async fn grow(bed: &Bed, records: usize) {
    let records = (0..records).map(|_| bed.disk.world.record(Kind::Rpc, "task.read")).collect();
    bed.disk.store.append(records, Vec::new()).await.unwrap();
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

/// Names under the newest checkpoint of the installation log, behind its own.
async fn cosigners(bed: &Bed) -> Vec<String> {
    let note = bed.disk.store.head(&TenantId::system()).await.unwrap().checkpoint.unwrap();
    let (_, lines) = note.rsplit_once("\n\n").unwrap();
    lines.lines().skip(1).map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn sem_7_3_each_checkpoint_is_cosigned_and_stored() {
    let bed = Bed::new().await;
    let (one, other) = (Witness::new("w1"), Witness::new("w2"));
    let keepers = start(&bed, vec![one.clone(), other.clone()], None);
    for round in 0..5 {
        grow(&bed, 3).await;
        seconds(12).await;
        let head = bed.disk.store.head(&TenantId::system()).await.unwrap();
        assert_eq!((one.size(), other.size()), (head.size, head.size), "round {round}");
        let mut names = cosigners(&bed).await;
        names.sort_unstable();
        assert_eq!(names, ["w1", "w2"]);
    }
    let asked = one.asked.load(Ordering::Relaxed);
    seconds(60).await;
    assert_eq!(one.asked.load(Ordering::Relaxed), asked, "a log that does not grow is not offered again");
    let outside = keepers.outside();
    assert_eq!((outside.unwitnessed, outside.keepers.iter().filter(|keeper| keeper.trouble.is_some()).count()), (0, 0));
    assert!(outside.keepers.iter().all(|keeper| keeper.size == one.size() && keeper.at.is_some()));
    assert_eq!(bed.metrics.checkpoints_not_kept.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_keeper_that_hangs_or_refuses_delays_nobody() {
    let bed = Bed::new().await;
    let good = Witness::new("good");
    let forked = Witness::new("forked");
    *forked.known.lock().unwrap() = Head { size: 1, root: root(&[]) };
    let bad: Vec<Arc<dyn CheckpointKeeper>> =
        vec![Arc::new(Bad(None)), Arc::new(Bad(Some(0))), Arc::new(Bad(Some(9_999))), forked, good.clone()];
    let keepers = start(&bed, bad, None);
    for _ in 0..6 {
        grow(&bed, 2).await;
        seconds(12).await;
        assert_eq!(good.size(), bed.disk.store.head(&TenantId::system()).await.unwrap().size);
        assert_eq!(cosigners(&bed).await, ["good"]);
    }
    let outside = keepers.outside();
    let troubles: Vec<&str> = outside.keepers.iter().map(|keeper| keeper.trouble.as_deref().unwrap_or("none")).collect();
    assert!(troubles[0].contains("could not be reached"), "{troubles:?}");
    assert_eq!(troubles[1..], ["it knows another history of the log", "it knows the log at size 9999", "422", "none"]);
    assert_eq!(outside.unwitnessed, 0, "one witness is enough");
    bed.supervisor.drain(Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn sem_7_3_beyond_the_limit_tier_2_waits_until_a_witness_cosigned() {
    let bed = Bed::new().await;
    let witness = Witness::new("w1");
    witness.away.store(true, Ordering::Relaxed);
    let keepers = start(&bed, vec![witness.clone()], Some(40));
    // The others go on.
    let pure = bed.submit("pure-flow").await;
    bed.ended(pure).await;
    grow(&bed, 100).await;
    seconds(12).await;
    assert!(keepers.outside().holds());
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    let signed = bed.signed(&shown, Answer::Approve);
    let refused = bed.approvals.decide(&bed.bob(), approval, &signed).await;
    assert!(matches!(refused, Err(approval::Error::Store(StoreError::Unwitnessed))), "{refused:?}");

    witness.away.store(false, Ordering::Relaxed);
    seconds(70).await;
    assert!(!keepers.outside().holds(), "{:?}", keepers.outside());
    bed.approvals.decide(&bed.bob(), approval, &signed).await.unwrap();
    bed.ended(task).await;
}

#[tokio::test(start_paused = true)]
async fn sem_7_4_nothing_is_signed_until_a_witness_has_confirmed_what_was_signed_before() {
    let bed = Bed::new().await;
    let witness = Witness::new("w");
    let before = start(&bed, vec![witness.clone()], None);
    grow(&bed, 3).await;
    seconds(12).await;
    let seen = witness.size();
    assert!(seen > 0 && before.refuted().borrow().is_none());
    // The next start, whose witness is away at first.
    let (store, now) = (Arc::new(bed.disk.store.restarted()), bed.ports.clock.now());
    let disk = Disk { store, now, ..bed.disk.clone() };
    bed.supervisor.drain(Duration::from_secs(5)).await;
    let bed = Bed::over(disk, Crash::at(None), |_, _| ()).await;
    let stored = bed.disk.store.head(&TenantId::system()).await.unwrap();
    bed.quota.await_witness(true);
    witness.away.store(true, Ordering::Relaxed);
    let keepers = start(&bed, vec![witness.clone()], None);
    grow(&bed, 1_500).await;
    seconds(120).await;
    let now = bed.disk.store.head(&TenantId::system()).await.unwrap();
    assert_eq!((now.size, &now.checkpoint), (stored.size, &stored.checkpoint), "no head is written and nothing signed");
    assert!(bed.disk.store.head(bed.tenant()).await.unwrap().checkpoint != now.checkpoint);
    witness.away.store(false, Ordering::Relaxed);
    seconds(90).await;
    assert!(!bed.quota.is_unconfirmed() && !bed.quota.is_read_only());
    assert!(witness.size() > stored.size && keepers.refuted().borrow().is_none(), "all goes on by itself");
}

#[tokio::test(start_paused = true)]
async fn sem_7_4_a_log_without_a_checkpoint_is_refuted_by_a_witness_that_knows_a_longer_one() {
    for unwitnessed in [false, true] {
        let bed = Bed::new().await;
        if !unwitnessed {
            bed.quota.await_witness(false);
        }
        assert!(!bed.quota.is_read_only(), "a new installation is served");
        let keepers = start(&bed, vec![Arc::new(Bad(Some(u64::MAX)))], None);
        grow(&bed, 3).await;
        seconds(30).await;
        assert_eq!(keepers.refuted().borrow().is_some(), !unwitnessed, "unless somebody has said that it does not matter");
    }
    let bed = Bed::new().await;
    bed.quota.await_witness(false);
    let keepers = start(&bed, vec![Witness::new("good")], None);
    grow(&bed, 3).await;
    seconds(30).await;
    assert!(!bed.quota.is_unconfirmed() && keepers.refuted().borrow().is_none());
}
