//! What is taken out of a text before it goes anywhere: values that are known, and what detectors find.

use zeroize::Zeroizing;

use super::emit::Emitter;
use super::scan::{self, Carry, Detectors, LOOK_AHEAD, LOOK_BACK, grams};
use super::span::{self, Finds, Further, Span, rank};
use super::values::{ENOUGH_LEN, Forms, MASKED_LEN_MIN, Values};
use crate::secret::Secret;

/// What stands where a known value was; not longer than the shortest that is taken out.
pub const MASK: &[u8] = b"***";

/// Bytes that a stream waits for before it looks at those it has, beside those that detectors see ahead.
const BLOCK_LEN: usize = 4_096;

/// What detectors look for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Detect {
    /// Nothing: only known values are taken out.
    #[default]
    Nothing,
    /// Keys, tokens, passwords and the like.
    Secrets,
    /// Those, and what tells who somebody is.
    SecretsAndPersonalData,
}

impl Detect {
    const fn detectors(self) -> Detectors {
        let (secrets, personal) = match self {
            Self::Nothing => (false, false),
            Self::Secrets => (true, false),
            Self::SecretsAndPersonalData => (true, true),
        };
        Detectors { secrets, context: secrets, personal, encoded: secrets }
    }
}

/// A place of a text that holds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What it is, as `github-token`; never what it says.
    pub kind: &'static str,
}

/// What is taken out of texts.
#[derive(Clone, Default)]
pub struct Mask {
    values: Values,
    detect: Detect,
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mask({} values, {:?})", self.values.len(), self.detect)
    }
}

impl Mask {
    /// Takes out what detectors find, and no value yet.
    #[must_use]
    pub fn detecting(detect: Detect) -> Self {
        Self { values: Values::default(), detect }
    }

    /// Takes out the same values, and what other detectors find.
    #[must_use]
    pub fn with(&self, detect: Detect) -> Self {
        Self { values: self.values.clone(), detect }
    }

    /// Takes out this value too.
    pub fn add(&mut self, value: Secret) {
        self.values.add(value);
    }

    /// Whether this value is taken out, or too short to be.
    #[must_use]
    pub fn holds(&self, value: &Secret) -> bool {
        self.values.holds(value)
    }

    /// How many values are looked for.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing is looked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.len() == 0 && self.detect == Detect::Nothing
    }

    /// Covers what is found in a text; where the text was `cut` at its end, also a value that begins there. Answers whether
    /// anything was found. Linear in the text.
    pub fn apply(&self, text: &mut Vec<u8>, cut: bool) -> bool {
        self.apply_but(text, cut, |_, _| ())
    }

    /// The same for a whole line of JSON that this program wrote: a number that is a value there is one of its own measures, and nobody's
    /// telephone. Known values and what a name says of a number are covered there too.
    pub fn apply_to_own_json(&self, line: &mut Vec<u8>) -> bool {
        self.apply_but(line, false, span::forget_numbers_of_json)
    }

    /// Covers what is found and not forgotten.
    fn apply_but(&self, text: &mut Vec<u8>, cut: bool, forget: impl FnOnce(&[u8], &mut Vec<Span>)) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut forms = Forms::new();
        let mut spans = Vec::new();
        self.look(text, (0, text.len()), &mut Carry::default(), &mut forms, &mut spans);
        self.look_at_end(text, cut, &mut forms, &mut spans);
        forget(text, &mut spans);
        if spans.is_empty() {
            return false;
        }
        let mut clean = Vec::with_capacity(text.len());
        let mut emitter = Emitter::default();
        emitter.emit(text, text.len(), &mut spans, (&self.values, &mut forms), &mut clean);
        *Zeroizing::new(std::mem::replace(text, clean)) = Vec::new();
        emitter.found
    }

    /// Covers what is found in a text, and says whether anything was.
    pub fn apply_to_text(&self, text: &mut String, cut: bool) -> bool {
        let mut bytes = std::mem::take(text).into_bytes();
        let found = self.apply(&mut bytes, cut);
        *text = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        found
    }

    /// What detectors find in a text, in its order, none within another.
    #[must_use]
    pub fn findings(&self, text: &[u8]) -> Vec<Finding> {
        let mut spans = Vec::new();
        self.look(text, (0, text.len()), &mut Carry::default(), &mut Forms::new(), &mut spans);
        spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.rank), std::cmp::Reverse(span.end)));
        let mut findings: Vec<Finding> = Vec::new();
        for span in spans {
            match findings.last_mut().filter(|last| span.start < last.end) {
                Some(last) => last.end = last.end.max(span.end),
                None => findings.push(Finding { start: span.start, end: span.end, kind: span.kind }),
            }
        }
        findings
    }

    /// Covers what is found in a text that comes in parts, wherever they are parted.
    #[must_use]
    pub fn stream(&self) -> Stream<'_> {
        Stream {
            mask: self,
            text: Zeroizing::default(),
            looked: 0,
            carry: Carry::default(),
            forms: Forms::new(),
            spans: Vec::new(),
            emitter: Emitter::default(),
        }
    }

    fn look(&self, text: &[u8], (from, to): (usize, usize), carry: &mut Carry, forms: &mut Forms, spans: &mut Vec<Span>) {
        if self.values.len() > 0 {
            let may = |gram| self.values.may_begin(gram);
            grams(text, (from, to), may, |place, _| self.look_for_value(text, place, false, forms, spans));
        }
        let detectors = self.detect.detectors();
        if detectors.secrets {
            scan::scan(text, (from, to), detectors, carry, spans);
        }
    }

    fn look_for_value(&self, text: &[u8], place: usize, cut: bool, forms: &mut Forms, spans: &mut Vec<Span>) {
        // What is covered already need not be looked at again.
        if spans.last().is_some_and(|last| last.rank == rank::VALUE && place + ENOUGH_LEN < last.end && place >= last.start) {
            return;
        }
        let end = (place + LOOK_AHEAD).min(text.len());
        let rest = text.get(place..end).unwrap_or_default();
        let Some(stands) = self.values.longest(rest, cut, forms) else { return };
        let further = if stands.len == rest.len() { Further::Value(stands.needle, stands.len) } else { Further::Ends };
        Finds::new(spans, 0, text.len()).add_further(place, place + stands.len, "", rank::VALUE, further);
    }

    /// Looks for values that begin at the end of a text that was cut there.
    fn look_at_end(&self, text: &[u8], cut: bool, forms: &mut Forms, spans: &mut Vec<Span>) {
        if cut && self.values.len() > 0 {
            for place in text.len().saturating_sub(ENOUGH_LEN)..text.len().saturating_sub(MASKED_LEN_MIN - 1) {
                self.look_for_value(text, place, true, forms, spans);
            }
        }
    }
}

/// A text that comes in parts. It holds back what detectors see around a place, and no more.
pub struct Stream<'a> {
    mask: &'a Mask,
    /// What is not written yet, and [`LOOK_BACK`] bytes before it.
    text: Zeroizing<Vec<u8>>,
    looked: usize,
    carry: Carry,
    forms: Forms,
    spans: Vec<Span>,
    emitter: Emitter,
}

impl std::fmt::Debug for Stream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream({} bytes held back)", self.text.len())
    }
}

impl Stream<'_> {
    /// Takes a part of the text, and adds to `out` what is sure by now.
    pub fn push(&mut self, part: &[u8], out: &mut Vec<u8>) {
        if self.mask.is_empty() {
            out.extend_from_slice(part);
            return;
        }
        for block in part.chunks(BLOCK_LEN) {
            self.text.extend_from_slice(block);
            if self.text.len() >= self.looked + LOOK_AHEAD + BLOCK_LEN {
                let to = self.text.len() - LOOK_AHEAD;
                self.mask.look(&self.text, (self.looked, to), &mut self.carry, &mut self.forms, &mut self.spans);
                self.looked = to;
                self.emit(to.saturating_sub(LOOK_BACK), out);
                self.forget();
            }
        }
    }

    /// Ends the text, and adds to `out` what was held back; where the text was `cut` at its end, a value that begins there is
    /// covered. Answers whether anything was found in the whole of it.
    pub fn finish(mut self, cut: bool, out: &mut Vec<u8>) -> bool {
        let len = self.text.len();
        self.mask.look(&self.text, (self.looked, len), &mut self.carry, &mut self.forms, &mut self.spans);
        self.mask.look_at_end(&self.text, cut, &mut self.forms, &mut self.spans);
        self.emit(len, out);
        self.emitter.found
    }

    fn emit(&mut self, until: usize, out: &mut Vec<u8>) {
        self.emitter.emit(&self.text, until, &mut self.spans, (&self.mask.values, &mut self.forms), out);
    }

    /// Lets go of what was written, but for what detectors look back at.
    fn forget(&mut self) {
        let by = self.emitter.done.min(self.looked).saturating_sub(2 * LOOK_BACK);
        self.text.drain(..by);
        self.looked -= by;
        self.carry.shift(by);
        self.emitter.shift(by);
        for span in &mut self.spans {
            span.start -= by;
            span.end -= by;
        }
    }
}
