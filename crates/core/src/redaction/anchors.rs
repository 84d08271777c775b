//! Where detectors look: four bytes that stand in whatever they find, and that are rare elsewhere.
//!
//! Each place of a text costs one look at a table of 4 KiB; only where that says so, the detectors are asked.

use std::sync::LazyLock;

use super::rules;

/// Bytes that are looked at together.
pub(super) const GRAM_LEN: usize = 4;

/// Makes letters of both cases alike; signs are joined to others, which costs a look in vain.
const FOLD: u32 = 0x2020_2020;

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// The rule of this number, whose match begins so many bytes before.
    Rule(usize, usize),
    /// What follows the name of a setting.
    Setting,
    /// A private key.
    Armour,
    /// A private key of PuTTY.
    Putty,
    /// What follows `Bearer` or `Basic`.
    Scheme,
    /// A line of cookies.
    Cookies,
    /// What follows `-u`.
    Curl,
}

/// Beginnings of words that name a secret setting, and of signs that carry one.
const WORDS: [(&[u8; GRAM_LEN], Ask); 45] = [
    (b"pass", Ask::Setting),
    (b"pwd=", Ask::Setting),
    (b"pwd:", Ask::Setting),
    (b"pwd ", Ask::Setting),
    (b"pwd\"", Ask::Setting),
    (b"pwd'", Ask::Setting),
    (b"pwd>", Ask::Setting),
    (b"pwd,", Ask::Setting),
    (b"psw ", Ask::Setting),
    (b"psw=", Ask::Setting),
    (b"secr", Ask::Setting),
    (b"toke", Ask::Setting),
    (b"tkn=", Ask::Setting),
    (b"apik", Ask::Setting),
    (b"key=", Ask::Setting),
    (b"key:", Ask::Setting),
    (b"key\"", Ask::Setting),
    (b"key'", Ask::Setting),
    (b"key ", Ask::Setting),
    (b"key>", Ask::Setting),
    (b"key,", Ask::Setting),
    (b"key(", Ask::Setting),
    (b"key\\", Ask::Setting),
    (b"key`", Ask::Setting),
    (b"key_", Ask::Setting),
    (b"_key", Ask::Setting),
    (b"-key", Ask::Setting),
    (b"ikey", Ask::Setting),
    (b"skey", Ask::Setting),
    (b"tkey", Ask::Setting),
    (b"ekey", Ask::Setting),
    (b"nkey", Ask::Setting),
    (b"ykey", Ask::Setting),
    (b"cred", Ask::Setting),
    (b"auth", Ask::Setting),
    (b"sig=", Ask::Setting),
    (b"_pw=", Ask::Setting),
    (b"_pw:", Ask::Setting),
    (b"begi", Ask::Armour),
    (b"priv", Ask::Putty),
    (b"bear", Ask::Scheme),
    (b"basi", Ask::Scheme),
    (b"cook", Ask::Cookies),
    (b"curl", Ask::Curl),
    (b"wget", Ask::Curl),
];

/// Words of the table of which bits say whether a hash may be among the anchors.
const BITMAP_LEN: usize = 512;

/// A table of anchors.
pub(super) struct Anchors {
    bitmap: [u64; BITMAP_LEN],
    /// In order of bytes.
    asks: Vec<(u32, Ask)>,
}

/// The anchors of all detectors of secrets.
pub(super) static ALL: LazyLock<Anchors> = LazyLock::new(Anchors::build);

impl Anchors {
    fn build() -> Self {
        let of = |(word, ask): &(&[u8; GRAM_LEN], Ask)| (folded(u32::from_le_bytes(**word)), *ask);
        let mut asks: Vec<_> = WORDS.iter().map(of).collect();
        for (number, rule) in rules::ALL.iter().enumerate().filter(|(_, rule)| !rule.at_runs) {
            for beginning in rule.pattern.beginnings() {
                if let Some(head) = beginning.bytes.first_chunk() {
                    asks.push((folded(u32::from_le_bytes(*head)), Ask::Rule(number, beginning.offset)));
                }
            }
        }
        asks.sort_by_key(|(gram, _)| *gram);
        let mut bitmap = [0; BITMAP_LEN];
        for (gram, _) in &asks {
            mark(&mut bitmap, *gram);
        }
        Self { bitmap, asks }
    }

    /// Whether anybody may have to be asked about these bytes.
    pub(super) fn may_hold(&self, gram: u32) -> bool {
        marked(&self.bitmap, folded(gram))
    }

    /// Who is asked about these bytes.
    pub(super) fn asked(&self, gram: u32) -> impl Iterator<Item = Ask> + '_ {
        let gram = folded(gram);
        let first = self.asks.partition_point(|(other, _)| *other < gram);
        let rest = self.asks.get(first..).unwrap_or_default();
        rest.iter().take_while(move |(other, _)| *other == gram).map(|(_, ask)| *ask)
    }
}

/// Sets the bit of some bytes.
pub(super) fn mark(bitmap: &mut [u64; BITMAP_LEN], gram: u32) {
    let (word, bit) = bit_of(gram);
    if let Some(bits) = bitmap.get_mut(word) {
        *bits |= 1 << bit;
    }
}

/// Whether the bit of some bytes is set.
pub(super) fn marked(bitmap: &[u64; BITMAP_LEN], gram: u32) -> bool {
    let (word, bit) = bit_of(gram);
    bitmap.get(word & (BITMAP_LEN - 1)).is_some_and(|bits| bits >> bit & 1 == 1)
}

/// Fibonacci hashing to fifteen bits.
const fn bit_of(gram: u32) -> (usize, u32) {
    let hash = gram.wrapping_mul(0x9E37_79B1) >> 17;
    ((hash >> 6) as usize, hash & 63)
}

const fn folded(gram: u32) -> u32 {
    gram | FOLD
}

/// A bitmap in which nothing is marked.
pub(super) const fn bitmap() -> [u64; BITMAP_LEN] {
    [0; BITMAP_LEN]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_found_in_any_case_and_few_places_are_looked_at_in_vain() {
        let asked = |text: &[u8; 4]| ALL.asked(u32::from_le_bytes(*text)).collect::<Vec<_>>();
        assert_eq!(asked(b"PASS"), [Ask::Setting]);
        assert!(asked(b"ghp_").iter().any(|ask| matches!(ask, Ask::Rule(_, 0))));
        assert!(asked(b"zzzz").is_empty());
        let marked: u32 = ALL.bitmap.iter().map(|bits| bits.count_ones()).sum();
        assert!(marked < 700, "{marked}");
    }
}
