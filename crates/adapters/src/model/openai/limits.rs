//! Limits of what a model may write, each with its unit and reason.

/// Longest line of a stream, in bytes: the arguments of a call in one piece, every byte escaped.
pub(super) const LINE_LEN_MAX: usize = 2 << 20;

/// Longest event of a stream, in bytes: as many lines.
pub(super) const EVENT_LEN_MAX: usize = LINE_LEN_MAX;

/// Longest token, in bytes: vocabularies have runs of up to 128 blanks.
pub(super) const TOKEN_LEN_MAX: u64 = 256;

/// Bytes of text that an answer may have whatever its cap: a call needs names and ids.
pub(super) const TEXT_LEN_BASE: u64 = 4 << 10;

/// Events of a stream beside those of its tokens.
pub(super) const EVENTS_BASE: u64 = 1_024;
