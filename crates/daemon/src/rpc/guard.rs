//! Authorization: the row's action for every principal of the chain, by every engine in force, before anything is told.
//!
//! **Invariant:** permission is asked before existence: an absent object is asked about with empty attributes, a foreign one
//! like an absent one, and only who is permitted learns that it is not there (architecture, rule 8).

use scalbotics_core::digest::Digest;
use scalbotics_core::identity::svid;
use scalbotics_core::ids::DecisionId;
use scalbotics_core::policy::{
    Answer, Authorization, Deciding, Decision, Denial, Permit, Request, Resource, Ruling, Verdict, authorize, explain,
};
use scalbotics_core::principal::{Principal, Uid};
use scalbotics_core::rpc::{Audit, Method, RateClass};
use scalbotics_core::service;
use scalbotics_core::tenant::TenantId;
use serde_json::json;

use super::call::{Call, Decided};
use super::codes;
use super::context::Context;
use super::failure::Failure;
use super::methods::VERIFY_AUDIT_LOG;
use super::names::Named;

/// What is done to the installation, for all tenants at once: for people of the tenant that operates it alone (semantics §3.7).
const OPERATOR_ACTIONS: [&str; 10] = [
    "identity.activate",
    "identity.authorities",
    "identity.prepare",
    "identity.revoke",
    "identity.taint",
    "tenant.add",
    "tenant.list",
    "tenant.read",
    "tenant.resume",
    "tenant.suspend",
];

impl Context {
    /// Decides the call about `resource`; `named` says whether the caller named another tenant's.
    ///
    /// # Errors
    /// POLICY_DENIED, POLICY_ERROR or NOTHING_IN_FORCE; GRANT_OVER for a service whose grant has ended meanwhile; NOT_FOUND for a foreign name, whatever policy says.
    pub(super) async fn enter<Id: Sync>(
        &self,
        call: &Call,
        resource: Resource,
        named: &Named<Id>,
    ) -> Result<Permit<Method>, Failure> {
        let identity = call.identity()?;
        self.only_reads(call)?;
        let chain = service::chain(&identity.principal, identity.sponsor.as_ref());
        let target = resource.target();
        let action = call.row.method.action.ok_or_else(|| Failure::internal("row without an action", &call.row.method.path))?;
        let question = |principal: &Principal| {
            let (principal, action, resource) = (principal.clone(), action.to_owned(), resource.clone());
            Request { principal, action, resource, context: json!({}) }
        };
        let requests: Vec<Request> = chain.principals.iter().map(question).collect();
        let mut answers = match self.states.current(&identity.principal.tenant) {
            Some(in_force) => in_force.ask(&requests).await,
            None => vec![Vec::new(); requests.len()],
        };
        if let (Some(given), Some(never)) = (answers.last_mut(), self.never(&identity.principal, action)) {
            given.insert(0, never);
        }
        // The same read again is the same decision; whether it still holds is found out anew.
        let before = (call.row.method.audit == Audit::Batched).then(|| self.auditor.made_before(&requests, &answers)).flatten();
        let fresh = || DecisionId::from_u128(self.ports.ids.next());
        let (id, at) = (before.map_or_else(fresh, |(id, _)| id), self.ports.clock.now());
        let asked = Authorization { id, at, chain: &chain, tool: None, requests, answers };
        let (mut decision, permit) = authorize(call.row.method, asked);
        match before {
            Some((_, made_at)) if decision.allows() => decision.at = made_at,
            Some(_) => decision.id = fresh(),
            None => {}
        }
        let is_recorded = before.is_some() && decision.allows();
        let denied = (!decision.allows())
            .then(|| identity.registered.denied(at, self.told(&identity.principal.tenant, denial(&decision))));
        if call.decided.set(Decided { decision, target, is_recorded }).is_err() {
            return Err(Failure::internal("call was decided twice", &call.row.method.path));
        }
        match (named.foreign, permit, denied) {
            (true, _, _) => Err(Failure::not_found(&named.text)),
            (false, Some(permit), _) => Ok(permit),
            (false, None, Some(failure)) => Err(failure),
            (false, None, None) => Err(Failure::internal("decision without a permit", &call.row.method.path)),
        }
    }
}

impl Context {
    /// Refuses what changes something while no witness has confirmed the log (semantics §7.4). A check of the log changes nothing.
    fn only_reads(&self, call: &Call) -> Result<(), Failure> {
        let changes = call.row.method.rate == RateClass::Write && call.row.method.path != VERIFY_AUDIT_LOG.method.path;
        if !changes || !self.quota.is_read_only() {
            return Ok(());
        }
        Err(Failure::new(codes::READS_ONLY, "nothing is changed now").next("scalbotics status"))
    }

    /// With nothing in force nobody may ask the repository why, so the denial itself says it.
    fn told(&self, tenant: &TenantId, denial: Failure) -> Failure {
        if denial.code() != codes::NOTHING_IN_FORCE {
            return denial;
        }
        let Some(seen) = self.tenants.of(tenant).map(|served| served.reconciler.status()) else { return denial };
        let why = match (seen.findings.first(), seen.unreadable) {
            (Some(finding), _) => {
                let more = seen.findings.len().saturating_sub(1);
                let rest = if more == 0 { String::new() } else { format!(" (and {more} more)") };
                format!("no commit was ever good, and commit {} is refused: {finding}{rest}", seen.head.unwrap_or_default())
            }
            (None, Some(unreadable)) => format!("the repository of desired state cannot be read: {unreadable}"),
            (None, None) => return denial,
        };
        denial.why(why).next("mend it in the repository; the daemon looks again every few seconds")
    }
}

impl Context {
    /// The denial of what the caller may never ask, whatever the policies of their tenant permit.
    fn never(&self, principal: &Principal, action: &str) -> Option<Answer> {
        let is_foreign = principal.tenant != self.installation.tenant && OPERATOR_ACTIONS.contains(&action);
        let (engine, tag) = ("installation", "scalbotics/never-for-tenants/v1");
        let tenants = is_foreign.then(|| denied_by((engine, tag), "installation-verbs-are-its-operators", action));
        tenants.or_else(|| never(principal, action))
    }
}

/// The denial of what no service or no agent may ask, whatever the policies of the installation permit it.
fn never(principal: &Principal, action: &str) -> Option<Answer> {
    let (engine, tag, policy, actions): (_, _, _, &[&str]) = match principal.uid {
        Uid::Service(_) => ("service", "scalbotics/never-for-services/v1", "services-only-work-with-tasks", &service::ACTIONS),
        Uid::Agent(_) => ("agent", "scalbotics/never-for-agents/v1", "agents-only-look-at-what-is-theirs", &svid::ACTIONS),
        Uid::Human(_) | Uid::Daemon => return None,
    };
    if actions.contains(&action) {
        return None;
    }
    Some(denied_by((engine, tag), policy, action))
}

/// A denial by a rule that is built in.
fn denied_by((engine, tag): (&str, &str), policy: &str, action: &str) -> Answer {
    let fact = Digest::of_parts(tag, &[action.as_bytes()]);
    let rule = Deciding { policy: policy.to_owned(), place: "built in".to_owned() };
    Answer {
        engine: engine.to_owned(),
        bundle: fact,
        slice: fact,
        verdict: Verdict::Deny,
        deciding: vec![rule],
        errors: Vec::new(),
    }
}

/// A denial as its caller may read it.
fn denial(decision: &Decision) -> Failure {
    let explanation = explain(decision);
    let who = explanation.links.last().map(|link| link.name.to_string()).unwrap_or_default();
    let what = format!("`{who}` may not do `{}` on {}", explanation.action, explanation.resource);
    let code = match &decision.ruling {
        Ruling::Deny(Denial::Error { .. }) => codes::POLICY_ERROR,
        Ruling::Deny(Denial::Unanswered) => codes::NOTHING_IN_FORCE,
        Ruling::Allow | Ruling::Deny(Denial::Policy { .. } | Denial::Grant { .. } | Denial::Chain { .. }) => codes::POLICY_DENIED,
    };
    let next = match &decision.ruling {
        Ruling::Deny(Denial::Unanswered) => "scalbotics doctor".to_owned(),
        Ruling::Allow
        | Ruling::Deny(Denial::Error { .. } | Denial::Policy { .. } | Denial::Grant { .. } | Denial::Chain { .. }) => {
            let explain = format!("scalbotics policy explain {}", decision.id);
            // Neither a service nor an agent may ask why.
            match decision.requests.last().map(|request| request.principal.uid) {
                Some(Uid::Service(_)) => format!("ask the human who sponsors the service to run `{explain}`"),
                Some(Uid::Agent(_)) => format!("ask the human who let the agent join to run `{explain}`"),
                Some(Uid::Human(_) | Uid::Daemon) | None => explain,
            }
        }
    };
    Failure::new(code, what).why(explanation.why).next(next).decision(decision.id.to_string())
}
