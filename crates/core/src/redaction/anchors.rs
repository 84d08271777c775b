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
    /// The password of another program's command line.
    Command,
}

/// Beginnings of words that name a secret setting, and of signs that carry one.
const WORDS: [(&[u8; GRAM_LEN], Ask); 58] = [
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
    (b"sshp", Ask::Command),
    (b"mysq", Ask::Command),
    (b"mari", Ask::Command),
    (b"redi", Ask::Command),
    (b"dock", Ask::Command),
    (b"podm", Ask::Command),
    (b"sqlc", Ask::Command),
    (b"sqlp", Ask::Command),
    (b"jdbc", Ask::Command),
    (b"mong", Ask::Command),
    (b"smbc", Ask::Command),
    (b"ldap", Ask::Command),
    (b"logi", Ask::Command),
];

/// Words of the table of which bits say whether a hash may be among the anchors.
const BITMAP_LEN: usize = 512;

/// A table of anchors.
pub(super) struct Anchors {
    bitmap: [u64; BITMAP_LEN],
    /// For each word of the table, how many bits are set before it.
    before: [u16; BITMAP_LEN],
    /// For each bit that is set, where its anchors begin; and where all end.
    starts: Vec<usize>,
    /// In order of their bits.
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
        asks.sort_by_key(|(gram, _)| (bit_of(*gram), *gram));
        let mut bitmap = [0; BITMAP_LEN];
        for (gram, _) in &asks {
            mark(&mut bitmap, *gram);
        }
        let mut before = [0; BITMAP_LEN];
        let mut set = 0;
        for (before, bits) in before.iter_mut().zip(bitmap) {
            *before = set;
            set += u16::try_from(bits.count_ones()).unwrap_or_default();
        }
        let bits = asks.chunk_by(|(one, _), (other, _)| bit_of(*one) == bit_of(*other)).map(<[_]>::len);
        let ends = bits.scan(0, |end, len| {
            *end += len;
            Some(*end)
        });
        Self { bitmap, before, starts: std::iter::once(0).chain(ends).collect(), asks }
    }

    /// Whether anybody may have to be asked about these bytes.
    pub(super) fn may_hold(&self, gram: u32) -> bool {
        marked(&self.bitmap, folded(gram))
    }

    /// Who is asked about these bytes.
    pub(super) fn asked(&self, gram: u32) -> impl Iterator<Item = Ask> + '_ {
        let gram = folded(gram);
        let of_bit = self.of_bit(gram).unwrap_or_default();
        of_bit.iter().filter(move |(other, _)| *other == gram).map(|(_, ask)| *ask)
    }

    /// All whose bit is that of these bytes: the table is asked at every few bytes of a text, so that is no search.
    fn of_bit(&self, gram: u32) -> Option<&[(u32, Ask)]> {
        let (word, bit) = bit_of(gram);
        let bits = self.bitmap.get(word)?;
        if bits >> bit & 1 == 0 {
            return None;
        }
        let rank = usize::from(*self.before.get(word)?) + usize::try_from((bits & ((1 << bit) - 1)).count_ones()).ok()?;
        self.asks.get(*self.starts.get(rank)?..*self.starts.get(rank + 1)?)
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
        for (gram, ask) in &ALL.asks {
            assert!(ALL.may_hold(*gram) && ALL.asked(*gram).any(|other| other == *ask), "{ask:?}");
        }
        let marked: u32 = ALL.bitmap.iter().map(|bits| bits.count_ones()).sum();
        assert!(marked < 700, "{marked}");
    }
}
