//! Decisions, explained.

use scalbotics_core::ids::DecisionId;
use scalbotics_core::policy::{Decision, Standing, Voice, explain};
use scalbotics_proto::v1;

use super::timestamp;

/// A decision with why and what would change it; `recorded` when it can be asked about by its id.
pub(in crate::rpc) fn decision(decision: &Decision, recorded: bool) -> v1::Decision {
    let explanation = explain(decision);
    let mut answers = Vec::new();
    for link in &explanation.links {
        let wire = |voice: &Voice| v1::Answer {
            principal_kind: link.principal.kind().to_owned(),
            principal: link.name.to_string(),
            engine: voice.engine.clone(),
            allow: voice.standing == Standing::Permitted,
            policies: voice.rules.iter().map(|rule| rule.place.clone()).collect(),
            errors: voice.errors.clone(),
        };
        answers.extend(link.voices.iter().map(wire));
    }
    v1::Decision {
        id: if recorded { decision.id.to_string() } else { String::new() },
        allow: decision.allows(),
        why: explanation.why,
        remedy: explanation.remedies.join("; "),
        action: explanation.action,
        resource: explanation.resource,
        answers,
        time: Some(timestamp(decision.at)),
        erased: false,
    }
}

/// A decision that was erased: the log still shows that it was made.
pub(in crate::rpc) fn erased_decision(id: DecisionId) -> v1::Decision {
    v1::Decision { id: id.to_string(), erased: true, ..v1::Decision::default() }
}
