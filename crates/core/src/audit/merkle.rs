//! Merkle tree over audit leaves (RFC 6962 §2.1): hashing, the append-only frontier, and proofs.
//!
//! **Invariant:** a leaf and an inner node never hash the same bytes (the tags 0 and 1), so no node can be passed off as a leaf.

mod levels;
mod proof;
mod ranges;

pub use levels::Levels;
pub use proof::{Head, ProofError, consistency_proof, inclusion_proof, verify_consistency, verify_inclusion};
pub use ranges::{consistency_ranges, inclusion_ranges};

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;

/// Tag before a leaf's bytes.
const LEAF_TAG: [u8; 1] = [0];

/// Tag before the two hashes of an inner node.
const NODE_TAG: [u8; 1] = [1];

/// Most peaks that a frontier can have: one per bit of its size.
const PEAKS_MAX: usize = 64;

/// Length of a hash in the serialized frontier, in bytes.
const HASH_LEN: usize = 32;

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(LEAF_TAG);
    hasher.update(leaf);
    Digest::from_bytes(hasher.finalize().into())
}

/// The hash of an inner node.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    // In one piece: each piece costs as much as a third of the hash, and a log has a node for each leaf.
    let mut bytes = [0; 1 + 2 * HASH_LEN];
    let (tag, hashes) = bytes.split_at_mut(1);
    let (first, second) = hashes.split_at_mut(HASH_LEN);
    tag.copy_from_slice(&NODE_TAG);
    first.copy_from_slice(left.as_bytes());
    second.copy_from_slice(right.as_bytes());
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// The root over leaf hashes; over none it is the hash of nothing.
#[must_use]
pub fn root(leaves: &[Digest]) -> Digest {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier.root()
}

/// Why bytes are not a frontier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("frontier of size {size} does not have {len} bytes")]
pub struct FrontierError {
    /// The size it should have.
    pub size: u64,
    /// Length of the bytes.
    pub len: usize,
}

/// All that is needed of a tree to append to it and to know its root: the roots of its complete subtrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One per bit set in `size`, the largest subtree first.
    peaks: Vec<Digest>,
}

impl Default for Frontier {
    fn default() -> Self {
        Self::new()
    }
}

impl Frontier {
    /// The frontier of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self { size: 0, peaks: Vec::with_capacity(PEAKS_MAX) }
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, the largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Appends a leaf by its hash. Allocates nothing.
    pub fn push(&mut self, leaf: Digest) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return Digest::of_bytes(b"");
        };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }

    /// The peaks' bytes, the largest first; the size is stored beside them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.peaks.iter().flat_map(|peak| *peak.as_bytes()).collect()
    }

    /// Reads what [`Frontier::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`FrontierError`] when the number of hashes is not that of a tree of `size`.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Result<Self, FrontierError> {
        let (hashes, rest) = bytes.as_chunks::<HASH_LEN>();
        if !rest.is_empty() || u64::from(size.count_ones()) != hashes.len() as u64 {
            return Err(FrontierError { size, len: bytes.len() });
        }
        let mut frontier = Self::new();
        frontier.size = size;
        frontier.peaks.extend(hashes.iter().map(|hash| Digest::from_bytes(*hash)));
        Ok(frontier)
    }
}

#[cfg(test)]
mod tests;
