//! Proofs that a leaf is in a tree, and that a tree is the beginning of another (RFC 6962 §2.1.1–2.1.2; checked as RFC 9162 §2.1.3–2.1.4 says).

use super::{node_hash, root};
use crate::digest::Digest;

/// Why a proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Index or sizes are out of order: a leaf behind the end, an older tree that is larger.
    #[error("proof is about a place that the tree does not have")]
    Range,
    /// The proof has too few or too many hashes for these sizes.
    #[error("proof does not have the length that these sizes need")]
    Len,
    /// The hashes do not lead to the root.
    #[error("proof does not lead to the root")]
    Root,
}

/// Splits the hashes where the definition does: at the largest power of two smaller than their number.
fn halves(leaves: &[Digest]) -> Option<(&[Digest], &[Digest])> {
    let len = leaves.len();
    if len < 2 { None } else { leaves.split_at_checked(len.next_power_of_two() / 2) }
}

/// The proof that the leaf at `index` is in the tree over `leaves`; `None` behind the end.
#[must_use]
pub fn inclusion_proof(leaves: &[Digest], index: usize) -> Option<Vec<Digest>> {
    if index >= leaves.len() {
        return None;
    }
    let mut proof = Vec::new();
    let (mut part, mut index) = (leaves, index);
    while let Some((left, right)) = halves(part) {
        if index < left.len() {
            proof.push(root(right));
            part = left;
        } else {
            proof.push(root(left));
            index -= left.len();
            part = right;
        }
    }
    proof.reverse();
    Some(proof)
}

/// The proof that the tree over the first `old_size` of `leaves` is the beginning of the tree over all; `None` behind the end.
#[must_use]
pub fn consistency_proof(leaves: &[Digest], old_size: usize) -> Option<Vec<Digest>> {
    if old_size > leaves.len() {
        return None;
    }
    let mut proof = Vec::new();
    if old_size == 0 || old_size == leaves.len() {
        return Some(proof);
    }
    let (mut part, mut size, mut whole) = (leaves, old_size, true);
    while size < part.len() {
        let (left, right) = halves(part)?;
        if size <= left.len() {
            proof.push(root(right));
            part = left;
        } else {
            proof.push(root(left));
            size -= left.len();
            part = right;
            whole = false;
        }
    }
    if !whole {
        proof.push(root(part));
    }
    proof.reverse();
    Some(proof)
}

/// Checks that the leaf with hash `leaf` stands at `index` in the tree of `size` leaves under `expected`.
///
/// # Errors
/// [`ProofError`].
pub fn verify_inclusion(leaf: &Digest, index: u64, size: u64, proof: &[Digest], expected: &Digest) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Range);
    }
    let (mut place, mut last) = (index, size - 1);
    let mut node = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Len);
        }
        if place & 1 == 1 || place == last {
            node = node_hash(sibling, &node);
            (place, last) = up_to_right_child(place, last);
        } else {
            node = node_hash(&node, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    match (last, node == *expected) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        _ => Err(ProofError::Len),
    }
}

/// Skips the levels at which the node at the right edge has no sibling.
const fn up_to_right_child(mut place: u64, mut last: u64) -> (u64, u64) {
    while place & 1 == 0 && place != 0 {
        place >>= 1;
        last >>= 1;
    }
    (place, last)
}

/// A tree as its head tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of leaves.
    pub size: u64,
    /// Root over them.
    pub root: Digest,
}

/// Checks that the tree of `old` is the beginning of the tree of `new`.
///
/// # Errors
/// [`ProofError`].
pub fn verify_consistency(old: Head, new: Head, proof: &[Digest]) -> Result<(), ProofError> {
    if old.size > new.size {
        return Err(ProofError::Range);
    }
    if old.size == new.size || old.size == 0 {
        // Nothing has one root, and a log of the same size is the same log.
        let sound = (old.size > 0 || old.root == root(&[])) && (old.size < new.size || old.root == new.root);
        return match (proof.is_empty(), sound) {
            (false, _) => Err(ProofError::Len),
            (true, false) => Err(ProofError::Root),
            (true, true) => Ok(()),
        };
    }
    let (mut place, mut last) = (old.size - 1, new.size - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let (first, rest) = match proof.split_first() {
        _ if old.size.is_power_of_two() => (old.root, proof),
        Some((first, rest)) => (*first, rest),
        None => return Err(ProofError::Len),
    };
    let (mut old_node, mut new_node) = (first, first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::Len);
        }
        if place & 1 == 1 || place == last {
            old_node = node_hash(sibling, &old_node);
            new_node = node_hash(sibling, &new_node);
            (place, last) = up_to_right_child(place, last);
        } else {
            new_node = node_hash(&new_node, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    match (last, old_node == old.root && new_node == new.root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        _ => Err(ProofError::Len),
    }
}
