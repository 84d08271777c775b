//! A way around what clients over Unix sockets send as `:authority`: the socket's path, as gRPC's C core (`%2Frun%2Fagent.sock`) and Java
//! (`/run/agent.sock`) do. No host is spelled so, and the HTTP/2 library that is linked ends such a stream before anybody sees it.
//!
//! The bytes of the value are changed where they stand, each `%` and `/` into `-`, which is as long in both spellings of RFC 7541: no length changes, and
//! the tables of both sides stay the same but for a value that nobody reads.
//!
//! **Invariant:** only values of `:authority` in frames of headers change, by these two characters, and no byte is added or lost.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a client's side of a connection begins with (RFC 9113 §3.4), in bytes.
const PREFACE_LEN: usize = 24;

/// Length of a frame's head, in bytes (RFC 9113 §4.1).
const HEAD_LEN: usize = 9;

/// Longest frame that is waited for, in bytes: the library takes no longer ones.
const FRAME_LEN_MAX: usize = 16 << 10;

/// Bytes read at once.
const CHUNK_LEN: usize = 4 << 10;

/// The type of a frame of headers, and its flags of padding and priority (RFC 9113 §6.2).
const HEADERS: u8 = 1;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The index of `:authority` in the static table (RFC 7541 appendix A).
const AUTHORITY: u64 = 1;

/// The same name written out, plainly as the C core does it, and in Huffman codes.
const AUTHORITY_NAMES: [&[u8]; 2] = [b":authority", &[0xb8, 0x3b, 0x53, 0x39, 0xec, 0x32, 0x7d, 0x7f]];

/// Huffman codes of `%`, `/` and `-`, of six bits each (RFC 7541 appendix B).
const PERCENT_CODE: u32 = 0x15;
const SLASH_CODE: u32 = 0x18;
const DASH_CODE: u32 = 0x16;

/// For each length of a code, in bits, the last code that is so long; longer ones stand for nothing that a path holds.
const LAST_CODES: [(usize, u32); 4] = [(5, 0x09), (6, 0x2d), (7, 0x7b), (8, 0xfd)];

/// The client's side of a connection, with authorities that are hosts.
#[derive(Debug)]
pub(super) struct Lenient<S> {
    inner: S,
    mended: Mended,
}

/// Bytes on their way.
#[derive(Debug, Default)]
struct Mended {
    bytes: Vec<u8>,
    /// How many of them may go on.
    ready: usize,
    /// How many more bytes belong to what goes on as it is: the preface, or a frame of another type.
    plain: usize,
}

impl<S> Lenient<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, mended: Mended { plain: PREFACE_LEN, ..Mended::default() } }
    }
}

impl Mended {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        loop {
            let waiting = self.bytes.len() - self.ready;
            let plain = self.plain.min(waiting);
            self.ready += plain;
            self.plain -= plain;
            let rest = self.bytes.get_mut(self.ready..).unwrap_or_default();
            let Some(([a, b, c, kind, flags, ..], _)) = rest.split_first_chunk::<HEAD_LEN>() else { return };
            let len = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
            let (kind, flags) = (*kind, *flags);
            if kind == HEADERS && len <= FRAME_LEN_MAX {
                let Some(payload) = rest.get_mut(HEAD_LEN..HEAD_LEN + len) else { return };
                mend(payload, flags);
            }
            self.plain = HEAD_LEN + len;
        }
    }

    /// Moves what may go on to `out`, as much as there is room for.
    fn take(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let len = self.ready.min(out.remaining());
        out.put_slice(self.bytes.get(..len).unwrap_or_default());
        self.bytes.drain(..len);
        self.ready -= len;
        len > 0
    }
}

/// Mends the payload of a frame of headers; what does not read as one is left to the library.
fn mend(payload: &mut [u8], flags: u8) {
    let skipped = usize::from(flags & PADDED != 0) + if flags & PRIORITY == 0 { 0 } else { 5 };
    let mut at = skipped;
    while let Some(next) = field(payload, at) {
        if next.is_authority {
            let value = payload.get_mut(next.value).unwrap_or_default();
            if next.is_huffman { mend_huffman(value) } else { mend_plain(value) }
        }
        at = next.end;
    }
}

/// A field of a block.
struct Field {
    is_authority: bool,
    is_huffman: bool,
    value: std::ops::Range<usize>,
    end: usize,
}

/// The representation that begins at `at` (RFC 7541 §6).
fn field(block: &[u8], at: usize) -> Option<Field> {
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

impl<S: AsyncRead + Unpin> AsyncRead for Lenient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.mended.take(out) || out.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let mut chunk = [0; CHUNK_LEN];
            let mut read = ReadBuf::new(&mut chunk);
            match Pin::new(&mut this.inner).poll_read(context, &mut read) {
                Poll::Ready(Ok(())) if read.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => this.mended.push(read.filled()),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lenient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of a type with flags.
    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&len[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    fn through(bytes: &[u8], piece: usize) -> Vec<u8> {
        let mut mended = Mended { plain: PREFACE_LEN, ..Mended::default() };
        let mut gone = Vec::new();
        for part in bytes.chunks(piece) {
            mended.push(part);
            let mut room = vec![0; 70_000];
            let mut out = ReadBuf::new(&mut room);
            mended.take(&mut out);
            gone.extend_from_slice(out.filled());
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
}
