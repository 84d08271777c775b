//! Which hashes a proof is made of, as ranges of leaves: the root over each range is one line of the proof. So who keeps a log can make
//! a proof without holding all of its leaves.

use std::ops::Range;

/// Splits a range where the definition does: at the largest power of two smaller than its length.
const fn middle(part: &Range<u64>) -> u64 {
    let len = part.end - part.start;
    let half = len.next_power_of_two() / 2;
    part.start + half
}

/// The ranges of the proof that the leaf at `index` is in a tree of `size` leaves; `None` behind the end.
#[must_use]
pub fn inclusion_ranges(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size || size > 1 << 62 {
        return None;
    }
    let (mut ranges, mut part) = (Vec::new(), 0..size);
    while part.end - part.start > 1 {
        let middle = middle(&part);
        if index < middle {
            ranges.push(middle..part.end);
            part.end = middle;
        } else {
            ranges.push(part.start..middle);
            part.start = middle;
        }
    }
    ranges.reverse();
    Some(ranges)
}

/// The ranges of the proof that the tree of `old` leaves is the beginning of that of `size`; `None` behind the end.
#[must_use]
pub fn consistency_ranges(old: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if old > size || size > 1 << 62 {
        return None;
    }
    let mut ranges = Vec::new();
    if old == 0 || old == size {
        return Some(ranges);
    }
    let mut part = 0..size;
    while old < part.end {
        let middle = middle(&part);
        if old <= middle {
            ranges.push(middle..part.end);
            part.end = middle;
        } else {
            ranges.push(part.start..middle);
            part.start = middle;
        }
    }
    if part.start > 0 {
        ranges.push(part);
    }
    ranges.reverse();
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use super::super::{consistency_proof, inclusion_proof, leaf_hash, root};
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn the_roots_over_the_ranges_are_the_proof() {
        let leaves: Vec<Digest> = (0..40_u8).map(|n| leaf_hash(&[n])).collect();
        let roots = |ranges: Vec<Range<u64>>| -> Vec<Digest> {
            let at = |index: u64| usize::try_from(index).unwrap();
            ranges.iter().map(|range| root(&leaves[at(range.start)..at(range.end)])).collect()
        };
        for size in 0..=40 {
            for at in 0..=size {
                let proof = inclusion_proof(&leaves[..size], at);
                assert_eq!(inclusion_ranges(at as u64, size as u64).map(roots), proof, "{at} of {size}");
                let proof = consistency_proof(&leaves[..size], at);
                assert_eq!(consistency_ranges(at as u64, size as u64).map(roots), proof, "{at} to {size}");
            }
        }
        assert_eq!(inclusion_ranges(0, u64::MAX), None);
        assert_eq!(consistency_ranges(2, 1), None);
        assert_eq!(inclusion_ranges(1 << 40, (1 << 40) + 1).map(|ranges| ranges.len()), Some(1));
    }
}
