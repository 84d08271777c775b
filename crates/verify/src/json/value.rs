//! Values of a text that was read.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::read::Document;

/// What kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    True,
    False,
    Number,
    Text,
    Array,
    Object,
}

/// One value of the tape; those inside of it follow.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Of a text: whether it is without escapes.
    pub(super) plain: bool,
    /// First byte; of a text, behind its quote.
    pub(super) start: u32,
    /// Behind the last byte; of a text, its last quote.
    pub(super) end: u32,
    /// The node behind everything inside of this one.
    pub(super) next: u32,
}

impl Node {
    pub(super) fn raw<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// A value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'d> {
    document: &'d Document<'d>,
    at: usize,
}

/// A text without its escapes.
fn unescaped(raw: &str, plain: bool) -> Cow<'_, str> {
    if plain {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let mut chars = after.chars();
        let (character, len) = match chars.next() {
            Some('b') => ('\u{8}', 1),
            Some('f') => ('\u{c}', 1),
            Some('n') => ('\n', 1),
            Some('r') => ('\r', 1),
            Some('t') => ('\t', 1),
            Some('u') => {
                let code = after.get(1..5).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                (code.and_then(char::from_u32).unwrap_or('\u{fffd}'), 5)
            }
            Some(other) => (other, other.len_utf8()),
            None => break,
        };
        text.push(character);
        rest = after.get(len..).unwrap_or_default();
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The order of keys (RFC 8785 §3.2.3).
pub(super) fn by_utf16((a, a_plain): (&str, bool), (b, b_plain): (&str, bool)) -> Ordering {
    if a_plain && b_plain && a.is_ascii() && b.is_ascii() {
        return a.cmp(b);
    }
    unescaped(a, a_plain).encode_utf16().cmp(unescaped(b, b_plain).encode_utf16())
}

impl<'d> Value<'d> {
    pub(super) const fn new(document: &'d Document<'d>, at: usize) -> Self {
        Self { document, at }
    }

    fn node(self) -> Option<&'d Node> {
        self.document.nodes.get(self.at)
    }

    /// Its kind.
    pub(crate) fn kind(self) -> Kind {
        self.node().map_or(Kind::Null, |node| node.kind)
    }

    /// Its text as it stands, which is its canonical text; of a string, what is between the quotes.
    pub(crate) fn raw(self) -> &'d str {
        self.node().map(|node| node.raw(self.document.text)).unwrap_or_default()
    }

    /// Its canonical text, a string's with its quotes.
    pub(crate) fn raw_json(self) -> &'d str {
        let Some(node) = self.node() else { return "" };
        if node.kind != Kind::Text {
            return self.raw();
        }
        let (start, end) = ((node.start as usize).saturating_sub(1), node.end as usize + 1);
        self.document.text.get(start..end).unwrap_or_default()
    }

    /// A string.
    pub(crate) fn text(self) -> Option<Cow<'d, str>> {
        let node = self.node().filter(|node| node.kind == Kind::Text)?;
        Some(unescaped(node.raw(self.document.text), node.plain))
    }

    /// A string without escapes, as ids, words and digests are.
    pub(crate) fn plain(self) -> Option<&'d str> {
        let node = self.node().filter(|node| node.kind == Kind::Text && node.plain)?;
        Some(node.raw(self.document.text))
    }

    /// An integer.
    pub(crate) fn integer(self) -> Option<i64> {
        if self.kind() == Kind::Number { self.raw().parse().ok() } else { None }
    }

    /// An integer that is not negative.
    pub(crate) fn natural(self) -> Option<u64> {
        if self.kind() == Kind::Number { self.raw().parse().ok() } else { None }
    }

    /// Yes or no.
    pub(crate) fn boolean(self) -> Option<bool> {
        match self.kind() {
            Kind::True => Some(true),
            Kind::False => Some(false),
            Kind::Null | Kind::Number | Kind::Text | Kind::Array | Kind::Object => None,
        }
    }

    /// The values inside: items of a list, keys and values of an object in turn.
    fn inside(self) -> impl Iterator<Item = Value<'d>> {
        let end = self.node().map_or(0, |node| node.next as usize);
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let node = self.document.nodes.get(at).filter(|_| at < end)?;
            let value = Value { document: self.document, at };
            at = (node.next as usize).max(at + 1);
            Some(value)
        })
    }

    /// Items of a list.
    pub(crate) fn items(self) -> Option<impl Iterator<Item = Value<'d>>> {
        if self.kind() == Kind::Array { Some(self.inside()) } else { None }
    }

    /// Fields of an object, in order of key.
    pub(crate) fn fields(self) -> Option<impl Iterator<Item = (Value<'d>, Value<'d>)>> {
        if self.kind() != Kind::Object {
            return None;
        }
        let mut inside = self.inside();
        Some(std::iter::from_fn(move || Some((inside.next()?, inside.next()?))))
    }

    /// A field of an object.
    pub(crate) fn get(self, key: &str) -> Option<Value<'d>> {
        self.fields()?.find(|(name, _)| name.plain() == Some(key)).map(|(_, value)| value)
    }
}
