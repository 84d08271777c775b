//! A set of entries of one segment, in memory as bits and in the file as what is shorter: places, or bits.

use scalbotics_core::digest::Digest;

/// Leaves of a segment: as many as are read themselves, in a millisecond or two, where the newest segment is not whole yet.
pub(super) const SEGMENT: u64 = 2_048;

/// Bits of a word.
const WORD: usize = 64;

/// Words of a segment.
const WORDS: usize = 32;

/// Bytes of a segment's bits.
const BITS_LEN: usize = WORDS * WORD / 8;

/// Bytes before a set in the file that depend on it, so that a changed bit hides no record.
const CHECK_LEN: usize = 8;

/// Entries of one segment, by their place in it from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entries([u64; WORDS]);

impl Default for Entries {
    fn default() -> Self {
        Self::NONE
    }
}

impl Entries {
    /// None.
    pub(super) const NONE: Self = Self([0; WORDS]);

    /// All.
    pub(super) const ALL: Self = Self([u64::MAX; WORDS]);

    /// Adds a place; one beyond the segment is none.
    pub(super) fn add(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / WORD) {
            *word |= 1 << (place % WORD);
        }
    }

    /// Those that are in both.
    pub(super) fn both(self, other: &Self) -> Self {
        let mut words = self.0;
        for (word, other) in words.iter_mut().zip(other.0) {
            *word &= other;
        }
        Self(words)
    }

    /// The places, in their order.
    pub(super) fn places(&self) -> impl DoubleEndedIterator<Item = u64> + '_ {
        let words = (0_u64..).step_by(WORD).zip(self.0).filter(|(_, word)| *word != 0);
        let words: Vec<_> = words.collect();
        words.into_iter().flat_map(|(first, word)| (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| first + bit))
    }

    /// The bytes for the file, of what `name` says.
    pub(super) fn to_bytes(self, name: &[u8]) -> Vec<u8> {
        let places: Vec<u8> =
            self.places().filter_map(|place| u16::try_from(place).ok()).flat_map(u16::to_le_bytes).take(BITS_LEN).collect();
        let set = if places.len() < BITS_LEN { places } else { self.0.iter().flat_map(|word| word.to_le_bytes()).collect() };
        [check(name, &set).as_slice(), &set].concat()
    }

    /// Reads what [`Entries::to_bytes`] made under the same name; `None` when it did not make it.
    pub(super) fn from_bytes(name: &[u8], bytes: &[u8]) -> Option<Self> {
        let (said, set) = bytes.split_first_chunk::<CHECK_LEN>()?;
        if check(name, set) != *said {
            return None;
        }
        let mut entries = Self::NONE;
        if set.len() == BITS_LEN {
            for (word, bytes) in entries.0.iter_mut().zip(set.as_chunks::<8>().0) {
                *word = u64::from_le_bytes(*bytes);
            }
        } else {
            set.as_chunks::<2>().0.iter().for_each(|place| entries.add(usize::from(u16::from_le_bytes(*place))));
        }
        Some(entries)
    }
}

/// What stands before a set or another part of the file.
pub(super) fn check(name: &[u8], bytes: &[u8]) -> [u8; CHECK_LEN] {
    let digest = Digest::of_parts("scalbotics/audit-index/v1", &[name, bytes]);
    digest.as_bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(places: impl Iterator<Item = usize>) -> Entries {
        let mut entries = Entries::NONE;
        places.for_each(|place| entries.add(place));
        entries
    }

    #[test]
    fn sets_come_back_as_they_were_and_the_shorter_form_is_taken() {
        let end = 2_048;
        for (set, len) in [
            (Entries::NONE, 0),
            (of([0].into_iter()), 2),
            (of([2_047, 63, 64].into_iter()), 6),
            (of(0..127), 254),
            (of(0..128), BITS_LEN),
            (of((0..end).step_by(2)), BITS_LEN),
            (Entries::ALL, BITS_LEN),
        ] {
            let bytes = set.to_bytes(b"name");
            assert_eq!(bytes.len(), CHECK_LEN + len);
            assert_eq!(Entries::from_bytes(b"name", &bytes), Some(set));
            assert_eq!(Entries::from_bytes(b"other", &bytes), None);
            for bit in 0..bytes.len() * 8 {
                let mut bent = bytes.clone();
                bent[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Entries::from_bytes(b"name", &bent), None, "bit {bit}");
            }
            assert_eq!(Entries::from_bytes(b"name", &bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(Entries::from_bytes(b"", b""), None);
    }

    #[test]
    fn places_stand_in_order_and_one_beyond_the_segment_is_none() {
        let set = of([5, 2_047, 0, 2_048, usize::MAX].into_iter());
        assert!(set.places().eq([0, 5, 2_047]));
        assert!(set.places().rev().eq([2_047, 5, 0]));
        assert!(set.both(&of([5, 6].into_iter())).places().eq([5]));
        assert_eq!(set.both(&Entries::ALL), set);
    }
}
