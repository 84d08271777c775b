//! The key of a server, for as long as one request takes.

use reqwest::header::HeaderValue;
use scalbotics_core::secret::Secret;
use zeroize::Zeroizing;

/// Shortest part of a key that counts as a part of it, in bytes; shorter ones stand in any text.
const PART_LEN: usize = 8;

/// From this length on a key is no word that a text may hold by chance, in bytes; servers that want none are given `none` or `sk-no-key`.
const WORD_LEN_MAX: usize = 16;

/// A key, or none.
#[derive(Debug)]
pub(super) struct Key(Option<Secret>);

/// The secret is no key that could be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unusable;

impl Key {
    /// No key.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// The key, without blanks around it, as a file that it came from may have left.
    pub(super) fn of(secret: Secret) -> Result<Self, Unusable> {
        let trimmed = secret.expose().trim_ascii();
        if trimmed.is_empty() || !trimmed.iter().all(u8::is_ascii_graphic) {
            return Err(Unusable);
        }
        Ok(Self(Some(Secret::new(trimmed.to_vec()))))
    }

    /// The header that it is sent in; nothing when there is none.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let secret = self.0.as_ref()?;
        let text = Zeroizing::new([b"Bearer ".as_slice(), secret.expose()].concat());
        let mut value = HeaderValue::from_bytes(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Whether a part of it stands in `bytes`; of a short one, all of it.
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        let Some(secret) = &self.0 else { return false };
        let key = secret.expose();
        let len = PART_LEN.min(key.len());
        let parts: std::collections::BTreeSet<&[u8]> = key.windows(len).collect();
        bytes.windows(len).any(|part| parts.contains(part))
    }

    /// Whether all of it stands in `bytes`; never of one that is short enough to be a word.
    pub(super) fn is_whole_in(&self, bytes: &[u8]) -> bool {
        let Some(secret) = &self.0 else { return false };
        let key = secret.expose();
        key.len() >= WORD_LEN_MAX && bytes.windows(key.len()).any(|part| part == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<Key, Unusable> {
        Key::of(Secret::new(text.as_bytes().to_vec()))
    }

    #[test]
    fn keys() {
        let good = key(" s3cret-k3y-01234\n").unwrap();
        let header = good.header().unwrap();
        assert!(header == "Bearer s3cret-k3y-01234" && header.is_sensitive());
        assert!(!format!("{good:?} {header:?}").contains("s3cret"));
        assert!(good.is_in(b"see k3y-01234.") && !good.is_in(b"see k3y-012."));
        assert!(good.is_whole_in(b"(s3cret-k3y-01234)") && !good.is_whole_in(b"s3cret-k3y-0123"));
        let none = Key::none();
        assert!(none.header().is_none() && !none.is_in(b"anything") && !none.is_whole_in(b""));
        for bad in ["", " \n", "a b", "a\r\nX: y", "schlüssel"] {
            assert_eq!(key(bad).unwrap_err(), Unusable, "{bad}");
        }
    }
}
