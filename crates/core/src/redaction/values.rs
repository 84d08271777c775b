//! The values of secrets, which are known exactly: where one stands, in any common form.
//!
//! Looked for are the exact bytes and what common programs make of them: base64 at each of its three alignments in both
//! alphabets, hexadecimal digits, percent-encoding, the inside of a JSON text and its escapes. Of a long form the first
//! [`ENOUGH_LEN`] bytes are enough, and as much behind them as agrees is covered: a part of a secret is one too, and no text costs
//! more than what is read of it once.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use zeroize::Zeroizing;

use super::anchors::{bitmap, mark, marked};
use crate::secret::Secret;

/// Shortest value, or form of one, that is looked for, in bytes: a shorter one stands in ordinary text everywhere.
pub const MASKED_LEN_MIN: usize = 4;

/// Bytes of the beginning of a form that are covered though the rest of it does not follow.
pub(super) const ENOUGH_LEN: usize = 64;

/// A way to write a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Raw,
    Json,
    /// Every byte as `\u00XX`.
    EscapesLower,
    EscapesUpper,
    HexLower,
    HexUpper,
    /// Every byte as `%XX`; only what RFC 3986 reserves; the same with `+` for a space.
    PercentAll,
    PercentAllLower,
    Percent,
    PercentLower,
    PlusForSpace,
    /// After so many bytes of something else, modulo three.
    Base64(u8),
    Base64Url(u8),
}

const FORMS: [Form; 17] = [
    Form::Raw,
    Form::Json,
    Form::EscapesLower,
    Form::EscapesUpper,
    Form::HexLower,
    Form::HexUpper,
    Form::PercentAll,
    Form::PercentAllLower,
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

/// A form of a value: which value, written how.
pub(super) type Needle = (u32, Form);

/// Forms that were made for a search; they are cleared when it ends.
pub(super) type Forms = BTreeMap<Needle, Zeroizing<Vec<u8>>>;

/// The values that are looked for. Holds each once in its own bytes; other forms live as long as one search.
#[derive(Clone)]
pub(super) struct Values {
    values: Vec<Secret>,
    /// In order of the first four bytes.
    heads: Vec<(u32, Needle)>,
    bitmap: [u64; 512],
}

impl Default for Values {
    fn default() -> Self {
        Self { values: Vec::new(), heads: Vec::new(), bitmap: bitmap() }
    }
}

/// A place where a value stands.
pub(super) struct Stands {
    pub(super) needle: Needle,
    /// How many bytes of the form stand there.
    pub(super) len: usize,
}

impl Values {
    /// Looks for this value too.
    pub(super) fn add(&mut self, value: Secret) {
        let Ok(place) = u32::try_from(self.values.len()) else { return };
        if self.holds(&value) {
            return;
        }
        let mut seen: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        for form in FORMS {
            let written = written(&value, form);
            if let Some(head) = written.first_chunk().filter(|_| !seen.contains(&written)) {
                let gram = u32::from_le_bytes(*head);
                mark(&mut self.bitmap, gram);
                self.heads.push((gram, (place, form)));
                seen.push(written);
            }
        }
        self.heads.sort_unstable();
        self.values.push(value);
    }

    /// Whether this value is looked for, or too short to be.
    pub(super) fn holds(&self, value: &Secret) -> bool {
        value.expose().len() < MASKED_LEN_MIN || self.values.contains(value)
    }

    /// How many values are looked for.
    pub(super) const fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether a value may begin with these four bytes.
    pub(super) fn may_begin(&self, gram: u32) -> bool {
        marked(&self.bitmap, gram)
    }

    /// The longest form that stands at the beginning of `rest`; where `cut`, also one that goes on behind its end.
    pub(super) fn longest(&self, rest: &[u8], cut: bool, forms: &mut Forms) -> Option<Stands> {
        let gram = u32::from_le_bytes(*rest.first_chunk()?);
        let first = self.heads.partition_point(|(other, _)| *other < gram);
        let needles = self.heads.get(first..).unwrap_or_default().iter().take_while(|(other, _)| *other == gram);
        let mut longest: Option<Stands> = None;
        for (_, needle) in needles {
            let Some(whole) = self.form(*needle, forms) else { continue };
            let needed = whole.len().min(ENOUGH_LEN);
            let begins = whole.get(..needed).is_some_and(|head| rest.starts_with(head));
            let goes_on = cut && whole.starts_with(rest);
            if !(begins || goes_on) {
                continue;
            }
            let len = agreement(whole, rest);
            if longest.as_ref().is_none_or(|longest| longest.len < len) {
                longest = Some(Stands { needle: *needle, len });
            }
        }
        longest
    }

    /// How much of a text agrees with a form from its `done`-th byte on.
    pub(super) fn goes_on(&self, needle: Needle, done: usize, text: &[u8], forms: &mut Forms) -> usize {
        self.form(needle, forms).map_or(0, |whole| agreement(whole.get(done..).unwrap_or_default(), text))
    }

    fn form<'a>(&self, needle: Needle, forms: &'a mut Forms) -> Option<&'a [u8]> {
        let value = self.values.get(usize::try_from(needle.0).ok()?)?;
        Some(forms.entry(needle).or_insert_with(|| written(value, needle.1)))
    }
}

fn agreement(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
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
        Form::PercentAllLower => each(bytes, |text, byte| write!(text, "%{byte:02x}")),
        Form::EscapesLower => escapes(bytes, |text, unit| write!(text, "\\u{unit:04x}")),
        Form::EscapesUpper => escapes(bytes, |text, unit| write!(text, "\\u{unit:04X}")),
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

/// Each unit of UTF-16 of a value that is text.
fn escapes(bytes: &[u8], put: impl Fn(&mut String, u16) -> std::fmt::Result) -> Zeroizing<Vec<u8>> {
    let mut written = String::with_capacity(bytes.len().saturating_mul(6));
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    // Writing to a String does not fail.
    let _ = text.encode_utf16().try_for_each(|unit| put(&mut written, unit));
    Zeroizing::new(written.into_bytes())
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
    use super::super::Mask;
    use super::*;

    #[test]
    fn every_form_is_taken_out_and_the_rest_stays() {
        let value = b"s3cr\"t /+?\xc3\xa9-value".as_slice();
        let mut mask = Mask::default();
        [value, b"another one"].into_iter().for_each(|value| mask.add(Secret::new(value.to_vec())));
        let masked = |text: &[u8]| {
            let mut text = text.to_vec();
            mask.apply(&mut text, false);
            text
        };
        for form in FORMS {
            let inside = written(&Secret::new(value.to_vec()), form);
            assert!(inside.len() >= MASKED_LEN_MIN, "{form:?}");
            let text = [b"before ".as_slice(), &inside, b" after"].concat();
            // Of a long form the last byte may be shared with what stands beside.
            assert_eq!(masked(&text), b"before *** after", "{form:?}");
        }
        for text in [b"".as_slice(), b"s3c", b"nothing of it here, s3cr\"t /+", b"\xff\x00"] {
            assert_eq!(masked(text), text);
        }
    }
}
