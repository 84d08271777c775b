//! The tenant's log: its signed checkpoint, and each record in it.

use crate::bundle::{Bundle, Entry};
use crate::hash::{self, Hash};
use crate::note::{self, Checkpoint};
use crate::report::Found;
use crate::trust::Trust;
use crate::{Refusal, base, merkle};

/// Longest proof: one hash a bit of the size.
const PROOF_LEN_MAX: usize = 64;

/// The origin of the tenant's log.
pub(super) fn origin(bundle: &Bundle<'_>) -> String {
    format!("{}/audit/{}", bundle.trust_domain, bundle.tenant)
}

pub(super) fn checkpoint(bundle: &Bundle<'_>, trust: Option<&Trust>) -> Result<Found, Refusal> {
    let Some(trust) = trust else {
        return Ok(Found { said: String::new(), not_checked: vec!["the signature: only as told by the daemon".to_owned()] });
    };
    let place = "log.checkpoint";
    let verified =
        note::verify(&bundle.checkpoint, &trust.note_keys).map_err(|(reason, what)| Refusal::new(reason, place, what))?;
    let checkpoint = &verified.checkpoint;
    if checkpoint.origin != origin(bundle) {
        return Err(Refusal::new("foreign", place, "it is the checkpoint of another log"));
    }
    let Some(signer) = verified.signers.iter().find(|signer| !signer.is_witness()) else {
        return Err(Refusal::new("signer", place, "no log key has signed"));
    };
    Ok(Found::new(format!("{} leaves, signed by {}", checkpoint.size, signer.name)))
}

/// What the checkpoint of a bundle says, whoever signed it.
pub(super) fn said(note: &str) -> Option<Checkpoint> {
    note.split_once("\n\n").and_then(|(text, _)| note::parse(&format!("{text}\n")))
}

pub(super) fn inclusion(bundle: &Bundle<'_>) -> Result<Found, Refusal> {
    let checkpoint = said(&bundle.checkpoint).ok_or_else(|| Refusal::new("form", "log.checkpoint", "not a checkpoint"))?;
    let mut proof = Vec::with_capacity(PROOF_LEN_MAX);
    for (place, entry) in bundle.records.iter().enumerate() {
        included(entry, &checkpoint, &mut proof, &|| format!("log.records[{place}]"))?;
    }
    Ok(Found::new(format!("{} records are in the log under that checkpoint", bundle.records.len())))
}

/// Checks that a record is in the log of a checkpoint; `proof` is room to work in.
pub(super) fn included(
    entry: &Entry<'_>,
    checkpoint: &Checkpoint,
    proof: &mut Vec<Hash>,
    place: &dyn Fn() -> String,
) -> Result<(), Refusal> {
    let refuse = |what: &str| Err(Refusal::new("inclusion", place(), what));
    proof.clear();
    for item in entry.proof.items().into_iter().flatten().take(PROOF_LEN_MAX + 1) {
        match item.plain().and_then(base::hash_of_base64) {
            Some(hash) => proof.push(hash),
            None => return refuse("a hash of the proof is not 32 bytes in base64"),
        }
    }
    if entry.proof.items().is_none() {
        return refuse("the proof is not a list");
    }
    let leaf = hash::leaf(entry.leaf.as_bytes());
    match merkle::root(&leaf, entry.index, checkpoint.size, proof) {
        Some(root) if root == checkpoint.root => Ok(()),
        Some(_) => refuse("the proof does not lead to the root of the checkpoint"),
        None => refuse("the proof has not the length of its place, or the place is behind the end of the log"),
    }
}
