use super::fields::AUTHORITY_NAMES;
use super::frames::{FRAME_LEN_MAX, HEADERS, Mended, PADDED, PREFACE_LEN, PRIORITY, mend};

/// A frame of a type with flags.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
}

fn through(bytes: &[u8], piece: usize) -> Vec<u8> {
    let mut mended = Mended::default();
    let mut gone = Vec::new();
    for part in bytes.chunks(piece) {
        mended.push(part);
        gone.extend_from_slice(mended.ready());
        mended.gone(usize::MAX);
    }
    gone
}

/// `:method POST`, `:authority` with a value, and a field with a name of its own.
fn block(value: &[u8], huffman: u8) -> Vec<u8> {
    let len = huffman | u8::try_from(value.len()).unwrap();
    [&[0x83, 0x41, len], value, &[0x40, 3], b"a/b", &[3], b"%/%"].concat()
}

/// `%2Frun%2Fa.sock` and `-2Frun-2Fa.sock`, `/run/a.sock` and `-run-a.sock` in Huffman codes, as another encoder writes them.
const CODED: [(&[u8], &[u8]); 2] = [
    (
        &[0x54, 0x58, 0x2c, 0xb6, 0xa5, 0x45, 0x80, 0x6b, 0xa0, 0xe4, 0xeb],
        &[0x58, 0x58, 0x2c, 0xb6, 0xa5, 0x85, 0x80, 0x6b, 0xa0, 0xe4, 0xeb],
    ),
    (&[0x62, 0xcb, 0x6a, 0x60, 0x6b, 0xa0, 0xe4, 0xeb], &[0x5a, 0xcb, 0x6a, 0x58, 0x6b, 0xa0, 0xe4, 0xeb]),
];
const PREFACE: &[u8; PREFACE_LEN] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[test]
fn authorities_that_are_paths_become_hosts_and_nothing_else_changes() {
    let data = frame(0, 0, b"%/ is data");
    for (flags, before, after) in
        [(0x4, vec![], vec![]), (0x4 | PADDED, vec![2], vec![0, 0]), (0x4 | PRIORITY, vec![0; 5], vec![])]
    {
        let of = |value: &[u8], huffman| frame(HEADERS, flags, &[before.as_slice(), &block(value, huffman), &after].concat());
        for (value, wanted) in [
            (&b"%2Frun%2Fa.sock"[..], &b"-2Frun-2Fa.sock"[..]),
            (b"/run/a.sock", b"-run-a.sock"),
            (b"localhost", b"localhost"),
            (b"", b""),
        ] {
            let sent = [PREFACE.as_slice(), &data, &of(value, 0), &data].concat();
            let wanted = [PREFACE.as_slice(), &data, &of(wanted, 0), &data].concat();
            for piece in [1, 2, 3, 7, 50, 10_000] {
                assert_eq!(through(&sent, piece), wanted, "{value:?} {piece}");
            }
        }
    }
}

#[test]
fn the_name_may_be_written_out_as_the_c_core_does() {
    let of = |name: &[u8], flag, value: &[u8]| {
        let lens = [flag | u8::try_from(name.len()).unwrap(), u8::try_from(value.len()).unwrap()];
        let path = [b"\x40\x05:path\x0b/Service/Do".as_slice(), b"\x40"].concat();
        let block = [&path, &lens[..1], name, &lens[1..], value, b"\x83\x86\x40\x02te\x08trailers"].concat();
        [PREFACE.as_slice(), &frame(HEADERS, 4, &block)].concat()
    };
    for (name, flag) in AUTHORITY_NAMES.into_iter().zip([0, 0x80]) {
        let (sent, wanted) = (of(name, flag, b"run%2Fagent.sock"), of(name, flag, b"run-2Fagent.sock"));
        assert_eq!(through(&sent, 9), wanted);
    }
    let other = of(b"authority", 0, b"run%2Fagent.sock");
    assert_eq!(through(&other, 9), other);
}

#[test]
fn codes_of_six_bits_are_exchanged_where_they_stand() {
    for (sent, wanted) in CODED {
        let bytes = |value| [PREFACE.as_slice(), &frame(HEADERS, 4, &block(value, 0x80))].concat();
        assert_eq!(through(&bytes(sent), 5), bytes(wanted));
        assert_eq!(through(&bytes(wanted), 5), bytes(wanted), "nothing is left to mend");
    }
}

#[test]
fn rubbish_goes_through_byte_for_byte_in_number() {
    let mut seed = 7_u32;
    let mut rubbish = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    };
    for len in [0, 1, 9, 24, 100, 5_000] {
        let mut payload: Vec<u8> = (0..len).map(|_| rubbish()).collect();
        mend(&mut payload, 0);
        assert_eq!(payload.len(), len);
        let bytes = [PREFACE.as_slice(), &frame(HEADERS, rubbish(), &payload), &payload].concat();
        assert!(through(&bytes, 11).len() <= bytes.len());
    }
    // A frame that is longer than any that is taken is not waited for.
    let long = [PREFACE.as_slice(), &frame(HEADERS, 4, &vec![0; FRAME_LEN_MAX + 1])].concat();
    assert_eq!(through(&long, 1_000), long);
}
