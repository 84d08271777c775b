//! Frames of HTTP/2 on their way (RFC 9113 §4): what is no frame of headers goes on as it is, and a frame of headers once it is whole.

use super::fields;

/// What a client's side of a connection begins with (RFC 9113 §3.4), in bytes.
pub(super) const PREFACE_LEN: usize = 24;

/// Length of a frame's head, in bytes (RFC 9113 §4.1).
const HEAD_LEN: usize = 9;

/// Longest frame that is waited for, in bytes: the library takes no longer ones.
pub(super) const FRAME_LEN_MAX: usize = 16 << 10;

/// The type of a frame of headers, and its flags of padding and priority (RFC 9113 §6.2).
pub(super) const HEADERS: u8 = 1;
pub(super) const PADDED: u8 = 0x8;
pub(super) const PRIORITY: u8 = 0x20;

/// Bytes on their way.
#[derive(Debug)]
pub(super) struct Mended {
    bytes: Vec<u8>,
    /// How many of them may go on.
    ready: usize,
    /// How many more bytes belong to what goes on as it is: the preface, or a frame of another type.
    plain: usize,
}

impl Default for Mended {
    /// The preface is to come.
    fn default() -> Self {
        Self { bytes: Vec::new(), ready: 0, plain: PREFACE_LEN }
    }
}

impl Mended {
    /// Takes bytes as they arrive.
    pub(super) fn push(&mut self, bytes: &[u8]) {
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

    /// What may go on.
    pub(super) fn ready(&self) -> &[u8] {
        self.bytes.get(..self.ready).unwrap_or_default()
    }

    /// So many of those bytes have gone on.
    pub(super) fn gone(&mut self, len: usize) {
        let len = len.min(self.ready);
        self.bytes.drain(..len);
        self.ready -= len;
    }
}

/// Mends the payload of a frame of headers; what does not read as one is left to the library.
pub(super) fn mend(payload: &mut [u8], flags: u8) {
    let skipped = usize::from(flags & PADDED != 0) + if flags & PRIORITY == 0 { 0 } else { 5 };
    let mut at = skipped;
    while let Some(next) = fields::read(payload, at) {
        if next.is_authority {
            let value = payload.get_mut(next.value).unwrap_or_default();
            fields::mend(value, next.is_huffman);
        }
        at = next.end;
    }
}
