//! Commitments: what opens them, and that each is opened or named as withheld.

use std::collections::BTreeSet;

use super::submission;
use crate::Refusal;
use crate::base::to_hex;
use crate::bundle::Bundle;
use crate::hash::{self, Hash};
use crate::report::Found;

pub(super) fn check(bundle: &Bundle<'_>) -> Result<Found, Refusal> {
    for (place, opening) in bundle.openings.iter().enumerate() {
        if hash::commitment(&opening.salt, &opening.bytes) != opening.commitment {
            return Err(Refusal::new("commitment", format!("openings[{place}]"), "salt and bytes do not give the commitment"));
        }
    }
    let named = named(bundle);
    let policies: BTreeSet<Hash> = bundle.policies.iter().map(|policies| policies.bundle).collect();
    let tools: BTreeSet<Hash> = bundle.tools.iter().map(|defined| defined.digest).collect();
    let opened: BTreeSet<Hash> = bundle.openings.iter().map(|opening| opening.commitment).collect();
    let withheld: BTreeSet<Hash> = bundle.withheld.iter().copied().collect();
    let all = [(&opened, "openings"), (&withheld, "withheld"), (&policies, "policies"), (&tools, "tools")];
    for (digests, place) in all {
        if let Some(stray) = digests.iter().find(|digest| !named.contains(*digest)) {
            return Err(Refusal::new("commitment", place, format!("no record names {}", to_hex(stray))));
        }
    }
    let known = |digest: &Hash| all.iter().filter(|(digests, _)| digests.contains(digest)).count();
    if let Some(lost) = named.iter().find(|digest| known(digest) != 1) {
        let what = format!("{} is neither opened nor withheld, or both", to_hex(lost));
        return Err(Refusal::new("omitted", "openings", what));
    }
    let mut found = Found::new(format!("{} commitments are opened", opened.len()));
    if let Some(stray) = bundle.erased.iter().find(|digest| !withheld.contains(*digest)) {
        let what = format!("{} is said to be erased, and is not withheld", to_hex(stray));
        return Err(Refusal::new("commitment", "erased", what));
    }
    let (erased, left_out) = (bundle.erased.len(), withheld.len().saturating_sub(bundle.erased.len()));
    for (count, why) in [(left_out, "withheld by the exporter"), (erased, "erased, as the exporter says")] {
        if count > 0 {
            found.not_checked.push(format!("{count} commitments or texts: {why}"));
        }
    }
    Ok(found)
}

/// Every digest that the records and the submission name and that something may open.
fn named(bundle: &Bundle<'_>) -> BTreeSet<Hash> {
    let records = || bundle.records.iter().map(|entry| &entry.record);
    let bundles = records().filter_map(|record| record.decision.as_ref()).flat_map(|note| note.bundles.iter().copied());
    let commitments = records().flat_map(|record| record.commitments().collect::<Vec<_>>());
    let tools =
        bundle.calls.iter().map(|called| called.tool_digest).chain(submission::tools(bundle.submission).map(|(_, tool)| tool));
    commitments.chain(bundles).chain(submission::commitments(bundle.submission)).chain(tools).collect()
}
