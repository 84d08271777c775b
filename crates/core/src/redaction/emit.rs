//! Writing a text with its spans covered.

use std::cmp::Reverse;

use super::mask::MASK;
use super::span::{Further, Span};
use super::values::{Forms, Values};

/// What covers a text, from one part of it to the next.
#[derive(Debug, Default)]
pub(super) struct Emitter {
    /// Where what is covered now ends, and what goes on behind it; the text is covered as long as one of them goes on.
    covers: Vec<(usize, Further)>,
    /// How much of the text is written or covered.
    pub(super) done: usize,
    /// Whether anything was covered.
    pub(super) found: bool,
}

impl Emitter {
    /// Writes a text up to `until`, where all spans that begin before are known. Spans that were used are taken away.
    pub(super) fn emit(
        &mut self,
        text: &[u8],
        until: usize,
        spans: &mut Vec<Span>,
        (values, forms): (&Values, &mut Forms),
        out: &mut Vec<u8>,
    ) {
        spans.sort_by_key(|span| (span.start, Reverse(span.rank), Reverse(span.end)));
        let used = spans.iter().take_while(|span| span.start < until).count();
        for span in spans.drain(..used) {
            self.uncover(text, span.start, values, forms);
            if self.covers.is_empty() && span.start >= self.done {
                out.extend_from_slice(text.get(self.done..span.start).unwrap_or_default());
                write_cover(&span, out);
                self.found = true;
                self.done = span.start;
            }
            self.cover(span.end, span.further);
        }
        self.uncover(text, until, values, forms);
        if self.covers.is_empty() && self.done < until {
            out.extend_from_slice(text.get(self.done..until).unwrap_or_default());
            self.done = until;
        }
    }

    /// Covers up to `end`, and what goes on behind it. Of two that go on alike the one that is further tells all.
    fn cover(&mut self, end: usize, further: Further) {
        match self.covers.iter_mut().find(|(_, other)| *other == further) {
            Some((other, _)) => *other = end.max(*other),
            None => self.covers.push((end, further)),
        }
    }

    /// Goes on under the covers, no further than `until`.
    fn uncover(&mut self, text: &[u8], until: usize, values: &Values, forms: &mut Forms) {
        let mut done = self.done;
        self.covers.retain_mut(|(end, further)| {
            if *end > until {
                done = done.max(until);
                return true;
            }
            let rest = text.get(*end..until).unwrap_or_default();
            let len = match further {
                Further::Value(needle, seen) => {
                    let len = values.goes_on(*needle, *seen, rest, forms);
                    *seen += len;
                    len
                }
                Further::Ends | Further::Token | Further::Armour => further.len(rest),
            };
            *end += len;
            done = done.max(*end);
            *further != Further::Ends && len == rest.len()
        });
        self.done = done;
    }

    /// Counts places from `by` bytes further on.
    pub(super) fn shift(&mut self, by: usize) {
        self.done -= by;
        self.covers.iter_mut().for_each(|(end, _)| *end -= by);
    }
}

fn write_cover(span: &Span, out: &mut Vec<u8>) {
    if span.kind.is_empty() {
        out.extend_from_slice(MASK);
        return;
    }
    let quote: &[u8] = if span.quoted { b"\"" } else { b"" };
    for part in [quote, b"[redacted:", span.kind.as_bytes(), b"]", quote] {
        out.extend_from_slice(part);
    }
}
