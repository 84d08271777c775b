//! The installation log: it names the tenant's head, and witnesses have seen it (semantics §7.3).

use super::log;
use crate::Refusal;
use crate::bundle::Bundle;
use crate::note;
use crate::report::Found;
use crate::trust::Trust;

/// The tenant that the installation log is of.
const SYSTEM: &str = "system";

/// What is said where the trust file names no witness.
const NO_WITNESS: &str = "whether anybody outside of the host saw the log: no witness is known";

pub(super) fn check(bundle: &Bundle<'_>, trust: Option<&Trust>) -> Result<Found, Refusal> {
    let not_checked = |why: &str| Ok(Found { said: String::new(), not_checked: vec![why.to_owned()] });
    let has_witnesses = trust.is_some_and(|trust| trust.note_keys.iter().any(note::Verifier::is_witness));
    let (installation, trust) = match (&bundle.installation, trust) {
        (Some(installation), Some(trust)) if has_witnesses => (installation, trust),
        (None, _) if has_witnesses => {
            let what =
                "the trust file names witnesses, and nothing in the bundle was seen by one: export it anew after ten seconds";
            return Err(Refusal::new("witness", "installation", what));
        }
        // What a witness that the trust file does not name has signed is signed by nobody.
        (_, Some(_)) | (None, None) => return not_checked(NO_WITNESS),
        (Some(_), None) => return not_checked("the installation log: only as told by the daemon"),
    };
    let place = "installation.checkpoint";
    let refuse = |reason, what: &str| Refusal::new(reason, place, what);
    let wanted = format!("{}/audit/{SYSTEM}", bundle.trust_domain);
    let keys = note::with_later(&trust.note_keys, &installation.checkpoint, &wanted);
    let verified = note::verify(&installation.checkpoint, &keys).map_err(|(reason, what)| Refusal::new(reason, place, what))?;
    let origin = &verified.checkpoint.origin;
    if *origin != wanted && !note::is_later(origin, &wanted) {
        return Err(refuse("foreign", "it is not the checkpoint of the installation log"));
    }
    if verified.signers.iter().all(|signer| signer.is_witness()) {
        return Err(refuse("signer", "no log key has signed"));
    }
    let witnesses: Vec<&str> = verified.signers.iter().filter(|key| key.is_witness()).map(|key| key.name.as_str()).collect();
    if witnesses.is_empty() {
        return Err(refuse("witness", "no witness has signed"));
    }
    log::included(&installation.head, &verified.checkpoint, &mut Vec::new(), &|| "installation.head".to_owned())?;
    let record = &installation.head.record;
    let named = log::said(&bundle.checkpoint).zip(record.head.as_ref());
    let is_named = named
        .is_some_and(|(tenant, head)| (tenant.origin.as_str(), tenant.size, tenant.root) == (head.origin, head.size, head.root));
    if !is_named || record.kind != "head" || record.tenant != SYSTEM {
        return Err(Refusal::new("head", "installation.head", "it does not name the tenant's checkpoint"));
    }
    Ok(Found::new(format!("the installation log names that checkpoint, seen by {}", witnesses.join(", "))))
}
