//! What the tests of detectors say in one word.

use super::{Detect, Mask};

/// Joins parts, so that no file holds what looks like a secret.
pub(super) fn glue(parts: &[&str]) -> String {
    parts.concat()
}

fn shown(text: &str, detect: Detect) -> String {
    let mut text = text.to_owned();
    Mask::detecting(detect).apply_to_text(&mut text, false);
    text
}

/// A text without its secrets.
pub(super) fn redacted(text: &str) -> String {
    shown(text, Detect::Secrets)
}

/// A text without its secrets and personal data.
pub(super) fn redacted_all(text: &str) -> String {
    shown(text, Detect::SecretsAndPersonalData)
}

fn kinds(text: &str, detect: Detect) -> Vec<&'static str> {
    Mask::detecting(detect).findings(text.as_bytes()).into_iter().map(|finding| finding.kind).collect()
}

/// Kinds of the secrets in a text.
pub(super) fn secrets(text: &str) -> Vec<&'static str> {
    kinds(text, Detect::Secrets)
}

/// Kinds of the personal data in a text.
pub(super) fn personal(text: &str) -> Vec<&'static str> {
    kinds(text, Detect::SecretsAndPersonalData)
}

/// Fails with all texts whose kinds, as `kinds` tells them, are not the one wanted.
pub(super) fn all_hold(kinds: fn(&str) -> Vec<&'static str>, wanted: &str, texts: &[&str]) {
    let wrong: Vec<_> = texts.iter().map(|text| (*text, kinds(text))).filter(|(_, found)| found.as_slice() != [wanted]).collect();
    assert!(wrong.is_empty(), "no {wanted}: {wrong:#?}");
}

/// Fails with all texts that do not stay as they are.
pub(super) fn all_stay(shown: fn(&str) -> String, texts: &[&str]) {
    let wrong: Vec<_> = texts.iter().map(|text| (*text, shown(text))).filter(|(text, shown)| text != shown).collect();
    assert!(wrong.is_empty(), "covered: {wrong:#?}");
}
