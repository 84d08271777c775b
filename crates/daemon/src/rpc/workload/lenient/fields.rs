//! Fields of a block of headers (RFC 7541): where values of `:authority` are, and what is changed in them.

/// The index of `:authority` in the static table (RFC 7541 appendix A).
const AUTHORITY: u64 = 1;

/// The same name written out, plainly as the C core does it, and in Huffman codes.
pub(super) const AUTHORITY_NAMES: [&[u8]; 2] = [b":authority", &[0xb8, 0x3b, 0x53, 0x39, 0xec, 0x32, 0x7d, 0x7f]];

/// Huffman codes of `%`, `/` and `-`, of six bits each (RFC 7541 appendix B).
const PERCENT_CODE: u32 = 0x15;
const SLASH_CODE: u32 = 0x18;
const DASH_CODE: u32 = 0x16;

/// For each length of a code, in bits, the last code that is so long; longer ones stand for nothing that a path holds.
const LAST_CODES: [(usize, u32); 4] = [(5, 0x09), (6, 0x2d), (7, 0x7b), (8, 0xfd)];

/// A field of a block.
pub(super) struct Field {
    pub(super) is_authority: bool,
    pub(super) is_huffman: bool,
    pub(super) value: std::ops::Range<usize>,
    pub(super) end: usize,
}

/// The representation that begins at `at` (RFC 7541 §6).
pub(super) fn read(block: &[u8], at: usize) -> Option<Field> {
    let first = *block.get(at)?;
    let prefix = match first {
        0x80.. => 7,
        0x40..0x80 => 6,
        0x20..0x40 => 5,
        ..0x20 => 4,
    };
    let (index, mut end) = integer(block, at, prefix)?;
    if matches!(prefix, 7 | 5) {
        return Some(Field { is_authority: false, is_huffman: false, value: end..end, end });
    }
    let mut is_authority = index == AUTHORITY;
    if index == 0 {
        let (_, name) = string(block, end)?;
        end = name.end;
        is_authority = block.get(name).is_some_and(|name| AUTHORITY_NAMES.contains(&name));
    }
    let (is_huffman, value) = string(block, end)?;
    Some(Field { is_authority, is_huffman, end: value.end, value })
}

/// A string: whether its bytes are Huffman codes, and where they are.
fn string(block: &[u8], at: usize) -> Option<(bool, std::ops::Range<usize>)> {
    let is_huffman = block.get(at)? & 0x80 != 0;
    let (len, begin) = integer(block, at, 7)?;
    let end = begin.checked_add(usize::try_from(len).ok()?)?;
    (end <= block.len()).then_some((is_huffman, begin..end))
}

/// A number with a prefix of so many bits, and where it ends (RFC 7541 §5.1).
fn integer(block: &[u8], at: usize, prefix: u32) -> Option<(u64, usize)> {
    let most = (1_u64 << prefix) - 1;
    let mut value = u64::from(*block.get(at)?) & most;
    let mut end = at + 1;
    if value < most {
        return Some((value, end));
    }
    for shift in [0, 7, 14, 21] {
        let byte = u64::from(*block.get(end)?);
        end += 1;
        value += (byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, end));
        }
    }
    None
}

/// Exchanges the two characters of a value.
pub(super) fn mend(value: &mut [u8], is_huffman: bool) {
    if is_huffman { mend_huffman(value) } else { mend_plain(value) }
}

fn mend_plain(value: &mut [u8]) {
    value.iter_mut().filter(|byte| matches!(**byte, b'%' | b'/')).for_each(|byte| *byte = b'-');
}

fn mend_huffman(value: &mut [u8]) {
    let mut at = 0;
    loop {
        let code = |bits| (at..at + bits).try_fold(0, |code, bit| Some(code << 1 | u32::from(bit_of(value, bit)?)));
        let found = LAST_CODES.into_iter().find_map(|(bits, last)| Some((bits, code(bits).filter(|code| *code <= last)?)));
        let Some((bits, code)) = found else { return };
        if bits == 6 && matches!(code, PERCENT_CODE | SLASH_CODE) {
            (0..bits).for_each(|bit| set_bit(value, at + bit, DASH_CODE >> (bits - 1 - bit) & 1 == 1));
        }
        at += bits;
    }
}

fn bit_of(bytes: &[u8], bit: usize) -> Option<bool> {
    Some(bytes.get(bit / 8)? & (0x80 >> (bit % 8)) != 0)
}

fn set_bit(bytes: &mut [u8], bit: usize, set: bool) {
    let mask = 0x80 >> (bit % 8);
    if let Some(byte) = bytes.get_mut(bit / 8) {
        *byte = if set { *byte | mask } else { *byte & !mask };
    }
}
