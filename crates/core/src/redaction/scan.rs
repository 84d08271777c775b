//! One pass over a text: where there is something to look at, the detectors are asked; what they find are spans.
//!
//! **Invariant:** what is found from a place on follows from [`LOOK_BACK`] bytes before it and [`LOOK_AHEAD`] behind it, so that it does not
//! matter in which pieces a text arrives.

use std::sync::LazyLock;

use super::anchors::{self, Anchors, Ask, GRAM_LEN};
use super::bytes::{at, behind_escape};
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
    classes(text, (from, to), detectors, carry, spans);
}

/// Calls for each place from `from` to `to` at which four bytes stand.
#[inline]
pub(super) fn grams(text: &[u8], from: usize, to: usize, mut call: impl FnMut(usize, u32)) {
    let end = (to + GRAM_LEN - 1).min(text.len());
    let bytes = text.get(from..end).unwrap_or_default();
    let Some((head, rest)) = bytes.split_at_checked(GRAM_LEN - 1) else { return };
    let mut gram = head.iter().fold(0_u32, |gram, byte| (gram >> 8) | (u32::from(*byte) << 24));
    for (place, byte) in (from..).zip(rest) {
        gram = (gram >> 8) | (u32::from(*byte) << 24);
        call(place, gram);
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

/// What a byte may begin.
const RUN: u8 = 1;
const DIGIT: u8 = 2;
const AT: u8 = 4;
const TILDE: u8 = 8;
const ESCAPE: u8 = 16;

/// What a byte may begin.
const fn class(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => RUN | DIGIT,
        b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'/' | b'_' | b'-' | b'.' => RUN,
        b'@' => AT,
        b'~' => TILDE,
        b'%' | b'\\' => ESCAPE,
        _ => 0,
    }
}

static CLASSES: LazyLock<[u8; 256]> = LazyLock::new(|| {
    let mut classes = [0; 256];
    (0..=u8::MAX).zip(&mut classes).for_each(|(byte, place)| *place = class(byte));
    classes
});

/// Looks at bytes one by one: runs of letters and digits, numbers, at signs, escapes.
#[inline(never)]
fn classes(text: &[u8], (from, to): (usize, usize), detectors: Detectors, carry: &mut Carry, spans: &mut Vec<Span>) {
    let mut before = from.checked_sub(1).map_or(0, |place| class(at(text, place)));
    let classes: &[u8; 256] = &CLASSES;
    let mut run_start = from.checked_sub(carry.run_len);
    let mut next_look = from + until_next_look(carry.run_len) - 1;
    for (place, byte) in (from..).zip(text.get(from..to.min(text.len())).unwrap_or_default()) {
        let now = classes.get(usize::from(*byte)).copied().unwrap_or_default();
        if now & RUN == 0 {
            run_start = Some(place + 1);
            next_look = place + RUN_LEN_MIN;
        } else if place == next_look {
            let first = run_start.is_some_and(|start| place + 1 - start == RUN_LEN_MIN);
            long_run(text, place + 1 - RUN_LEN_MIN, first, detectors, spans);
            next_look += PIECE_LEN - PIECE_OVERLAP;
        }
        if now & (DIGIT | AT | TILDE | ESCAPE) != 0 {
            single(text, place, now, before, detectors, spans);
        }
        before = now;
    }
    carry.run_len = run_start.map_or(carry.run_len + to - from, |start| to - start);
}

/// How many more letters and digits until a run of so many is looked at again.
const fn until_next_look(run_len: usize) -> usize {
    if run_len < RUN_LEN_MIN {
        RUN_LEN_MIN - run_len
    } else {
        PIECE_LEN - PIECE_OVERLAP - (run_len - RUN_LEN_MIN) % (PIECE_LEN - PIECE_OVERLAP)
    }
}

/// A byte that may be the middle of something.
#[cold]
fn single(text: &[u8], place: usize, now: u8, before: u8, detectors: Detectors, spans: &mut Vec<Span>) {
    if now & DIGIT != 0 && (before & DIGIT != 0 || !detectors.personal) {
        return;
    }
    let (view, base) = view(text, place);
    let at = place - base;
    let finds = &mut Finds::new(spans, base, view.len());
    if now & DIGIT != 0 {
        personal::find_number(view, at, finds);
    } else if now & AT != 0 {
        if detectors.context {
            header::find_user_info(view, at, finds);
        }
        if detectors.personal {
            personal::find_email(view, at, finds);
        }
    } else if now & TILDE != 0 {
        rules::find_azure_secret(view, at, finds);
    } else if detectors.encoded {
        encoded::find_in_escapes(view, at, detectors, finds);
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
