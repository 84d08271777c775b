//! What processes of the host send to the Workload API, before HTTP/2 is read: however it comes in pieces, the same goes on, of the same length, and
//! nothing but fields of headers is another.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_fuzz::frames::through;

const PREFACE_LEN: usize = 24;
const HEAD_LEN: usize = 9;
const HEADERS: u8 = 1;

fuzz_target!(|data: &[u8]| {
    let gone = through(data, data.len());
    for size in [1, 3, 1_000] {
        assert_eq!(through(data, size), gone, "pieces of {size} bytes make a difference");
    }
    assert!(gone.len() <= data.len());
    assert_eq!(through(&gone, 7), gone, "something is left to mend");
    let (mut at, mut frame) = (PREFACE_LEN, data.get(PREFACE_LEN..).unwrap_or_default());
    assert_eq!(gone.get(..PREFACE_LEN.min(gone.len())), data.get(..PREFACE_LEN.min(gone.len())), "the preface");
    while let Some(([a, b, c, kind, ..], _)) = frame.split_first_chunk::<HEAD_LEN>() {
        let end = at + HEAD_LEN + (usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c));
        let same = if *kind == HEADERS { at + HEAD_LEN } else { end };
        let range = at.min(gone.len())..same.min(gone.len());
        assert_eq!(gone.get(range.clone()), data.get(range), "what is no field of a header");
        (at, frame) = (end, data.get(end..).unwrap_or_default());
    }
});
