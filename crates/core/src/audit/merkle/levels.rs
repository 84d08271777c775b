//! A whole tree in memory, for many proofs of one size: what [`inclusion_proof`](super::inclusion_proof) hashes anew for each leaf
//! is hashed once.

use super::node_hash;
use crate::digest::Digest;

/// The complete subtrees of a tree, level by level from the leaves up.
#[derive(Debug, Clone)]
pub struct Levels {
    /// `levels[k][n]` is the root over the leaves `n·2^k .. (n+1)·2^k`.
    levels: Vec<Vec<Digest>>,
}

impl Levels {
    /// Hashes the tree over `leaves`.
    #[must_use]
    pub fn of(leaves: Vec<Digest>) -> Self {
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let (pairs, _) = level.as_chunks::<2>();
            let above = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }

    /// The root over the leaves from `first` to before `end`, where `first` is a multiple of every power of two that the range needs.
    fn root(&self, first: usize, end: usize) -> Option<Digest> {
        let len = end.checked_sub(first).filter(|len| *len > 0)?;
        if len.is_power_of_two() {
            let level = usize::try_from(len.trailing_zeros()).ok()?;
            return self.levels.get(level)?.get(first >> level).copied();
        }
        let middle = first + len.next_power_of_two() / 2;
        Some(node_hash(&self.root(first, middle)?, &self.root(middle, end)?))
    }

    /// The proof that the leaf at `index` is in the tree; `None` behind the end.
    #[must_use]
    pub fn inclusion_proof(&self, index: usize) -> Option<Vec<Digest>> {
        let (mut first, mut end) = (0, self.size());
        if index >= end {
            return None;
        }
        let mut proof = Vec::new();
        while end - first > 1 {
            let middle = first + (end - first).next_power_of_two() / 2;
            if index < middle {
                proof.push(self.root(middle, end)?);
                end = middle;
            } else {
                proof.push(self.root(first, middle)?);
                first = middle;
            }
        }
        proof.reverse();
        Some(proof)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{inclusion_proof, leaf_hash};
    use super::*;

    #[test]
    fn proofs_are_those_of_the_definition() {
        for size in [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 100] {
            let leaves: Vec<Digest> = (0_usize..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
            let levels = Levels::of(leaves.clone());
            assert_eq!(levels.size(), size);
            for index in 0..=size {
                assert_eq!(levels.inclusion_proof(index), inclusion_proof(&leaves, index), "{index} of {size}");
            }
        }
    }
}
