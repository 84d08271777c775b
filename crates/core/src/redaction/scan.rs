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
    grams(text, from, to, |place, gram| {
        if anchors.may_hold(gram) {
            anchors.asked(gram).for_each(|ask| answer(text, place, ask, detectors, carry, spans));
        }
    });
    carry.run_len = runs(text, (from, to), carry.run_len, |place, first| long_run(text, place, first, detectors, spans));
    singles(text, (from, to), detectors, spans);
}

/// Calls for each place from `from` to `to` at which four bytes stand.
#[inline]
pub(super) fn grams(text: &[u8], from: usize, to: usize, mut call: impl FnMut(usize, u32)) {
    let end = (to + GRAM_LEN - 1).min(text.len());
    let bytes = text.get(from..end).unwrap_or_default();
    for (place, gram) in (from..).zip(bytes.array_windows::<GRAM_LEN>()) {
        call(place, u32::from_le_bytes(*gram));
    }
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

/// For each byte, as a bit, whether it stands in the runs that are looked at for their own sake.
static RUNS: [u64; 4] = [run_bits(0), run_bits(64), run_bits(128), run_bits(192)];

const fn run_bits(first: u8) -> u64 {
    let (mut bits, mut place) = (0, 0);
    while place < 64 {
        let byte = first + place;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-' | b'.') {
            bits |= 1 << place;
        }
        place += 1;
    }
    bits
}

fn is_in_run(byte: u8) -> bool {
    RUNS.get(usize::from(byte >> 6)).is_some_and(|bits| bits >> (byte & 63) & 1 == 1)
}

/// Bytes among which a sign is looked for at once.
const BLOCK_LEN: usize = 32;

/// Calls for each run of letters and digits that gets long from `from` to `to`, where it begins, and for later parts of it; `before` is how many
/// of them stand before `from` in a row, answered is how many stand before `to`.
///
/// A run that is long has a byte at each place that is as far from the last as it must be long: the others are not looked at.
fn runs(text: &[u8], (from, to): (usize, usize), before: usize, mut call: impl FnMut(usize, bool)) -> usize {
    let text = text.get(..to.min(text.len())).unwrap_or_default();
    let end_of = |place: usize| run(text, place, text.len(), is_in_run);
    let mut end = end_of(from);
    parts(from, before, end, &mut call);
    if end == text.len() {
        return before + end - from;
    }
    // What stands at `end` is in no run, and all before it was looked at.
    while end + RUN_LEN_MIN < text.len() {
        let start = run_back(text, end + RUN_LEN_MIN + 1, RUN_LEN_MIN, is_in_run);
        if start > end + 1 {
            end = start - 1;
            continue;
        }
        end = end_of(start);
        parts(start, 0, end, &mut call);
        if end == text.len() {
            return end - start;
        }
    }
    text.len() - run_back(text, text.len(), RUN_LEN_MIN, is_in_run)
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
    let blocks = text.get(from..to.min(text.len())).unwrap_or_default().chunks(BLOCK_LEN);
    for (first, block) in (from..).step_by(BLOCK_LEN).zip(blocks) {
        if !holds_single(block, detectors.personal) {
            continue;
        }
        for (place, byte) in
            (first..).zip(block).filter(|(_, byte)| is_sign(**byte) || (detectors.personal && byte.is_ascii_digit()))
        {
            single(text, place, *byte, detectors, spans);
        }
    }
}

/// Whether one of the bytes is looked at: without a branch, so that many are compared at once.
fn holds_single(block: &[u8], digits: bool) -> bool {
    let mut found = block.iter().fold(false, |found, byte| found | is_sign(*byte));
    if digits {
        found |= block.iter().fold(false, |found, byte| found | byte.is_ascii_digit());
    }
    found
}

const fn is_sign(byte: u8) -> bool {
    (byte == b'@') | (byte == b'~') | (byte == b'%') | (byte == b'\\')
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
