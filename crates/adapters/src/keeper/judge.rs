//! Whether a place that only holds what it is given may take a checkpoint.

use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::merkle::{Head, verify_consistency};
use scalbotics_core::audit::proof_text::AddCheckpoint;
use scalbotics_core::ports::KeepError;

/// Says no to a checkpoint that goes back, or whose log did not grow out of the one of the note that the place holds; a place without a
/// note takes any. As a witness does, it wants the proof from the size that it holds.
///
/// # Errors
/// [`KeepError::Knows`] where it holds more, or the proof is from another size; [`KeepError::Forked`]; [`KeepError::Refused`] for what is
/// no checkpoint, or one of another log.
pub fn judge(held: Option<&str>, given: &AddCheckpoint) -> Result<(), KeepError> {
    let refused = |why: &str| KeepError::Refused { why: why.to_owned() };
    let fresh = Checkpoint::of_note(&given.note).map_err(|error| refused(&error.to_string()))?;
    let Some(held) = held else { return Ok(()) };
    let held = Checkpoint::of_note(held).map_err(|_| refused("the place holds something else than a checkpoint"))?;
    if held.origin != fresh.origin {
        return Err(refused("the place holds a checkpoint of another log"));
    }
    let head = |checkpoint: &Checkpoint| Head { size: checkpoint.size, root: checkpoint.root };
    if held.size == fresh.size {
        return if held.root == fresh.root { Ok(()) } else { Err(KeepError::Forked) };
    }
    if held.size > fresh.size || held.size != given.old_size {
        return Err(KeepError::Knows { size: held.size });
    }
    verify_consistency(head(&held), head(&fresh), &given.proof).map_err(|_| KeepError::Forked)
}

#[cfg(test)]
mod tests {
    use scalbotics_core::audit::merkle::{consistency_proof, leaf_hash, root};
    use scalbotics_core::digest::Digest;

    use super::*;

    fn leaves(count: u8, from: u8) -> Vec<Digest> {
        (0..count).map(|leaf| leaf_hash(&[if leaf < from { leaf } else { leaf + 100 }])).collect()
    }

    fn note(leaves: &[Digest]) -> String {
        let checkpoint = Checkpoint { origin: "o".to_owned(), size: leaves.len() as u64, root: root(leaves) };
        format!("{}\n\u{2014} o AAAAAAAAAAAA\n", checkpoint.text())
    }

    fn given(leaves: &[Digest], old_size: usize) -> AddCheckpoint {
        let proof = consistency_proof(leaves, old_size).unwrap_or_default();
        AddCheckpoint { old_size: old_size as u64, proof, note: note(leaves) }
    }

    #[test]
    fn a_log_has_to_have_grown_out_of_what_is_held() {
        let said = |held: &[Digest], given: &AddCheckpoint| match judge(Some(&note(held)), given) {
            Ok(()) => "ok".to_owned(),
            Err(error) => error.to_string(),
        };
        let (five, nine, other) = (leaves(5, 5), leaves(9, 9), leaves(9, 3));
        assert_eq!(said(&five, &given(&nine, 5)), "ok");
        assert_eq!(said(&nine, &given(&nine, 0)), "ok", "the same again needs no proof");
        assert_eq!(said(&nine, &given(&five, 0)), "it knows the log at size 9");
        assert_eq!(said(&five, &given(&nine, 0)), "it knows the log at size 5", "the proof is from another size");
        assert_eq!(said(&five, &given(&nine, 4)), "it knows the log at size 5");
        let forked = "it knows another history of the log";
        assert_eq!(said(&nine, &given(&other, 0)), forked);
        // A database that was put back, and has grown beyond what is held since.
        assert_eq!(said(&five, &given(&other, 5)), forked);
        assert_eq!(said(&five, &AddCheckpoint { proof: Vec::new(), ..given(&nine, 5) }), forked);
        assert_eq!(said(&[], &given(&nine, 0)), "ok");
        assert!(judge(None, &given(&nine, 0)).is_ok());
    }
}
