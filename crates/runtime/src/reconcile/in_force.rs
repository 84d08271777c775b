//! What is in force: one commit's snapshot, and the policy engines that were built from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use scalbotics_core::desired::{Finding, Snapshot};
use scalbotics_core::policy::{Answer, Request};
use scalbotics_core::ports::{PolicyEngine, RawFiles};
use scalbotics_core::tenant::Name;
use scalbotics_core::tool::Definition;

/// One commit's state with its engines; immutable, shared and swapped as a whole.
#[derive(Debug)]
pub struct InForce {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Every configured engine; all must allow.
    pub engines: Vec<Arc<dyn PolicyEngine>>,
    /// The tenant's own tools and the built-in ones.
    pub tools: BTreeMap<Name, Arc<Definition>>,
}

impl InForce {
    /// Joins a snapshot and its engines.
    #[must_use]
    pub fn new(snapshot: Snapshot, engines: Vec<Arc<dyn PolicyEngine>>) -> Self {
        let tools = snapshot.tools_with_builtins();
        Self { snapshot, engines, tools }
    }

    /// For each question the answers of all engines, as `authorize` wants them.
    pub async fn ask(&self, requests: &[Request]) -> Vec<Vec<Answer>> {
        let mut all = Vec::with_capacity(requests.len());
        for request in requests {
            let mut answers = Vec::with_capacity(self.engines.len());
            for engine in &self.engines {
                answers.push(engine.evaluate(request).await);
            }
            all.push(answers);
        }
        all
    }
}

/// Makes a commit's files into a state that can be in force; composed by the daemon from its adapters.
pub trait Compiler: Send + Sync + std::fmt::Debug {
    /// Reads, checks and compiles. May take a second of CPU; called off the async threads.
    ///
    /// # Errors
    /// All findings; at least one.
    fn compile(&self, files: RawFiles) -> Result<InForce, Vec<Finding>>;
}
