//! Why a decision fell as it did, and what would change it: data for people, made from the decision alone.
//!
//! **Invariant:** pure and total: every stored decision can be explained, whatever it holds, and an explanation never
//! names a value of the call's arguments.

use serde::Serialize;

use super::{Answer, Deciding, Decision, Denial, Request, Ruling, Verdict};
use crate::ids::DecisionId;
use crate::principal::Uid;
use crate::tenant::Name;
use crate::time::Timestamp;

/// How one principal of the chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Every engine that was asked allows.
    Permitted,
    /// A rule forbids.
    Forbidden,
    /// No rule permits.
    NotPermitted,
    /// An engine met an error, which denies.
    Failed,
    /// No engine answered.
    Unanswered,
}

/// What one engine said about one principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Voice {
    /// The engine.
    pub engine: String,
    /// How the principal stands with it.
    pub standing: Standing,
    /// The rules that determined it, with file and line; empty where none did.
    pub rules: Vec<Deciding>,
    /// Errors that it met.
    pub errors: Vec<String>,
}

/// One principal of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Who.
    pub principal: Uid,
    /// Name within the tenant.
    pub name: Name,
    /// The groups that rules could refer to.
    pub groups: Vec<Name>,
    /// The worst of what the engines say.
    pub standing: Standing,
    /// What each engine says.
    pub voices: Vec<Voice>,
}

/// A decision, explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The decision.
    pub decision: DecisionId,
    /// When it was made.
    pub at: Timestamp,
    /// The action that was asked about.
    pub action: String,
    /// What it was to be done to, as `Tool fs.read`.
    pub resource: String,
    /// The ruling.
    pub ruling: Ruling,
    /// The chain from the human on: the act is allowed only where every link is permitted.
    pub links: Vec<Link>,
    /// What decided, in one sentence.
    pub why: String,
    /// What would make it allowed, one sentence each; empty for an allowed act.
    pub remedies: Vec<String>,
}

/// Explains `decision`.
#[must_use]
pub fn explain(decision: &Decision) -> Explanation {
    let unanswered: &[Answer] = &[];
    let answers = decision.answers.iter().map(Vec::as_slice).chain(std::iter::repeat(unanswered));
    let links: Vec<Link> = decision.requests.iter().zip(answers).map(|(request, answers)| link(request, answers)).collect();
    let (action, resource) = match decision.requests.first() {
        Some(request) => (request.action.clone(), format!("{} {}", request.resource.kind, request.resource.id)),
        None => (String::new(), String::new()),
    };
    let (why, remedies) = match &decision.ruling {
        Ruling::Allow => ("every principal of the chain is permitted and every grant covers it".to_owned(), Vec::new()),
        Ruling::Deny(denial) => (why(denial, &links), remedies(denial, &action, &resource, &links)),
    };
    Explanation {
        decision: decision.id,
        at: decision.at,
        action,
        resource,
        ruling: decision.ruling.clone(),
        links,
        why,
        remedies,
    }
}

fn link(request: &Request, answers: &[Answer]) -> Link {
    let voices: Vec<Voice> = answers.iter().map(voice).collect();
    let worst = voices.iter().map(|voice| voice.standing).max_by_key(|standing| severity(*standing));
    Link {
        principal: request.principal.uid,
        name: request.principal.name.clone(),
        groups: request.principal.groups.clone(),
        standing: worst.unwrap_or(Standing::Unanswered),
        voices,
    }
}

fn voice(answer: &Answer) -> Voice {
    let standing = match answer.verdict {
        Verdict::Allow | Verdict::Deny if !answer.errors.is_empty() => Standing::Failed,
        Verdict::Allow => Standing::Permitted,
        Verdict::Deny if answer.deciding.is_empty() => Standing::NotPermitted,
        Verdict::Deny => Standing::Forbidden,
    };
    Voice { engine: answer.engine.clone(), standing, rules: answer.deciding.clone(), errors: answer.errors.clone() }
}

const fn severity(standing: Standing) -> u8 {
    match standing {
        Standing::Permitted => 0,
        Standing::NotPermitted => 1,
        Standing::Forbidden => 2,
        Standing::Failed => 3,
        Standing::Unanswered => 4,
    }
}

fn why(denial: &Denial, links: &[Link]) -> String {
    match denial {
        Denial::Policy { principal, engine } => {
            let rules = links.iter().filter(|link| link.principal == *principal).flat_map(|link| &link.voices);
            let rules: Vec<String> = rules
                .filter(|voice| voice.engine == *engine && voice.standing == Standing::Forbidden)
                .flat_map(|voice| voice.rules.iter().map(rule))
                .collect();
            let who = called(*principal, links);
            if rules.is_empty() {
                format!("no rule permits it for {who}")
            } else {
                format!("{} forbids it for {who}", rules.join(", "))
            }
        }
        Denial::Error { principal, .. } => {
            format!("policy could not be evaluated for {}, which denies", called(*principal, links))
        }
        Denial::Grant { link } => format!("the grant of link {link} does not cover it, or is over"),
        Denial::Chain { message } => message.clone(),
        Denial::Unanswered => "no engine answered for every principal of the chain".to_owned(),
    }
}

fn remedies(denial: &Denial, action: &str, resource: &str, links: &[Link]) -> Vec<String> {
    let mut remedies = match denial {
        Denial::Grant { link } => vec![format!("a grant for link {link} that names the tool, reaches its tier and is not over")],
        Denial::Chain { .. } => {
            vec!["a chain from a human to the agent in one tenant, each grant within the one before".to_owned()]
        }
        Denial::Policy { .. } | Denial::Error { .. } | Denial::Unanswered => Vec::new(),
    };
    remedies.extend(links.iter().flat_map(|link| link.voices.iter().flat_map(|voice| remedy(link, voice, action, resource))));
    if links.is_empty() || links.iter().any(|link| link.standing == Standing::Unanswered) {
        remedies.push("a policy engine that answers for every principal of the chain".to_owned());
    }
    remedies
}

fn remedy(link: &Link, voice: &Voice, action: &str, resource: &str) -> Vec<String> {
    let who = called(link.principal, std::slice::from_ref(link));
    match voice.standing {
        Standing::Permitted | Standing::Unanswered => Vec::new(),
        Standing::NotPermitted => vec![format!("a rule that permits `{action}` on `{resource}` for {who}")],
        Standing::Forbidden => voice.rules.iter().map(|r| format!("{} no longer matching {who}", rule(r))).collect(),
        Standing::Failed => voice.errors.iter().map(|error| format!("no error for {who}: {error}")).collect(),
    }
}

fn rule(rule: &Deciding) -> String {
    format!("rule `{}` ({})", rule.policy, rule.place)
}

fn called(principal: Uid, links: &[Link]) -> String {
    let Some(link) = links.iter().find(|link| link.principal == principal) else {
        return format!("{} `{principal}`", principal.kind());
    };
    let groups: Vec<&str> = link.groups.iter().map(Name::as_str).collect();
    if groups.is_empty() {
        format!("{} `{}` (in no group)", principal.kind(), link.name)
    } else {
        format!("{} `{}` (in {})", principal.kind(), link.name, groups.join(", "))
    }
}

#[cfg(test)]
mod tests;
