//! Texts of policies: those that were asked, by their digest, with the rules that decided.

use std::collections::BTreeMap;

use crate::Refusal;
use crate::bundle::{Bundle, Policies};
use crate::hash::{self, Hash};
use crate::json::{Document, Value};
use crate::report::Found;

/// Domain tag of the digests of bundles.
const BUNDLE_TAG: &str = "scalbotics/policy-bundle/v1";

pub(super) fn check(bundle: &Bundle<'_>) -> Result<Found, Refusal> {
    let mut known: BTreeMap<Hash, &Policies<'_>> = BTreeMap::new();
    for (place, policies) in bundle.policies.iter().enumerate() {
        let parts = policies.files.iter().flat_map(|(path, text)| [path.as_bytes(), text.as_bytes()]);
        if hash::of_parts(BUNDLE_TAG, parts) != policies.bundle {
            return Err(Refusal::new("policy", format!("policies[{place}]"), "the texts do not give the digest of their bundle"));
        }
        known.insert(policies.bundle, policies);
    }
    let mut withheld = 0_usize;
    for record in bundle.records.iter().map(|entry| &entry.record) {
        let Some(note) = &record.decision else { continue };
        let texts: Vec<&&Policies<'_>> = note.bundles.iter().filter_map(|digest| known.get(digest)).collect();
        if texts.len() < note.bundles.len() {
            withheld += 1;
            continue;
        }
        let places = Document::read(note.policies.as_bytes())?;
        let mut places = places.root().items().into_iter().flatten().filter_map(Value::text);
        let stands = |place: &str| texts.iter().any(|policies| has_line(policies, place));
        if !places.all(|place| stands(&place)) {
            return Err(record.refuse("policy", "a rule that decided it stands in none of the texts"));
        }
    }
    let mut found = Found::new(format!("{} bundles of policies hash to the digests that were asked", known.len()));
    if withheld > 0 {
        found.not_checked.push(format!("the texts of the policies behind {withheld} decisions: not in the bundle"));
    }
    Ok(found)
}

/// Whether a place such as `policies/ops.cedar:14` is one of these texts.
fn has_line(policies: &Policies<'_>, place: &str) -> bool {
    let Some((path, line)) = place.rsplit_once(':') else { return false };
    let text = policies.files.iter().find(|(known, _)| known == path);
    let line: Option<usize> = line.parse().ok();
    text.zip(line).is_some_and(|((_, text), line)| line > 0 && line <= text.lines().count())
}
