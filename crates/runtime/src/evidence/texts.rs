//! Texts that records name by digest: policies that were asked, and what the tools were.

use std::collections::BTreeSet;
use std::sync::Arc;

use scalbotics_core::audit::Record;
use scalbotics_core::digest::Digest;
use scalbotics_core::evidence::Defined;
use scalbotics_core::ports::AuditEntry;
use scalbotics_core::task::Path;

use super::gather::{Gathered, Gatherer};
use crate::reconcile::InForce;

impl Gatherer<'_> {
    /// The texts of the commit that the task runs under, and of what was in force since; a text that is not had any more is withheld.
    pub(super) async fn texts(&self, records: &[(AuditEntry, Record)], path: &Path, gathered: &mut Gathered) {
        let mut known = self.states.recent(self.tenant);
        known.extend(self.states.at(self.tenant, &path.commit).await);
        policies(records, &known, gathered);
        tools(path, &known, gathered);
    }
}

/// The policies that were asked.
fn policies(records: &[(AuditEntry, Record)], known: &[Arc<InForce>], gathered: &mut Gathered) {
    let notes = records.iter().filter_map(|(_, record)| record.decision.as_ref());
    let wanted: BTreeSet<Digest> = notes.flat_map(|note| note.bundles.iter().copied()).collect();
    for bundle in wanted {
        match known.iter().find(|state| state.snapshot.bundle_digest == bundle) {
            Some(state) => drop(gathered.policies.insert(bundle, state.snapshot.policies.clone())),
            None => drop(gathered.withheld.insert(bundle)),
        }
    }
}

/// The tools that the task was submitted under, and those that it called by arguments that are opened.
fn tools(path: &Path, known: &[Arc<InForce>], gathered: &mut Gathered) {
    let called = gathered.calls.values().map(|called| called.tool_digest);
    let wanted: BTreeSet<Digest> = path.tools.iter().map(|(_, digest)| *digest).chain(called).collect();
    for digest in wanted {
        match known.iter().flat_map(|state| state.tools.values()).find(|tool| tool.digest == digest) {
            Some(tool) => {
                let defined = Defined { tag: tool.kind.digest_tag(), text: Arc::clone(&tool.text) };
                gathered.tools.insert(digest, defined);
            }
            None => drop(gathered.withheld.insert(digest)),
        }
    }
}
