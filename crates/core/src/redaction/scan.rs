//! One pass over a text: where there is something to look at, the detectors are asked; what they find are spans.
//!
//! **Invariant:** what is found from a place on follows from [`LOOK_BACK`] bytes before it and [`LOOK_AHEAD`] behind it, so that it does not
//! matter in which pieces a text arrives.

use super::anchors::{self, Anchors, Ask, GRAM_LEN};
use super::bytes::{at, behind_escape, run, run_back};
use super::span::{Finds, Span};
use super::{encoded, header, personal, private_key, rules, setting};

/// Bytes before a place that a detector sees.
pub(super) const LOOK_BACK: usize = 512;

/// Bytes from a place on that a detector sees.
pub(super) const LOOK_AHEAD: usize = 4_096;

/// Length of a run of letters and digits from which it is looked at for its own sake.
const RUN_LEN_MIN: usize = 16;

/// Digits of an encoded text that are decoded at once, a whole number of groups of four; the next part begins so many before its end.
const PIECE_LEN: usize = 3_072;
const PIECE_OVERLAP: usize = 1_024;

/// Which detectors are asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Detectors {
    /// Any at all.
    pub(super) secrets: bool,
    /// Those of settings, headers and addresses.
    pub(super) context: bool,
    /// Those of personal data.
    pub(super) personal: bool,
    /// Those of encoded texts.
    pub(super) encoded: bool,
}

/// What a pass knows of the text before the place where it goes on.
#[derive(Debug, Clone, Default)]
pub(super) struct Carry {
    /// Letters and digits in a row that end there.
    run_len: usize,
    /// A rule that finds nothing up to a place.
    idle: Option<(usize, usize)>,
    /// Where the name ends that was looked at last.
    name_end: usize,
}

impl Carry {
    /// Counts places from `by` bytes further on.
    pub(super) fn shift(&mut self, by: usize) {
        self.idle = self.idle.map(|(rule, until)| (rule, until.saturating_sub(by)));
        self.name_end = self.name_end.saturating_sub(by);
    }
}

/// Spans in a whole text.
pub(super) fn find_in(text: &[u8], detectors: Detectors) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut carry = Carry::default();
    scan(text, (0, text.len()), detectors, &mut carry, &mut spans);
    spans
}

/// Adds the spans whose places are from `from` to `to`; the text is seen further where it goes on.
pub(super) fn scan(text: &[u8], (from, to): (usize, usize), detectors: Detectors, carry: &mut Carry, spans: &mut Vec<Span>) {
    let anchors: &Anchors = &anchors::ALL;
    let may = |gram| anchors.may_hold(gram);
    grams(text, (from, to), may, |place, gram| {
        anchors.asked(gram).for_each(|ask| answer(text, place, ask, detectors, carry, spans));
    });
    carry.run_len = runs(text, (from, to), carry.run_len, |place, first| long_run(text, place, first, detectors, spans));
    singles(text, (from, to), detectors, spans);
}

/// Calls for each place from `from` to `to` at which four bytes stand that may be among those looked for. Most are not, so four places are
/// asked about together.
#[inline]
pub(super) fn grams(text: &[u8], (from, to): (usize, usize), may: impl Fn(u32) -> bool, mut call: impl FnMut(usize, u32)) {
    let end = (to + GRAM_LEN - 1).min(text.len());
    let (mut place, mut rest) = (from, text.get(from..end).unwrap_or_default());
    while let Some(bytes) = rest.first_chunk::<{ 2 * GRAM_LEN - 1 }>() {
        let [a, b, c, d, e, f, g] = *bytes;
        let gram = u32::from_le_bytes;
        let four = [gram([a, b, c, d]), gram([b, c, d, e]), gram([c, d, e, f]), gram([d, e, f, g])];
        let [first, second, third, fourth] = four;
        if may(first) | may(second) | may(third) | may(fourth) {
            (place..).zip(four).filter(|(_, gram)| may(*gram)).for_each(|(place, gram)| call(place, gram));
        }
        place += GRAM_LEN;
        rest = rest.get(GRAM_LEN..).unwrap_or_default();
    }
    let few = rest.array_windows().map(|gram| u32::from_le_bytes(*gram));
    (place..).zip(few).filter(|(_, gram)| may(*gram)).for_each(|(place, gram)| call(place, gram));
}

/// The part of a text that a detector sees at a place, and where it begins.
fn view(text: &[u8], place: usize) -> (&[u8], usize) {
    let base = place.saturating_sub(LOOK_BACK);
    (text.get(base..(place + LOOK_AHEAD).min(text.len())).unwrap_or_default(), base)
}

#[cold]
fn answer(text: &[u8], place: usize, ask: Ask, detectors: Detectors, carry: &mut Carry, spans: &mut Vec<Span>) {
    let (view, base) = view(text, place);
    let at = place - base;
    let finds = &mut Finds::new(spans, base, view.len());
    match ask {
        Ask::Rule(number, offset) => {
            let Some(start) = at.checked_sub(offset) else { return };
            if carry.idle.is_some_and(|(rule, until)| rule == number && place < until) {
                return;
            }
            let Some(rule) = rules::ALL.get(number) else { return };
            if let Err(until) = rule.find(view, start, finds) {
                carry.idle = Some((number, base + until)).filter(|_| until > start);
            }
        }
        Ask::Armour => private_key::find_armour(view, at, finds),
        Ask::Putty => private_key::find_putty(view, at, finds),
        Ask::Setting if detectors.context && place >= carry.name_end => {
            carry.name_end = base + setting::find_value(view, at, finds);
        }
        Ask::Scheme if detectors.context => header::find_scheme(view, at, finds),
        Ask::Cookies if detectors.context => header::find_cookies(view, at, finds),
        Ask::Curl if detectors.context => header::find_user(view, at, finds),
        Ask::Setting | Ask::Scheme | Ask::Cookies | Ask::Curl => {}
    }
}

/// Whether a byte stands in the runs that are looked at for their own sake. Without branches, so that many are compared at once.
const fn is_in_run(byte: u8) -> bool {
    let (letter, digit) = ((byte | 0x20).wrapping_sub(b'a') < 26, byte.wrapping_sub(b'0') < 10);
    // `-`, `.` and `/` follow one another.
    letter | digit | (byte.wrapping_sub(b'-') < 3) | (byte == b'+') | (byte == b'_')
}

/// Bytes that are compared at once.
const BLOCK_LEN: usize = 32;

/// A long run holds a whole one of such parts of a text, wherever it begins.
const PART_LEN: usize = RUN_LEN_MIN / 2;

/// Calls for each run of letters and digits that gets long from `from` to `to`, where it begins, and for later parts of it; `before` is how many
/// of them stand before `from` in a row, answered is how many stand before `to`.
fn runs(text: &[u8], (from, to): (usize, usize), before: usize, mut call: impl FnMut(usize, bool)) -> usize {
    let text = text.get(..to.min(text.len())).unwrap_or_default();
    let end_of = |place: usize| run(text, place, text.len(), is_in_run);
    let mut end = end_of(from);
    parts(from, before, end, &mut call);
    if end == text.len() {
        return before + end - from;
    }
    let mut tail = None;
    // What stands at `end` is in no run, and whatever begins before it was looked at.
    let mut look = |part: usize| {
        if part < end || run(text, part, PART_LEN, is_in_run) < part + PART_LEN {
            return;
        }
        let start = run_back(text, part, part - end, is_in_run);
        end = end_of(part);
        if end - start >= RUN_LEN_MIN {
            parts(start, 0, end, &mut call);
            tail = Some(end - start).filter(|_| end == text.len());
        }
    };
    let (blocks, rest) = text.get(from..).unwrap_or_default().as_chunks::<BLOCK_LEN>();
    for (first, block) in (from..).step_by(BLOCK_LEN).zip(blocks) {
        if holds_whole_part(block) {
            (first..first + BLOCK_LEN).step_by(PART_LEN).for_each(&mut look);
        }
    }
    (text.len() - rest.len()..text.len()).step_by(PART_LEN).for_each(look);
    tail.unwrap_or_else(|| text.len() - run_back(text, text.len(), RUN_LEN_MIN, is_in_run))
}

/// Whether one of the parts of a block lies wholly in a run.
fn holds_whole_part(block: &[u8; BLOCK_LEN]) -> bool {
    const WHOLE: u64 = u64::from_ne_bytes([1; PART_LEN]);
    let mut in_run = [0; BLOCK_LEN];
    in_run.iter_mut().zip(block).for_each(|(place, byte)| *place = u8::from(is_in_run(*byte)));
    let parts = in_run.as_chunks().0.iter();
    parts.fold(false, |found, part| found | (u64::from_ne_bytes(*part) == WHOLE))
}

/// Calls for the parts of a run that are seen between two places, `before` bytes of which stand before the first.
fn parts(from: usize, before: usize, end: usize, call: &mut impl FnMut(usize, bool)) {
    let mut place = from + until_next_look(before) - 1;
    while place < end {
        call(place + 1 - RUN_LEN_MIN, before + place + 1 - from == RUN_LEN_MIN);
        place += PIECE_LEN - PIECE_OVERLAP;
    }
}

/// How many more letters and digits until a run of so many is looked at again.
const fn until_next_look(run_len: usize) -> usize {
    if run_len < RUN_LEN_MIN {
        RUN_LEN_MIN - run_len
    } else {
        PIECE_LEN - PIECE_OVERLAP - (run_len - RUN_LEN_MIN) % (PIECE_LEN - PIECE_OVERLAP)
    }
}

/// Looks at signs that may be the middle of something, and where personal data is looked for at the first digits of numbers.
fn singles(text: &[u8], (from, to): (usize, usize), detectors: Detectors, spans: &mut Vec<Span>) {
    let (blocks, rest) = text.get(from..to.min(text.len())).unwrap_or_default().as_chunks::<BLOCK_LEN>();
    let mut look = |first: usize, bytes: &[u8]| {
        let looked_at = |byte: u8| matches!(byte, b'@' | b'~' | b'%' | b'\\') || (detectors.personal && byte.is_ascii_digit());
        for (place, byte) in (first..).zip(bytes).filter(|(_, byte)| looked_at(**byte)) {
            single(text, place, *byte, detectors, spans);
        }
    };
    for (first, block) in (from..).step_by(BLOCK_LEN).zip(blocks) {
        if holds_single(block, detectors.personal) {
            look(first, block);
        }
    }
    look(from + blocks.len() * BLOCK_LEN, rest);
}

/// Whether one of the bytes is looked at. One sign after the other, so that all bytes are compared at once.
fn holds_single(block: &[u8; BLOCK_LEN], digits: bool) -> bool {
    let holds = |sign: u8| block.iter().fold(0, |found, byte| found | u8::from(*byte == sign));
    let digit = |found: u8, byte: &u8| found | u8::from(byte.wrapping_sub(b'0') < 10);
    (holds(b'@') | holds(b'~') | holds(b'%') | holds(b'\\')) != 0 || (digits && block.iter().fold(0, digit) != 0)
}

/// A byte that may be the middle of something.
fn single(text: &[u8], place: usize, byte: u8, detectors: Detectors, spans: &mut Vec<Span>) {
    let (before, next) = (place.checked_sub(1).map_or(0, |place| at(text, place)), at(text, place + 1));
    let passed = match byte {
        b'%' => !next.is_ascii_hexdigit() || !detectors.encoded,
        b'\\' => !matches!(next, b'u' | b'x') || !detectors.encoded,
        b'~' => before != b'Q',
        b'@' => !detectors.context && !detectors.personal,
        // A digit.
        _ => before.is_ascii_digit(),
    };
    if passed {
        return;
    }
    let (view, base) = view(text, place);
    let at = place - base;
    let finds = &mut Finds::new(spans, base, view.len());
    match byte {
        b'@' => {
            if detectors.context {
                header::find_user_info(view, at, finds);
            }
            if detectors.personal {
                personal::find_email(view, at, finds);
            }
        }
        b'~' => rules::find_azure_secret(view, at, finds),
        b'%' | b'\\' => encoded::find_in_escapes(view, at, detectors, finds),
        _ => personal::find_number(view, at, finds),
    }
}

/// A run of letters and digits, or a later part of one, that begins at a place.
#[cold]
fn long_run(text: &[u8], place: usize, first: bool, detectors: Detectors, spans: &mut Vec<Span>) {
    let (view, base) = view(text, place);
    let start = if first { behind_escape(view, place - base) } else { place - base };
    let finds = &mut Finds::new(spans, base, view.len());
    if first {
        let numbers = rules::AT_RUNS.get(usize::from(at(view, start))).map(Vec::as_slice).unwrap_or_default();
        for rule in numbers.iter().filter_map(|number| rules::ALL.get(*number)) {
            // Whether it is there is all that counts here.
            let _ = rule.find(view, start, finds);
        }
    }
    if detectors.encoded {
        encoded::find_in_digits(view, start, PIECE_LEN, detectors, finds);
    }
}
