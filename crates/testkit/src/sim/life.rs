//! One life of the process: the runtime over ports that fail, from its start to its death.

use std::sync::Arc;

use scalbotics_core::ids::RequestId;
use scalbotics_core::outside::ClaimsAge;
use scalbotics_core::ports::{EnrolledKey, Human, IdSource as _, SignError, Signer, StatementVerifier, VerifyError};
use scalbotics_runtime::approval::Service as Approvals;
use scalbotics_runtime::metrics::Metrics;
use scalbotics_runtime::reconcile::{Followed, Reconciler};
use scalbotics_runtime::task::Service as Tasks;
use scalbotics_runtime::{Caller, Ports, Supervisor};

use super::reads::Reads;
use super::stage::Stage;
use super::task_log::Log;
use super::tools::Hands;
use crate::PlainCipher;

/// The trust domain of every run.
const TRUST_DOMAIN: &str = "example.org";

/// Signs with a constant.
#[derive(Debug)]
struct ConstantSigner;

impl Signer for ConstantSigner {
    fn sign_note(&self, text: &str) -> Result<String, SignError> {
        Ok(format!("{text}\n\u{2014} test AAAAAAAAAAAA\n"))
    }

    fn verifier_key(&self) -> String {
        "test+00000000+AAAA".to_owned()
    }
}

/// What counts as a human's signature.
pub(super) fn signature(human: &Human) -> Vec<u8> {
    format!("signed by {}", human.name).into_bytes()
}

#[derive(Debug)]
struct NameVerifier;

impl StatementVerifier for NameVerifier {
    fn verify(&self, human: &Human, _: &[u8], given: &[u8]) -> Result<String, VerifyError> {
        if given == signature(human) { Ok("key".to_owned()) } else { Err(VerifyError::Signature { human: human.name.clone() }) }
    }

    /// Nobody is enrolled while a run goes on.
    fn enrolled(&self, human: &Human, _: &[u8]) -> Result<EnrolledKey, VerifyError> {
        Err(VerifyError::NotEnrolled { human: human.name.clone(), source: None })
    }
}

/// One life.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) stage: Arc<Stage>,
    pub(super) supervisor: Supervisor,
    pub(super) tasks: Tasks,
    pub(super) approvals: Approvals,
    pub(super) metrics: Arc<Metrics>,
}

impl Life {
    /// Starts the runtime on what is stored, and recovers.
    pub(super) async fn start(stage: Arc<Stage>) -> Self {
        stage.weather.start(true);
        stage.clock.begin(stage.last_commit());
        let store = stage.store();
        let reads = Arc::new(Reads { stage: Arc::clone(&stage), store: Arc::clone(&store) });
        let ports = Ports {
            task_log: Arc::new(Log { stage: Arc::clone(&stage), store: Arc::clone(&store) }),
            audit_log: store.clone(),
            audit_search: store.clone(),
            audit_tree: store.clone(),
            payload_store: reads.clone(),
            approval_store: store.clone(),
            decision_store: store.clone(),
            tenants: store.clone(),
            registry: reads.clone(),
            secret_store: store.clone(),
            roster: store.clone(),
            services: store.clone(),
            svids: store.clone(),
            join_tokens: store.clone(),
            epochs: reads,
            cipher: Arc::new(PlainCipher),
            clock: stage.clock.clone(),
            ids: stage.ids.clone(),
            tools: Arc::new(Hands { stage: Arc::clone(&stage), store: Arc::clone(&store) }),
            signer: Arc::new(ConstantSigner),
            statement_verifier: Arc::new(NameVerifier),
        };
        let metrics = Arc::new(Metrics::default());
        let supervisor = Supervisor::new(Arc::clone(&metrics));
        let (source, compiler) = (stage.desired.clone(), stage.desired.clone());
        let followed = Followed { tenant: stage.world.tenant.clone(), source, compiler };
        let reconciler = Reconciler::new(ports.clone(), followed, Arc::clone(&metrics));
        reconciler.start(&supervisor).await;
        let usual = ClaimsAge::default();
        let ages = stage.claims_age.map_or(usual, |risky| ClaimsAge { risky, ..usual });
        let terms = (Arc::default(), ages);
        let tasks = Tasks::start(ports.clone(), reconciler.states(), supervisor.clone(), Arc::clone(&metrics), terms);
        let approvals = Approvals::new(ports, &tasks, TRUST_DOMAIN);
        stage.weather.start(false);
        let recovered = tasks.recover().await;
        stage.trace.note(format!("life begins, {:?} tasks", recovered.ok()));
        Self { stage, supervisor, tasks, approvals, metrics }
    }

    /// A request of a human.
    pub(super) fn caller(&self, human: &Human) -> Caller {
        Caller {
            principal: human.principal(),
            sponsor: None,
            token: None,
            request: RequestId::from_u128(self.stage.ids.next()),
            trace: None,
            decision: None,
            repeat_key: None,
        }
    }
}
