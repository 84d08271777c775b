//! Places in a text that are to be covered.

use super::bytes;
use super::values::Needle;

/// What goes on behind the part of a text that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Further {
    /// Nothing.
    Ends,
    /// As long as keys and tokens do.
    Token,
    /// As long as the armour of a private key does.
    Armour,
    /// As long as it agrees with a form of a known value, from its so many-th byte on.
    Value(Needle, usize),
}

impl Further {
    /// How much of a text that follows still belongs to it.
    pub(super) fn len(self, text: &[u8]) -> usize {
        match self {
            Self::Ends | Self::Value(..) => 0,
            Self::Token => bytes::run(text, 0, text.len(), bytes::is_token),
            Self::Armour => bytes::run(text, 0, text.len(), super::private_key::is_armour),
        }
    }
}

/// A place that is to be covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    /// What it is; the word of [`super::MASK`] stands alone where it is a value that is known.
    pub(super) kind: &'static str,
    /// Which of two that begin together gives its name: the greater.
    pub(super) rank: u8,
    pub(super) further: Further,
    /// Whether quotation marks belong around what stands in its place.
    pub(super) quoted: bool,
}

/// What detectors find in one view of a text.
pub(super) struct Finds<'a> {
    spans: &'a mut Vec<Span>,
    /// Where the view begins in the text.
    base: usize,
    /// How long the view is.
    len: usize,
}

impl<'a> Finds<'a> {
    pub(super) const fn new(spans: &'a mut Vec<Span>, base: usize, len: usize) -> Self {
        Self { spans, base, len }
    }

    /// Covers a place of the view.
    pub(super) fn add(&mut self, start: usize, end: usize, kind: &'static str, rank: u8) {
        let further = if end >= self.len { Further::Token } else { Further::Ends };
        self.add_further(start, end, kind, rank, further);
    }

    /// Covers a place of the view, and what goes on behind it.
    pub(super) fn add_further(&mut self, start: usize, end: usize, kind: &'static str, rank: u8, further: Further) {
        if end > start {
            self.spans.push(Span { start: self.base + start, end: self.base + end, kind, rank, further, quoted: false });
        }
    }

    /// Covers a number of somebody, in quotation marks where the text is JSON and it is a bare number there.
    pub(super) fn add_number(&mut self, start: usize, end: usize, kind: &'static str, quoted: bool) {
        self.add_further(start, end, kind, rank::PERSONAL, Further::Ends);
        if let Some(span) = self.spans.last_mut().filter(|_| quoted) {
            span.quoted = true;
        }
    }
}

/// Takes the spans of personal data away that begin outside of every text of a line of JSON: what stands there is a number.
pub(super) fn forget_numbers_of_json(line: &[u8], spans: &mut Vec<Span>) {
    if !spans.iter().any(|span| span.rank == rank::PERSONAL) {
        return;
    }
    spans.sort_by_key(|span| span.start);
    let (mut done, mut in_text, mut escaped) = (0, false, false);
    spans.retain_mut(|span| {
        for byte in bytes::part(line, done, span.start) {
            in_text ^= *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && in_text && !escaped;
        }
        done = done.max(span.start);
        // A quotation mark would end the text in which it stood.
        span.quoted &= !in_text;
        span.rank != rank::PERSONAL || in_text
    });
}

/// Ranks of those that find.
pub(super) mod rank {
    pub(in super::super) const CONTEXT: u8 = 1;
    pub(in super::super) const PERSONAL: u8 = 2;
    pub(in super::super) const ENCODED: u8 = 3;
    pub(in super::super) const SHAPE: u8 = 4;
    pub(in super::super) const VALUE: u8 = 5;
}
