//! One pass over a text: where there is something to look at, the detectors are asked; what they find are spans.
//!
//! **Invariant:** what is found from a place on follows from [`LOOK_BACK`] bytes before it and [`LOOK_AHEAD`] behind it, so that it does not
//! matter in which pieces a text arrives.

use super::anchors::{self, Anchors, Ask, GRAM_LEN};
use super::bytes::{at, behind_escape, run, run_back};
use super::span::{Finds, Span};
use super::{command, encoded, header, personal, private_key, rules, setting};

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
        let four = || bytes.array_windows().map(|gram| u32::from_le_bytes(*gram));
        if four().fold(false, |any, gram| any | may(gram)) {
            (place..).zip(four()).filter(|(_, gram)| may(*gram)).for_each(|(place, gram)| call(place, gram));
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
        Ask::Command if detectors.context => command::find_password(view, at, finds),
        Ask::Setting | Ask::Scheme | Ask::Cookies | Ask::Curl | Ask::Command => {}
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

/// Three of such parts of a text, one behind the other, lie wholly in a long run, wherever it begins.
const PART_LEN: usize = RUN_LEN_MIN / 4;

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
    let mut look = |place: usize| {
        if place >= end {
            let start = run_back(text, place, place - end, is_in_run);
            end = end_of(place);
            if end - start >= RUN_LEN_MIN {
                parts(start, 0, end, &mut call);
                tail = Some(end - start).filter(|_| end == text.len());
            }
        }
    };
    let mut last_two = 0;
    for (first, block) in (from..).step_by(BLOCK_LEN).zip(text.get(from..).unwrap_or_default().chunks(BLOCK_LEN)) {
        let whole = block.first_chunk().map_or_else(|| whole_parts(&filled_up(block)), whole_parts) << 2 | last_two;
        last_two = whole >> (BLOCK_LEN / PART_LEN);
        let mut thirds = whole & whole >> 1 & whole >> 2;
        while thirds != 0 {
            look(first + PART_LEN * usize::try_from(thirds.trailing_zeros()).unwrap_or_default());
            thirds &= thirds - 1;
        }
    }
    tail.unwrap_or_else(|| text.len() - run_back(text, text.len(), RUN_LEN_MIN, is_in_run))
}

/// The parts of a block that lie wholly in runs, as bits, the first of them the lowest.
#[inline]
fn whole_parts(block: &[u8; BLOCK_LEN]) -> u32 {
    const WHOLE: u32 = u32::from_ne_bytes([1; PART_LEN]);
    let mut in_run = [0; BLOCK_LEN];
    in_run.iter_mut().zip(block).for_each(|(place, byte)| *place = u8::from(is_in_run(*byte)));
    let parts = in_run.as_chunks().0.iter().rev();
    parts.fold(0, |bits, part| bits << 1 | u32::from(u32::from_ne_bytes(*part) == WHOLE))
}

/// The end of a text as a block: what is behind it is in no run.
#[cold]
fn filled_up(end: &[u8]) -> [u8; BLOCK_LEN] {
    let mut block = [0; BLOCK_LEN];
    block.iter_mut().zip(end).for_each(|(place, byte)| *place = *byte);
    block
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
            let pieces = (first..).step_by(STEP_LEN).zip(block.as_chunks::<STEP_LEN>().0);
            pieces.filter(|(_, piece)| holds_single(piece, detectors.personal)).for_each(|(place, piece)| look(place, piece));
        }
    }
    look(from + blocks.len() * BLOCK_LEN, rest);
}

/// Bytes of a piece of a block that is looked at one by one.
const STEP_LEN: usize = 8;

/// Whether one of the bytes is looked at. One sign after the other, so that all bytes are compared at once.
#[inline]
fn holds_single<const LEN: usize>(bytes: &[u8; LEN], digits: bool) -> bool {
    let holds = |sign: u8| bytes.iter().fold(0, |found, byte| found | u8::from(*byte == sign));
    let digit = |found: u8, byte: &u8| found | u8::from(byte.wrapping_sub(b'0') < 10);
    (holds(b'@') | holds(b'~') | holds(b'%') | holds(b'\\')) != 0 || (digits && bytes.iter().fold(0, digit) != 0)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every byte looked at, one after the other.
    fn runs_one_by_one(text: &[u8], (from, to): (usize, usize), before: usize) -> (Vec<(usize, bool)>, usize) {
        let (mut found, mut len) = (Vec::new(), before);
        for (place, byte) in text.iter().enumerate().take(to).skip(from) {
            len = if is_in_run(*byte) { len + 1 } else { 0 };
            if len >= RUN_LEN_MIN && (len - RUN_LEN_MIN).is_multiple_of(PIECE_LEN - PIECE_OVERLAP) {
                found.push((place + 1 - RUN_LEN_MIN, len == RUN_LEN_MIN));
            }
        }
        (found, len)
    }

    #[test]
    fn letters_digits_and_some_signs_make_runs() {
        for byte in 0..=u8::MAX {
            let wanted = byte.is_ascii_alphanumeric() || b"+/_-.".contains(&byte);
            assert_eq!(is_in_run(byte), wanted, "{byte}");
        }
    }

    proptest! {
        #[test]
        fn long_runs_are_found_wherever_they_begin_and_are_parted(
            pieces in proptest::collection::vec((prop_oneof![0_usize..40, 2_000_usize..4_200], 0_usize..20), 0..8),
            parted in proptest::collection::vec(1_usize..300, 0..20),
        ) {
            let text: Vec<u8> = pieces.iter().flat_map(|(run, gap)| [vec![b'a'; *run], vec![b' '; *gap]].concat()).collect();
            let (mut from, mut before) = (0, 0);
            for len in parted.into_iter().chain([text.len()]) {
                let to = (from + len).min(text.len());
                let mut found = Vec::new();
                let after = runs(&text, (from, to), before, |place, first| found.push((place, first)));
                prop_assert_eq!((found, after), runs_one_by_one(&text, (from, to), before));
                (from, before) = (to, after);
            }
        }

        #[test]
        fn four_bytes_are_found_at_each_place(text in "[a-d]{0,40}", from in 0_usize..40, len in 0_usize..40) {
            let (from, to) = (from.min(text.len()), (from + len).min(text.len()));
            let mut found = Vec::new();
            grams(text.as_bytes(), (from, to.max(from)), |gram| gram.to_le_bytes()[0] == b'a', |place, _| found.push(place));
            let wanted = (from..to.max(from)).filter(|place| text.len() >= place + GRAM_LEN && text.as_bytes()[*place] == b'a');
            prop_assert_eq!(found, wanted.collect::<Vec<_>>());
        }
    }
}
