//! Desired state that never changes in a run: random tools, and random workflows over them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use scalbotics_core::desired::{Agent, Finding, Snapshot, with_builtins};
use scalbotics_core::digest::Digest;
use scalbotics_core::ports::{DesiredError, DesiredSource, PolicyEngine, RawFiles};
use scalbotics_core::task::Budget;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::tool::Tier;
use scalbotics_runtime::reconcile::{Compiler, InForce};

use super::chance::Chance;
use super::flows;

/// The one commit.
const COMMIT: &str = "0123456789012345678901234567890123456789";

/// The repository and its compiler.
#[derive(Debug)]
pub(super) struct Desired {
    snapshot: Snapshot,
    engine: Arc<dyn PolicyEngine>,
}

impl Desired {
    pub(super) fn random(chance: &Chance, tenant: TenantId, engine: Arc<dyn PolicyEngine>) -> Self {
        let tools = flows::tools(chance);
        let all = with_builtins(&tools);
        let workflows = flows::workflows(chance, &all);
        let name = |text: &str| Name::parse(text).unwrap();
        let agent = Agent {
            name: name("clerk"),
            team: name("ops"),
            description: "An agent.".into(),
            tools: all.keys().cloned().collect::<BTreeSet<_>>().into(),
            workflows: workflows.keys().cloned().collect(),
            mounts: Arc::default(),
            programs: Arc::default(),
            budget: Budget::default(),
            model: None,
            tier_max: Tier::Risky,
            bootstrap: Arc::default(),
            skills: Arc::default(),
            workload: None,
        };
        let snapshot = Snapshot {
            tenant,
            commit: COMMIT.to_owned(),
            teams: BTreeMap::new(),
            agents: BTreeMap::from([(agent.name.clone(), Arc::new(agent))]),
            models: BTreeMap::new(),
            tools,
            workflows,
            policies: Vec::new(),
            bundle_digest: Digest::of_bytes(b"bundle"),
        };
        Self { snapshot, engine }
    }

    /// The workflows by name.
    pub(super) fn workflows(&self) -> Vec<Name> {
        self.snapshot.workflows.keys().cloned().collect()
    }

    /// The own tools by name.
    pub(super) fn tools(&self) -> Vec<Name> {
        self.snapshot.tools.keys().cloned().collect()
    }
}

#[async_trait]
impl DesiredSource for Desired {
    async fn head(&self) -> Result<String, DesiredError> {
        Ok(COMMIT.to_owned())
    }

    async fn load(&self, commit: &str) -> Result<RawFiles, DesiredError> {
        Ok(RawFiles { commit: commit.to_owned(), files: BTreeMap::new() })
    }
}

impl Compiler for Desired {
    fn compile(&self, _: RawFiles) -> Result<InForce, Vec<Finding>> {
        Ok(InForce::new(self.snapshot.clone(), vec![Arc::clone(&self.engine)]))
    }
}
