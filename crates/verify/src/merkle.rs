//! Inclusion proofs (RFC 9162 §2.1.3.2), with an own reading of the standard.

use crate::hash::{Hash, node};

/// The root that a proof leads to from a leaf, `None` when the proof has not the length that this place needs.
///
/// The path from the leaf up has two parts: below the place where the paths of this leaf and of the last one part, each level has a
/// sibling; above it, only where the bit of the index is set.
pub(crate) fn root(leaf: &Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    let last = size.checked_sub(1).filter(|last| index <= *last)?;
    let inner = u64::BITS - (index ^ last).leading_zeros();
    let border = index.checked_shr(inner).unwrap_or(0).count_ones();
    if u64::from(inner) + u64::from(border) != proof.len() as u64 {
        return None;
    }
    let mut hash = *leaf;
    for (level, sibling) in (0_u32..).zip(proof) {
        let is_right = level >= inner || (index >> level) & 1 == 1;
        hash = if is_right { node(sibling, &hash) } else { node(&hash, sibling) };
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{leaf, sha256};

    fn tree(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(b""),
            [one] => *one,
            more => {
                let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
                node(&tree(left), &tree(right))
            }
        }
    }

    fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
        if leaves.len() < 2 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        let (mut below, sibling) =
            if index < left.len() { (path(left, index), tree(right)) } else { (path(right, index - left.len()), tree(left)) };
        below.push(sibling);
        below
    }

    #[test]
    fn every_leaf_of_every_size_and_nothing_else() {
        for size in 1..=40_usize {
            let leaves: Vec<Hash> = (0..size).map(|n| leaf(&n.to_be_bytes())).collect();
            let whole = tree(&leaves);
            for index in 0..size {
                let proof = path(&leaves, index);
                assert_eq!(root(&leaves[index], index as u64, size as u64, &proof), Some(whole), "{index} of {size}");
                for other in (0..=size).filter(|other| *other != index) {
                    assert_ne!(
                        root(&leaves[index], other as u64, size as u64, &proof),
                        Some(whole),
                        "{index} as {other} of {size}"
                    );
                }
                for place in 0..proof.len() {
                    let mut changed = proof.clone();
                    changed[place][31] ^= 1;
                    assert_ne!(root(&leaves[index], index as u64, size as u64, &changed), Some(whole));
                    changed.remove(place);
                    assert_eq!(root(&leaves[index], index as u64, size as u64, &changed), None);
                }
            }
        }
        assert_eq!(root(&[0; 32], 0, 0, &[]), None);
        assert_eq!(root(&[0; 32], u64::MAX, u64::MAX, &[]), None);
        assert_eq!(root(&[0; 32], u64::MAX - 1, u64::MAX, &[[0; 32]; 65]), None);
    }
}
