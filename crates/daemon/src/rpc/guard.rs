//! Authorization: the row's action for every principal of the chain, by every engine in force, before anything is told.
//!
//! **Invariant:** permission is asked before existence: an absent object is asked about with empty attributes, a foreign one
//! like an absent one, and only who is permitted learns that it is not there (architecture, rule 8).

use scalbotics_core::ids::DecisionId;
use scalbotics_core::policy::{Authorization, Decision, Denial, Permit, Request, Resource, Ruling, authorize, explain};
use scalbotics_core::principal::Chain;
use scalbotics_core::rpc::Method;
use serde_json::json;

use super::call::{Call, Decided};
use super::codes;
use super::context::Context;
use super::failure::Failure;
use super::names::Named;

impl Context {
    /// Decides the call about `resource`; `named` says whether the caller named another tenant's.
    ///
    /// # Errors
    /// POLICY_DENIED, POLICY_ERROR or NOTHING_IN_FORCE; NOT_FOUND for a foreign name, whatever policy says.
    pub(super) async fn enter<Id: Sync>(
        &self,
        call: &Call,
        resource: Resource,
        named: &Named<Id>,
    ) -> Result<Permit<Method>, Failure> {
        let principal = call.identity()?.principal.clone();
        let target = resource.target();
        let action = call.row.method.action.ok_or_else(|| Failure::internal("row without an action", &call.row.method.path))?;
        let request = Request { principal: principal.clone(), action: action.to_owned(), resource, context: json!({}) };
        let requests = vec![request];
        let answers = match self.states.current() {
            Some(in_force) => in_force.ask(&requests).await,
            None => vec![Vec::new()],
        };
        let chain = Chain { principals: vec![principal], grants: Vec::new() };
        let asked = Authorization {
            id: DecisionId::from_u128(self.ports.ids.next()),
            at: self.ports.clock.now(),
            chain: &chain,
            tool: None,
            requests,
            answers,
        };
        let (decision, permit) = authorize(call.row.method, asked);
        let denied = (!decision.allows()).then(|| self.told(denial(&decision)));
        if call.decided.set(Decided { decision, target }).is_err() {
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
    /// With nothing in force nobody may ask the repository why, so the denial itself says it.
    fn told(&self, denial: Failure) -> Failure {
        if denial.code() != codes::NOTHING_IN_FORCE {
            return denial;
        }
        let seen = self.reconciler.status();
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

/// A denial as its caller may read it.
fn denial(decision: &Decision) -> Failure {
    let explanation = explain(decision);
    let who = explanation.links.first().map(|link| link.name.to_string()).unwrap_or_default();
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
            format!("scalbotics policy explain {}", decision.id)
        }
    };
    Failure::new(code, what).why(explanation.why).next(next).decision(decision.id.to_string())
}
