//! A whole runtime over fakes.

use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::approval::{Answer, Reply, Statement};
use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::ids::{ApprovalId, DecisionId, HumanUid, RequestId, TaskId};
use scalbotics_core::outside::ClaimsAge;
use scalbotics_core::policy::Decision;
use scalbotics_core::ports::{AuditLog, AuditQuery, Clock, Human, IdSource, PayloadCipher, PayloadStore, Registry};
use scalbotics_core::principal::Uid;
use scalbotics_core::task::{Event, State, Status, fold};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_runtime::approval::{Service as Approvals, Shown, SignedAnswer};
use scalbotics_runtime::audit::Quota;
use scalbotics_runtime::metrics::Metrics;
use scalbotics_runtime::reconcile::{Followed, Reconciler};
use scalbotics_runtime::task::{Goal, Limits, Service as Tasks, Submit};
use scalbotics_runtime::{Caller, Decisions, Ports, Supervisor};
use scalbotics_testkit::fixture::World;
use scalbotics_testkit::{MemoryStore, PlainCipher, Scripted, ScriptedTools, SeededIds};
use serde_json::{Value, json};

use super::fakes::{ConstantSigner, Crash, CrashingLog, CrashingTools, NameVerifier, TokioClock, signature};
use super::repo::{JsonCompiler, Repo, name, standard};

/// What survives a crash.
#[derive(Debug, Clone)]
pub struct Disk {
    pub store: Arc<MemoryStore>,
    pub tools: Arc<ScriptedTools>,
    pub engine: Arc<Scripted>,
    pub repo: Arc<Repo>,
    pub world: Arc<World>,
    pub ids: Arc<SeededIds>,
    pub bob: Human,
    pub now: Timestamp,
}

impl Disk {
    pub fn new() -> Self {
        let world = World::new("acme", 1);
        let ids = Arc::new(SeededIds::new(2));
        let bob = Human {
            uid: HumanUid::from_u128(ids.next()),
            name: name("bob"),
            groups: vec![name("approvers")],
            enrolment: Some(b"enrolled".to_vec()),
            ..world.human.clone()
        };
        let repo = Repo::default();
        repo.commit("c1", &standard());
        let now = world.clock.now();
        Self {
            store: Arc::default(),
            tools: Arc::default(),
            engine: Arc::default(),
            repo: Arc::new(repo),
            world: Arc::new(world),
            ids,
            bob,
            now,
        }
    }
}

/// One life of the daemon's runtime.
#[derive(Debug)]
pub struct Bed {
    pub disk: Disk,
    pub ports: Ports,
    pub crash: Arc<Crash>,
    pub metrics: Arc<Metrics>,
    pub quota: Arc<Quota>,
    pub supervisor: Supervisor,
    pub followed: Followed,
    pub reconciler: Arc<Reconciler>,
    pub tasks: Tasks,
    pub approvals: Approvals,
}

impl Bed {
    /// A first life.
    pub async fn new() -> Self {
        Self::on(Disk::new(), Crash::at(None)).await
    }

    /// A life on what is there, which stops where `crash` says.
    pub async fn on(disk: Disk, crash: Arc<Crash>) -> Self {
        Self::over(disk, crash, |_, _| {}).await
    }

    /// The same, over ports that were changed.
    pub async fn over(disk: Disk, crash: Arc<Crash>, change: impl FnOnce(&mut Ports, &mut Followed)) -> Self {
        let clock = Arc::new(TokioClock::at(disk.now));
        if disk.store.agent(disk.world.agent.uid).await.unwrap().is_none() {
            disk.world.register_tenant(disk.store.as_ref()).await.unwrap();
            disk.world.register(disk.store.as_ref()).await.unwrap();
            disk.store.put_human(disk.bob.clone(), disk.world.record(Kind::Rpc, "human.add").into()).await.unwrap();
        }
        let mut ports = Ports {
            task_log: Arc::new(CrashingLog { inner: Arc::clone(&disk.store), crash: Arc::clone(&crash) }),
            audit_log: disk.store.clone(),
            audit_search: disk.store.clone(),
            audit_tree: disk.store.clone(),
            payload_store: disk.store.clone(),
            approval_store: disk.store.clone(),
            decision_store: disk.store.clone(),
            tenants: disk.store.clone(),
            registry: disk.store.clone(),
            secret_store: disk.store.clone(),
            roster: disk.store.clone(),
            services: disk.store.clone(),
            svids: disk.store.clone(),
            join_tokens: disk.store.clone(),
            epochs: disk.store.clone(),
            cipher: Arc::new(PlainCipher),
            clock,
            ids: disk.ids.clone(),
            tools: Arc::new(CrashingTools { inner: Arc::clone(&disk.tools), crash: Arc::clone(&crash) }),
            signer: Arc::new(ConstantSigner),
            statement_verifier: Arc::new(NameVerifier),
        };
        let compiler = Arc::new(JsonCompiler { tenant: disk.world.tenant.clone(), engine: disk.engine.clone() });
        let mut followed = Followed { tenant: disk.world.tenant.clone(), source: disk.repo.clone(), compiler };
        change(&mut ports, &mut followed);
        let metrics = Arc::new(Metrics::default());
        let quota = Arc::new(Quota::default());
        let supervisor = Supervisor::new(Arc::clone(&metrics));
        let reconciler = Reconciler::new(ports.clone(), followed.clone(), Arc::clone(&metrics));
        reconciler.start(&supervisor).await;
        let terms = (Arc::clone(&quota), ClaimsAge::default());
        let tasks = Tasks::start(ports.clone(), reconciler.states(), supervisor.clone(), Arc::clone(&metrics), terms);
        let approvals = Approvals::new(ports.clone(), &tasks, "example.org");
        tasks.recover().await.unwrap();
        Self { disk, ports, crash, metrics, quota, supervisor, followed, reconciler, tasks, approvals }
    }

    pub fn tenant(&self) -> &TenantId {
        &self.disk.world.tenant
    }

    pub fn human(&self, human: &Human) -> Caller {
        Caller {
            principal: human.principal(),
            sponsor: None,
            token: None,
            request: RequestId::from_u128(self.disk.ids.next()),
            trace: None,
            decision: None,
            repeat_key: None,
        }
    }

    pub fn ada(&self) -> Caller {
        self.human(&self.disk.world.human)
    }

    pub fn bob(&self) -> Caller {
        self.human(&self.disk.bob)
    }

    /// Submits a workflow of `clerk` as Ada.
    pub async fn submit(&self, workflow: &str) -> TaskId {
        self.tasks.submit(&self.ada(), &submission(workflow)).await.unwrap().task
    }

    pub async fn state(&self, task: TaskId) -> State {
        self.ports.task_log.state(self.tenant(), task).await.unwrap().unwrap()
    }

    pub async fn status(&self, task: TaskId) -> Status {
        self.state(task).await.status
    }

    /// Waits in virtual time until `wanted` holds, at most a day.
    pub async fn until(&self, task: TaskId, wanted: impl Fn(&State) -> bool) -> State {
        for _ in 0..86_400 * 4 {
            let state = self.state(task).await;
            if wanted(&state) {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        panic!("it never came to that: {:?}", self.state(task).await);
    }

    pub async fn ended(&self, task: TaskId) -> State {
        self.until(task, |state| state.status.is_final()).await
    }

    /// The approval that the task waits for.
    pub async fn asked(&self, task: TaskId) -> ApprovalId {
        self.until(task, |state| state.status == Status::InputRequired).await;
        let filter = scalbotics_core::ports::ApprovalFilter { limit: 100, ..Default::default() };
        let list = self.approvals.list(&self.ada(), &filter).await.unwrap();
        list.into_iter().find(|request| request.task == task).unwrap().id
    }

    /// The statement that Bob's program would sign.
    pub fn signed(&self, shown: &Shown, answer: Answer) -> SignedAnswer {
        signed_by(&self.disk.bob, shown, answer)
    }

    /// The evidence of the task's one answer.
    pub async fn evidence(&self, task: TaskId) -> Value {
        let statement = self.events(task).await.iter().find_map(|event| match event {
            Event::ApprovalGranted { statement, .. } | Event::ApprovalDenied { statement, .. } => Some(*statement),
            _ => None,
        });
        let sealed = PayloadStore::get(self.disk.store.as_ref(), self.tenant(), statement.unwrap().id).await.unwrap().unwrap();
        serde_json::from_slice(&PlainCipher.open(&sealed).unwrap().bytes).unwrap()
    }

    pub async fn events(&self, task: TaskId) -> Vec<Event> {
        let stored = self.ports.task_log.events(self.tenant(), task, 0, 1_000).await.unwrap();
        stored.into_iter().map(|stored| stored.event).collect()
    }

    pub async fn records(&self) -> Vec<Record> {
        let query = AuditQuery { limit: 1_000, ..AuditQuery::default() };
        let entries = self.disk.store.read(self.tenant(), &query).await.unwrap();
        entries.iter().map(|entry| serde_json::from_slice(&entry.leaf).unwrap()).collect()
    }

    pub async fn decision(&self, id: DecisionId) -> Decision {
        Decisions::new(&self.ports).get(self.tenant(), id).await.unwrap().unwrap()
    }

    /// The stored state is the fold of the journal, and every event has its record (semantics §1.1, §1.2).
    pub async fn check_journal(&self, task: TaskId) {
        let stored = self.ports.task_log.events(self.tenant(), task, 0, 1_000).await.unwrap();
        let folded = fold(stored.iter().map(|stored| (&stored.event, stored.at))).unwrap().unwrap();
        assert_eq!(folded, self.state(task).await);
        let records = self.records().await;
        assert_eq!(records.iter().filter(|record| record.task == Some(task)).count(), stored.len());
    }

    /// The stored state is the fold of the journal, and each event has its numbered record, whatever else was recorded about it.
    pub async fn check_records(&self, task: TaskId) {
        let stored = self.ports.task_log.events(self.tenant(), task, 0, 1_000).await.unwrap();
        let folded = fold(stored.iter().map(|stored| (&stored.event, stored.at))).unwrap().unwrap();
        assert_eq!(folded, self.state(task).await);
        let records = self.records().await;
        let numbered = records.iter().filter(|record| record.task == Some(task) && record.seq.is_some());
        assert_eq!(numbered.count(), stored.len());
    }

    pub async fn suspend(&self) {
        let Agent { uid, tenant, name, epoch, .. } = self.disk.world.agent.clone();
        let agent = Agent { uid, tenant, name, standing: Standing::Suspended, epoch: epoch + 1 };
        self.disk.store.put_agent(agent, self.disk.world.record(Kind::Rpc, "agent.suspend").into()).await.unwrap();
        self.tasks.halt(Uid::Agent(uid));
    }
}

/// The statement that a human's program would sign.
pub fn signed_by(human: &Human, shown: &Shown, answer: Answer) -> SignedAnswer {
    let reply = Reply { approver: human.uid, answer, reason: "looked at it".to_owned() };
    let statement = Statement::of(&shown.request, &shown.trust_domain, shown.contents.clone(), reply);
    SignedAnswer { statement: statement.canonical().unwrap(), signature: signature(human) }
}

pub fn submission(workflow: &str) -> Submit {
    Submit {
        agent: name("clerk"),
        goal: Goal::Workflow(name(workflow)),
        input: json!({"to": "world"}),
        limits: Limits::default(),
        timeout_ms: None,
        priority: 5,
    }
}
