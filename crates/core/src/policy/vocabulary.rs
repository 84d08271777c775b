//! The words that requests share with the policy schema: resources with their attributes, actions and contexts of calls.
//!
//! **Invariant:** an object that does not exist is asked about with empty texts and zeros, so that "may not" and "is
//! not there" are told apart only for those who may (architecture, rule 8).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Decision, Resource};
use crate::approval;
use crate::principal::Uid;
use crate::secret::Facts;
use crate::task::State;
use crate::tenant::{Name, TenantId};
use crate::tool::Definition;

/// The action of calling a tool: `tool/<id>`.
#[must_use]
pub fn tool_action(tool: &Name) -> String {
    format!("tool/{tool}")
}

/// The action that is asked about beside `approval.decide` when an approver would say yes to a call made for themselves; policy
/// permits it or, by default, does not (semantics §5.3a).
pub const SELF_APPROVAL: &str = "approval.self_approval";

/// The context of a tool call: its arguments, the task that it belongs to, and what that one has taken in.
#[must_use]
pub fn tool_context(tool: &Definition, args: Value, state: &State) -> Value {
    let envelope = &state.envelope;
    let workflow = state.path.workflow().map_or("", Name::as_str);
    let task = [envelope.agent_name.as_str(), envelope.team.as_str(), workflow];
    call_context(tool, args, task, &super::taint(state))
}

/// The same of a call that is only asked about: of the agent, team and workflow, and a task with these marks.
///
/// A tool that speaks HTTP has the parts of its target beside; where the arguments hold none they are null, which no engine
/// takes.
#[must_use]
pub fn call_context(tool: &Definition, args: Value, [agent, team, workflow]: [&str; 3], taint: &BTreeSet<&'static str>) -> Value {
    let url = crate::egress::facts(tool, &args);
    let mut context = json!({
        "args": args,
        "task": { "agent": agent, "team": team, "workflow": workflow },
        "taint": taint,
    });
    if let (Value::Object(map), Ok(Some(_)) | Err(_)) = (&mut context, &url) {
        map.insert("url".to_owned(), url.ok().flatten().unwrap_or_default());
    }
    context
}

impl Resource {
    fn new(kind: &str, id: String, attributes: Value) -> Self {
        Self { kind: kind.to_owned(), id, attributes }
    }

    /// A registered tool.
    #[must_use]
    pub fn tool(tool: &Definition) -> Self {
        let attributes = json!({
            "name": tool.id.as_str(),
            "tier": tool.tier.number(),
            "effect": tool.effect,
            "digest": tool.digest,
            "egress": super::egress(tool),
        });
        Self::new("Tool", tool.id.to_string(), attributes)
    }

    /// An agent, by its identity; its team is a group.
    #[must_use]
    pub fn agent(uid: crate::ids::AgentUid, name: &Name, team: &Name) -> Self {
        let attributes = json!({"uid": uid, "name": name.as_str(), "groups": [team.as_str()]});
        Self::new("Agent", uid.to_string(), attributes)
    }

    /// A human as somebody who is administered; as the one who acts they are a principal.
    #[must_use]
    pub fn human(human: &crate::ports::Human) -> Self {
        let attributes = json!({"uid": human.uid, "name": human.name.as_str()});
        Self::new("Account", human.uid.to_string(), attributes)
    }

    /// A service as one that is administered; as the one that acts it is a principal.
    #[must_use]
    pub fn service(service: &crate::service::Service) -> Self {
        let attributes = json!({"uid": service.uid, "name": service.name.as_str()});
        Self::new("Account", service.uid.to_string(), attributes)
    }

    /// A team.
    #[must_use]
    pub fn team(name: &Name) -> Self {
        Self::new("Team", name.to_string(), json!({"name": name.as_str()}))
    }

    /// A secret, of which policy sees the name.
    #[must_use]
    pub fn secret(facts: &Facts) -> Self {
        let attributes = json!({"uid": facts.id, "name": facts.name.as_str()});
        Self::new("Secret", facts.id.to_string(), attributes)
    }

    /// A task.
    #[must_use]
    pub fn task(state: &State) -> Self {
        let envelope = &state.envelope;
        let attributes = json!({
            "tenant": envelope.tenant.as_str(),
            "agent": envelope.agent_name.as_str(),
            "owner": owner(envelope.chain.principals.first().map(|principal| principal.uid)),
            "submitter": owner(envelope.chain.submitter().map(|principal| principal.uid)),
            "status": state.status.as_str(),
        });
        Self::new("Task", envelope.id.to_string(), attributes)
    }

    /// A request for approval.
    #[must_use]
    pub fn approval(request: &approval::Request) -> Self {
        let attributes = json!({
            "tenant": request.tenant.as_str(),
            "tier": request.tier.number(),
            "tool": request.tool.as_str(),
            "agent": request.agent_name.as_str(),
            "requester": owner(request.chain.first().copied()),
        });
        Self::new("Approval", request.id.to_string(), attributes)
    }

    /// A decision.
    #[must_use]
    pub fn decision(decision: &Decision) -> Self {
        let first = decision.requests.first().map(|request| &request.principal);
        let mut attributes = json!({"owner": owner(first.map(|principal| principal.uid))});
        if let (Some(principal), Value::Object(map)) = (first, &mut attributes) {
            map.insert("tenant".to_owned(), principal.tenant.as_str().into());
        }
        Self::new("Decision", decision.id.to_string(), attributes)
    }

    /// The tenant itself: what lists are asked about.
    #[must_use]
    pub fn tenant(tenant: &TenantId) -> Self {
        Self::new("Tenant", tenant.to_string(), json!({}))
    }

    /// What the audit log may show of it: its id, or only its kind where the id is no more than a name that a caller made up.
    #[must_use]
    pub fn target(&self) -> String {
        let nothing = |attribute: &str| self.attributes.get(attribute).and_then(Value::as_str) == Some("");
        let made_up = match self.kind.as_str() {
            "Account" | "Agent" | "Secret" => nothing("uid"),
            "Team" => nothing("name"),
            "Tool" => nothing("digest"),
            _ => false,
        };
        if made_up { format!("absent {}", self.kind.to_lowercase()) } else { self.id.clone() }
    }

    /// The one object of its kind in a tenant: `AuditLog`, `Repository`, `Session` or `Installation`.
    #[must_use]
    pub fn only(kind: &str, tenant: &TenantId) -> Self {
        Self::new(kind, tenant.to_string(), json!({}))
    }

    /// An object that does not exist, or that the asker's tenant does not have: what is asked before NOT_FOUND.
    #[must_use]
    pub fn absent(kind: &str, id: &str) -> Self {
        let attributes = match kind {
            "Team" => json!({"name": ""}),
            "Account" | "Agent" | "Secret" => json!({"uid": "", "name": ""}),
            "Tool" => json!({"name": "", "tier": 0, "effect": "", "digest": "", "egress": ""}),
            "Task" => json!({"agent": "", "owner": "", "submitter": "", "status": ""}),
            "Approval" => json!({"tier": 0, "tool": "", "agent": "", "requester": ""}),
            "Decision" => json!({"owner": ""}),
            _ => json!({}),
        };
        Self::new(kind, id.to_owned(), attributes)
    }
}

fn owner(uid: Option<Uid>) -> String {
    uid.map(|uid| uid.to_string()).unwrap_or_default()
}
