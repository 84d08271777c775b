//! The one place where a permit is made.

use super::{Act, Answer, Decision, Denial, Permit, Request, Ruling, Verdict};
use crate::ids::DecisionId;
use crate::principal::{Chain, Grant};
use crate::tenant::Name;
use crate::time::Timestamp;
use crate::tool::Tier;

/// What is to be decided, with everything that the decision may depend on.
#[derive(Debug)]
pub struct Authorization<'a> {
    /// Id that the decision gets.
    pub id: DecisionId,
    /// Now.
    pub at: Timestamp,
    /// The chain that acts.
    pub chain: &'a Chain,
    /// For a tool call, the tool and tier that every grant must cover; `None` for an RPC, for which none may be over.
    pub tool: Option<(&'a Name, Tier)>,
    /// One question per principal of the chain, in its order.
    pub requests: Vec<Request>,
    /// For each question the answer of every configured engine.
    pub answers: Vec<Vec<Answer>>,
}

/// Decides, and makes the permit when the decision allows.
///
/// Allowed only if the chain is sound, every grant covers the call, and for every principal at least one engine
/// answered, every answer allows, and none met an error.
pub fn authorize<A: Act>(act: A, asked: Authorization<'_>) -> (Decision, Option<Permit<A>>) {
    let ruling = rule(&asked).map_or_else(Ruling::Deny, |()| Ruling::Allow);
    let decision = Decision { id: asked.id, at: asked.at, ruling, requests: asked.requests, answers: asked.answers };
    let permit = decision.allows().then(|| Permit::new(act, decision.id));
    (decision, permit)
}

fn rule(asked: &Authorization<'_>) -> Result<(), Denial> {
    asked.chain.check().map_err(|error| Denial::Chain { message: error.to_string() })?;
    let covers = |grant: &Grant| asked.tool.map_or(grant.holds(asked.at), |(tool, tier)| grant.allows(tool, tier, asked.at));
    if let Some(index) = asked.chain.grants.iter().position(|grant| !covers(grant)) {
        return Err(Denial::Grant { link: index + 1 });
    }
    let principals = &asked.chain.principals;
    if asked.requests.len() != principals.len() || asked.answers.len() != principals.len() {
        return Err(Denial::Unanswered);
    }
    for ((principal, request), answers) in principals.iter().zip(&asked.requests).zip(&asked.answers) {
        if request.principal != *principal || answers.is_empty() {
            return Err(Denial::Unanswered);
        }
        for answer in answers {
            rule_one(request, answer)?;
        }
    }
    Ok(())
}

fn rule_one(request: &Request, answer: &Answer) -> Result<(), Denial> {
    let principal = request.principal.uid;
    if let Some(message) = answer.errors.first() {
        return Err(Denial::Error { principal, message: message.clone() });
    }
    match answer.verdict {
        Verdict::Allow => Ok(()),
        Verdict::Deny => Err(Denial::Policy { principal, engine: answer.engine.clone() }),
    }
}

#[cfg(test)]
mod tests;
