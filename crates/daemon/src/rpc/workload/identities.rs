//! Which agents a process is, now.

use std::sync::Arc;

use scalbotics_adapters::attest::{Attestor, Peer};
use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::desired::Snapshot;
use scalbotics_core::in_words;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::workload::{Selectors, Wanted};
use scalbotics_runtime::audit::Unauthenticated;

use crate::rpc::codes;
use crate::rpc::context::Context;
use crate::rpc::convert::store_failure;
use crate::rpc::failure::Failure;

/// Agents that one process may be: each costs a key and a certificate in every response.
const AGENTS_MAX: usize = 32;

/// What is refused to whoever is nobody.
const WHAT: &str = "no identity is given to this process";

/// Tells which agents processes are.
#[derive(Debug)]
pub(super) struct Identities {
    pub(super) context: Arc<Context>,
    attestor: Attestor,
}

impl Identities {
    pub(super) fn new(context: Arc<Context>) -> Self {
        let attestor = Attestor::new(Arc::clone(&context.ports.clock));
        Self { context, attestor }
    }

    /// The agents that the process is and that may act, in order of names; never none.
    ///
    /// # Errors
    /// WORKLOAD_UNKNOWN; NOTHING_IN_FORCE; those of the store.
    pub(super) async fn of(&self, peer: &Arc<Peer>) -> Result<Vec<Agent>, Failure> {
        let found = self.find(peer).await;
        match &found {
            Ok(_) => self.context.metrics.workload_known.add(1),
            Err(failure) => {
                self.context.metrics.workload_unknown.add(1);
                self.context.auditor.unauthenticated(Unauthenticated::Workload);
                let why = failure.parts().why.as_str();
                tracing::info!(pid = peer.pid(), uid = peer.uid(), gid = peer.gid(), why, "process gets no identity");
            }
        }
        found
    }

    async fn find(&self, peer: &Arc<Peer>) -> Result<Vec<Agent>, Failure> {
        let in_force = self.context.states.board().all();
        if in_force.is_empty() {
            return Err(Failure::new(codes::NOTHING_IN_FORCE, WHAT).next("scalbotics status"));
        }
        let workloads = in_force.iter().flat_map(|state| workloads(&state.snapshot));
        let possible: Vec<_> = workloads.filter(|(_, workload)| workload.may_match(peer.uid(), peer.gid())).collect();
        if possible.is_empty() {
            return Err(unknown("no agent's workload is a process of its user and group"));
        }
        let wanted = possible.iter().map(|(_, workload)| Selectors::wanted(workload)).fold(Wanted::default(), Wanted::or);
        let seen = self.attestor.look(peer, wanted).await.map_err(|error| unknown(in_words(&error)))?;
        let named: Vec<_> = possible.into_iter().filter(|(_, workload)| workload.matches(&seen)).map(|(name, _)| name).collect();
        if named.len() > AGENTS_MAX {
            return Err(unknown(format!("it would be more than {AGENTS_MAX} agents at once")));
        }
        let mut agents = Vec::with_capacity(named.len());
        for (tenant, name) in &named {
            if !self.context.is_served(tenant).await? {
                continue;
            }
            let agent = self.context.ports.registry.agent_by_name(tenant, name).await;
            let agent = agent.map_err(|error| store_failure(&error))?;
            agents.extend(agent.filter(|agent| agent.standing == Standing::Active));
        }
        match (agents.is_empty(), named.is_empty()) {
            (false, _) => Ok(agents),
            (true, true) => Err(unknown("its program or its unit is no agent's workload, or could not be seen")),
            (true, false) => Err(unknown("the agent is suspended or offboarded, or its tenant is suspended")),
        }
    }

    /// Whether these agents still may act as they could when they were found.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn are_unchanged(&self, agents: &[Agent]) -> Result<bool, Failure> {
        for agent in agents {
            if !self.context.is_served(&agent.tenant).await? {
                return Ok(false);
            }
            let now = self.context.ports.registry.agent(agent.uid).await.map_err(|error| store_failure(&error))?;
            if now.as_ref() != Some(agent) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The agents of a tenant that are processes of this host.
fn workloads(snapshot: &Snapshot) -> impl Iterator<Item = ((&TenantId, &Name), &Selectors)> {
    let all = snapshot.agents.iter();
    all.filter_map(|(name, agent)| Some(((&snapshot.tenant, name), agent.workload.as_deref()?)))
}

/// What is said to whoever is nobody.
pub(super) fn unknown(why: impl Into<String>) -> Failure {
    Failure::new(codes::WORKLOAD_UNKNOWN, WHAT).why(why).next("scalbotics agent list")
}
