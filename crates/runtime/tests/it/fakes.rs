//! Fakes that only these tests need: virtual time, a signer, a verifier, and ports that stop the world at a chosen moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use scalbotics_core::ids::TaskId;
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{
    Batch, Clock, Committed, EnrolledKey, Human, SignError, Signer, StatementVerifier, Stop, StoreError, StoredAnswer,
    StoredEvent, Summary, TaskFilter, TaskLog, ToolRunner, VerifyError,
};
use scalbotics_core::task::State;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::{Call, Definition, NotDone, Outcome, ResolvedInput, Verification};
use scalbotics_testkit::{MemoryStore, ScriptedTools};
use tokio::sync::Notify;

/// A clock that goes with tokio's time.
#[derive(Debug)]
pub struct TokioClock {
    base: Timestamp,
    start: tokio::time::Instant,
}

impl TokioClock {
    pub fn at(base: Timestamp) -> Self {
        Self { base, start: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.base.plus_ms(u64::try_from(self.start.elapsed().as_millis()).unwrap())
    }
}

/// Signs with a constant.
#[derive(Debug)]
pub struct ConstantSigner;

impl Signer for ConstantSigner {
    fn sign_note(&self, text: &str) -> Result<String, SignError> {
        Ok(format!("{text}\n\u{2014} test AAAAAAAAAAAA\n"))
    }

    fn verifier_key(&self) -> String {
        "test+00000000+AAAA".to_owned()
    }
}

/// Counts the bytes `signed by <name>` as that human's signature.
#[derive(Debug)]
pub struct NameVerifier;

pub fn signature(human: &Human) -> Vec<u8> {
    format!("signed by {}", human.name).into_bytes()
}

impl StatementVerifier for NameVerifier {
    fn verify(&self, human: &Human, _: &[u8], given: &[u8]) -> Result<String, VerifyError> {
        if human.enrolment.is_none() {
            return Err(VerifyError::NotEnrolled { human: human.name.clone(), source: None });
        }
        if given == signature(human) {
            Ok("thumbprint".to_owned())
        } else {
            Err(VerifyError::Signature { human: human.name.clone() })
        }
    }

    /// `<name> <milliseconds>` is a statement that counts.
    fn enrolled(&self, human: &Human, enrolment: &[u8]) -> Result<EnrolledKey, VerifyError> {
        let text = std::str::from_utf8(enrolment).unwrap_or_default();
        let at = text.strip_prefix(human.name.as_str()).and_then(|rest| rest.trim().parse().ok());
        let issued_at = at.map(Timestamp::from_unix_ms);
        let issued_at = issued_at.ok_or_else(|| VerifyError::NotEnrolled { human: human.name.clone(), source: None })?;
        Ok(EnrolledKey { thumbprint: format!("key-{}", issued_at.unix_ms()), issued_at })
    }
}

/// A moment of a run: the n-th passing of a kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    BeforeCommit(usize),
    AfterCommit(usize),
    BeforeRun(usize),
    AfterRun(usize),
    BeforeVerify(usize),
    AfterVerify(usize),
    BeforeProof(usize),
}

/// Where the world stops: nothing passes any more, as if the process were dead.
#[derive(Debug, Default)]
pub struct Crash {
    at: Option<Moment>,
    commits: AtomicUsize,
    runs: AtomicUsize,
    verifies: AtomicUsize,
    proofs: AtomicUsize,
    slow_ms: AtomicU64,
    dead: AtomicBool,
    died: Notify,
}

impl Crash {
    pub fn at(moment: Option<Moment>) -> Arc<Self> {
        Arc::new(Self { at: moment, ..Self::default() })
    }

    /// Returns when the moment came.
    pub async fn died(&self) {
        while !self.dead.load(Ordering::SeqCst) {
            self.died.notified().await;
        }
    }

    /// Every run takes so long from now on, in milliseconds.
    pub fn slow(&self, ms: u64) {
        self.slow_ms.store(ms, Ordering::SeqCst);
    }

    pub fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    async fn pass(&self, moment: Moment) {
        if self.at == Some(moment) {
            self.dead.store(true, Ordering::SeqCst);
            self.died.notify_waiters();
            self.died.notify_one();
        }
        if self.dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

/// The task log of a store, which stops with the world.
#[derive(Debug)]
pub struct CrashingLog {
    pub inner: Arc<MemoryStore>,
    pub crash: Arc<Crash>,
}

#[async_trait]
impl TaskLog for CrashingLog {
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let number = self.crash.commits.fetch_add(1, Ordering::SeqCst);
        self.crash.pass(Moment::BeforeCommit(number)).await;
        let committed = self.inner.commit(batch).await;
        self.crash.pass(Moment::AfterCommit(number)).await;
        committed
    }

    async fn state(&self, tenant: &TenantId, task: TaskId) -> Result<Option<State>, StoreError> {
        self.inner.state(tenant, task).await
    }

    async fn events(&self, tenant: &TenantId, task: TaskId, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        self.inner.events(tenant, task, from, limit).await
    }

    async fn list(&self, tenant: &TenantId, filter: &TaskFilter) -> Result<Vec<Summary>, StoreError> {
        self.inner.list(tenant, filter).await
    }

    async fn unfinished(&self, after: Option<TaskId>, limit: usize) -> Result<Vec<State>, StoreError> {
        self.inner.unfinished(after, limit).await
    }

    async fn answer(&self, key: &str, now: Timestamp) -> Result<Option<StoredAnswer>, StoreError> {
        self.inner.answer(key, now).await
    }
}

/// Scripted tools, which stop with the world.
#[derive(Debug)]
pub struct CrashingTools {
    pub inner: Arc<ScriptedTools>,
    pub crash: Arc<Crash>,
}

#[async_trait]
impl ToolRunner for CrashingTools {
    async fn resolve(&self, tool: &Definition, call: &Call) -> Result<Vec<ResolvedInput>, NotDone> {
        self.inner.resolve(tool, call).await
    }

    async fn run(&self, tool: &Definition, warrant: Warrant<Call>, stop: &dyn Stop) -> Outcome {
        let number = self.crash.runs.fetch_add(1, Ordering::SeqCst);
        self.crash.pass(Moment::BeforeRun(number)).await;
        let outcome = self.inner.run(tool, warrant, stop).await;
        let slow_ms = self.crash.slow_ms.load(Ordering::SeqCst);
        tokio::time::sleep(std::time::Duration::from_millis(slow_ms)).await;
        self.crash.pass(Moment::AfterRun(number)).await;
        outcome
    }

    async fn verify(&self, tool: &Definition, call: &Call) -> (Verification, Option<Vec<u8>>) {
        let number = self.crash.verifies.fetch_add(1, Ordering::SeqCst);
        self.crash.pass(Moment::BeforeVerify(number)).await;
        let answer = self.inner.verify(tool, call).await;
        self.crash.pass(Moment::AfterVerify(number)).await;
        answer
    }

    async fn prove_dead(&self, tool: &Definition, call: &Call, attempt: u32) -> bool {
        let number = self.crash.proofs.fetch_add(1, Ordering::SeqCst);
        self.crash.pass(Moment::BeforeProof(number)).await;
        self.inner.prove_dead(tool, call, attempt).await
    }
}
