//! Taking the values of secrets out of what a tool says, before it is stored.
//!
//! Looked for are the exact bytes and what common programs make of them: base64 at each of its three alignments in both
//! alphabets, hexadecimal digits, percent-encoding and the inside of a JSON text. It is a net under tools that print what
//! they were given, not a wall: a tool that wants to can write a value in a way that nobody looks for.
//!
//! Linear in the text but for places where a value seems to begin; those forms are made once a search.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use zeroize::Zeroizing;

use super::Secret;

/// Shortest value, or form of one, that is looked for, in bytes: a shorter one stands in ordinary text everywhere.
pub const MASKED_LEN_MIN: usize = 4;

/// What stands where a value was; not longer than the shortest that is taken out.
pub const MASK: &[u8] = b"***";

/// A way to write a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Raw,
    Json,
    HexLower,
    HexUpper,
    /// Every byte as `%XX`; only what RFC 3986 reserves; the same with `+` for a space.
    PercentAll,
    Percent,
    PercentLower,
    PlusForSpace,
    /// After so many bytes of something else, modulo three.
    Base64(u8),
    Base64Url(u8),
}

const FORMS: [Form; 14] = [
    Form::Raw,
    Form::Json,
    Form::HexLower,
    Form::HexUpper,
    Form::PercentAll,
    Form::Percent,
    Form::PercentLower,
    Form::PlusForSpace,
    Form::Base64(0),
    Form::Base64(1),
    Form::Base64(2),
    Form::Base64Url(0),
    Form::Base64Url(1),
    Form::Base64Url(2),
];

/// The first bytes of a form: where they stand, the whole form is looked for.
type Head = [u8; MASKED_LEN_MIN];

/// A form of a value: which value of the mask, written how.
type Needle = (usize, Form);

/// The values that are taken out. Holds each once in its own bytes; other forms live as long as one search.
#[derive(Clone, Default)]
pub struct Mask {
    values: Vec<Secret>,
    heads: BTreeMap<Head, Vec<Needle>>,
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mask({} values)", self.values.len())
    }
}

impl Mask {
    /// Takes out this value too.
    pub fn add(&mut self, value: Secret) {
        if self.holds(&value) {
            return;
        }
        let place = self.values.len();
        for form in FORMS {
            if let Some(head) = written(&value, form).first_chunk() {
                self.heads.entry(*head).or_default().push((place, form));
            }
        }
        self.values.push(value);
    }

    /// Whether this value is taken out, or too short to be.
    #[must_use]
    pub fn holds(&self, value: &Secret) -> bool {
        value.expose().len() < MASKED_LEN_MIN || self.values.contains(value)
    }

    /// How many values are looked for.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing is looked for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Puts [`MASK`] where a value stands; where the text was `cut` at its end, also where one begins there. Answers whether
    /// anything was found.
    pub fn apply(&self, text: &mut Vec<u8>, cut: bool) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut forms = BTreeMap::new();
        let mut clean = Zeroizing::new(Vec::with_capacity(text.len()));
        let (mut at, mut found) = (0, false);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let len = self.longest(rest, cut, &mut forms);
            if len > 0 {
                clean.extend_from_slice(MASK);
                found = true;
            } else {
                clean.extend(rest.first());
            }
            at = at.saturating_add(len.max(1));
        }
        if found {
            text.clear();
            text.extend_from_slice(&clean);
        }
        found
    }

    /// The length of the longest form that `rest` begins with.
    fn longest(&self, rest: &[u8], cut: bool, forms: &mut BTreeMap<Needle, Zeroizing<Vec<u8>>>) -> usize {
        let Some(needles) = rest.first_chunk().and_then(|head: &Head| self.heads.get(head)) else { return 0 };
        let mut longest = 0;
        for (place, form) in needles {
            let Some(value) = self.values.get(*place) else { continue };
            let whole = forms.entry((*place, *form)).or_insert_with(|| written(value, *form));
            // The end first: texts of one letter are compared in full only where it fits.
            let ends = whole.last() == rest.get(whole.len().saturating_sub(1));
            if (ends && rest.starts_with(whole)) || (cut && whole.starts_with(rest)) {
                longest = longest.max(whole.len().min(rest.len()));
            }
        }
        longest
    }
}

/// The value in a form; shorter than [`MASKED_LEN_MIN`] where that form says too little.
fn written(value: &Secret, form: Form) -> Zeroizing<Vec<u8>> {
    let bytes = value.expose();
    match form {
        Form::Raw => Zeroizing::new(bytes.to_vec()),
        Form::Json => json(bytes),
        Form::HexLower => each(bytes, |text, byte| write!(text, "{byte:02x}")),
        Form::HexUpper => each(bytes, |text, byte| write!(text, "{byte:02X}")),
        Form::PercentAll => each(bytes, |text, byte| write!(text, "%{byte:02X}")),
        Form::Percent => each(bytes, |text, byte| percent(text, byte, false)),
        Form::PercentLower => each(bytes, |text, byte| percent(text, byte, true)),
        Form::PlusForSpace => {
            each(bytes, |text, byte| if byte == b' ' { text.write_char('+') } else { percent(text, byte, false) })
        }
        Form::Base64(after) => base64(&STANDARD, bytes, after),
        Form::Base64Url(after) => base64(&URL_SAFE, bytes, after),
    }
}

fn each(bytes: &[u8], put: impl Fn(&mut String, u8) -> std::fmt::Result) -> Zeroizing<Vec<u8>> {
    // Room for three characters a byte, so that nothing is moved and left behind.
    let mut text = String::with_capacity(bytes.len().saturating_mul(3));
    // Writing to a String does not fail.
    let _ = bytes.iter().try_for_each(|byte| put(&mut text, *byte));
    Zeroizing::new(text.into_bytes())
}

fn percent(text: &mut String, byte: u8, lower: bool) -> std::fmt::Result {
    match (byte.is_ascii_alphanumeric() || b"-._~".contains(&byte), lower) {
        (true, _) => text.write_char(char::from(byte)),
        (false, true) => write!(text, "%{byte:02x}"),
        (false, false) => write!(text, "%{byte:02X}"),
    }
}

/// The inside of the JSON text of a value that is text.
fn json(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let quoted = std::str::from_utf8(bytes).ok().and_then(|text| serde_json::to_vec(text).ok()).map(Zeroizing::new);
    let inside = quoted.as_ref().and_then(|quoted| quoted.get(1..quoted.len().saturating_sub(1)));
    Zeroizing::new(inside.unwrap_or_default().to_vec())
}

/// The characters that are the value's alone, when it begins `after` bytes of something else.
fn base64(engine: &impl base64::Engine, bytes: &[u8], after: u8) -> Zeroizing<Vec<u8>> {
    let after = usize::from(after);
    let shifted = Zeroizing::new([vec![0; after], bytes.to_vec()].concat());
    let encoded = Zeroizing::new(engine.encode(&*shifted).into_bytes());
    // Six bits a character: the first and the last one may be shared with what stands beside.
    let (first, end) = ((after * 8).div_ceil(6), shifted.len().saturating_mul(8) / 6);
    Zeroizing::new(encoded.get(first..end).unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    fn mask(values: &[&[u8]]) -> Mask {
        let mut mask = Mask::default();
        values.iter().for_each(|value| mask.add(Secret::new(value.to_vec())));
        mask
    }

    fn masked(mask: &Mask, text: &[u8], cut: bool) -> Vec<u8> {
        let mut text = text.to_vec();
        mask.apply(&mut text, cut);
        text
    }

    fn holds(text: &[u8], part: &[u8]) -> bool {
        text.windows(part.len()).any(|window| window == part)
    }

    #[test]
    fn every_form_is_taken_out_and_the_rest_stays() {
        let value = b"s3cr\"t /+?\xc3\xa9-value".as_slice();
        let mask = mask(&[value, b"another one"]);
        for form in FORMS {
            let inside = written(&Secret::new(value.to_vec()), form);
            assert!(inside.len() >= MASKED_LEN_MIN, "{form:?}");
            let text = [b"before ".as_slice(), &inside, b" after"].concat();
            assert_eq!(masked(&mask, &text, false), b"before *** after", "{form:?}");
        }
        for text in [b"".as_slice(), b"s3c", b"nothing of it here, s3cr\"t /+", b"\xff\x00"] {
            assert_eq!(masked(&mask, text, false), text);
        }
    }

    #[test]
    fn whatever_stands_beside_it_in_base64() {
        let value = b"quoth-the-nightjar".as_slice();
        let mask = mask(&[value]);
        for before in 0..4 {
            for behind in 0..4 {
                let whole = [&vec![b'x'; before], value, &vec![b'y'; behind]].concat();
                let cleaned = masked(&mask, STANDARD.encode(&whole).as_bytes(), false);
                assert!(cleaned.len() < 16, "{before} {behind}: {cleaned:?}");
            }
        }
    }

    #[test]
    fn the_longest_one_counts_and_neighbours_too() {
        let mask = mask(&[b"token", b"token-of-ann", b"tok"]);
        assert_eq!(masked(&mask, b"token-of-anntokentok", false), b"******tok");
    }

    #[test]
    fn what_was_cut_shows_no_beginning_of_a_value() {
        let mask = mask(&[b"correct-horse-battery"]);
        assert_eq!(masked(&mask, b"it is correct-ho", true), b"it is ***");
        assert_eq!(masked(&mask, b"it is correct-ho", false), b"it is correct-ho");
        assert_eq!(masked(&mask, b"it is cor", true), b"it is cor");
    }

    #[test]
    fn a_long_text_of_beginnings_ends_soon() {
        let value = vec![b'a'; 60_000];
        let mask = mask(&[&[value.as_slice(), b"b"].concat()]);
        let text = vec![b'a'; 200_000];
        assert!(!holds(&masked(&mask, &text, false), b"*"));
    }
}
