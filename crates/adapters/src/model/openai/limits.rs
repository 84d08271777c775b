//! Limits of what a server may send, each with its unit and reason.

/// Longest line of a stream, in bytes: the arguments of a call in one piece, every byte escaped.
pub(super) const LINE_LEN_MAX: usize = 2 << 20;

/// Longest event of a stream, in bytes: as many lines.
pub(super) const EVENT_LEN_MAX: usize = LINE_LEN_MAX;

/// Longest answer of any kind, in bytes; the largest output cap in events of one token.
pub(super) const STREAM_LEN_MAX: u64 = 64 << 20;

/// Bytes of a stream before and beside its tokens.
pub(super) const STREAM_LEN_BASE: u64 = 256 << 10;

/// Bytes of a stream for one token: an event with the filter results of the wordiest server has about 1000.
pub(super) const STREAM_LEN_A_TOKEN: u64 = 4 << 10;

/// Longest token, in bytes: vocabularies have runs of up to 128 blanks.
pub(super) const TOKEN_LEN_MAX: u64 = 256;

/// Bytes of text that an answer may have whatever its cap: a call needs names and ids.
pub(super) const TEXT_LEN_BASE: u64 = 4 << 10;

/// Events of a stream beside those of its tokens.
pub(super) const EVENTS_BASE: u64 = 1_024;

/// Longest body of an error that is read, in bytes.
pub(super) const ERROR_LEN_MAX: usize = 16 << 10;

/// For how long the body of an error is waited for, in milliseconds; its words are a courtesy.
pub(super) const ERROR_WAIT_MS: u64 = 2_000;

/// For how long the count of tokens is waited for behind the end of an answer, in milliseconds.
pub(super) const USAGE_WAIT_MS: u64 = 2_000;

/// For how long the end of the stream is waited for behind its last event, in milliseconds: then the connection can be used again.
pub(super) const DRAIN_WAIT_MS: u64 = 20;
