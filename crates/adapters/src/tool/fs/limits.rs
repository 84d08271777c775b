//! Limits of the file tools, each with its unit and reason.

/// Bytes of a path argument; the kernel's `PATH_MAX`.
pub const PATH_BYTES_MAX: usize = 4096;

/// Components of a path argument; deeper trees are generated, not written by people.
pub const PATH_DEPTH_MAX: usize = 128;

/// Bytes returned by one `fs.read`; larger files are read by offset, so that one answer fits a model's turn.
pub const READ_BYTES_MAX: u64 = 1024 * 1024;

/// Bytes of a file that are read without a thread for it: copied and checked in some 20 µs, less than a way to a thread takes.
pub const READ_AT_ONCE_BYTES_MAX: u64 = 16 * 1024;

/// Entries in one page of `fs.list`.
pub const LIST_ENTRIES_MAX: usize = 1000;

/// Directory entries that one `fs.list` looks at; bounds the time of a page over a huge directory to about a second.
pub const LIST_SCAN_MAX: usize = 1_000_000;

/// Bytes of one `fs.write`; above that a tool of its own is the right way.
pub const WRITE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of a search pattern.
pub const SEARCH_PATTERN_BYTES_MAX: usize = 1024;

/// Bytes of a compiled search pattern; bounds memory of hostile repetitions such as `(a{1000}){1000}`.
pub const SEARCH_PROGRAM_BYTES_MAX: usize = 1024 * 1024;

/// Files that one search opens.
pub const SEARCH_FILES_MAX: usize = 100_000;

/// Bytes that one search reads.
pub const SEARCH_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Bytes of one file that a search reads; larger files are data, not text, and are counted as skipped.
pub const SEARCH_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Matching lines that one search returns.
pub const SEARCH_MATCHES_MAX: usize = 1000;

/// Bytes of a matching line that are returned, from the line's start.
pub const SEARCH_LINE_BYTES_MAX: usize = 512;

/// Bytes at a file's start that are looked at for a NUL, which marks a binary file.
pub const SEARCH_SNIFF_BYTES: usize = 8 * 1024;

/// Directory levels below the start that a search enters.
pub const SEARCH_DEPTH_MAX: usize = 64;

/// Entries of one directory that a search takes into memory.
pub const SEARCH_DIR_ENTRIES_MAX: usize = 100_000;

/// Times that a lookup is tried again when the kernel saw a concurrent rename (`EAGAIN` of `openat2`).
pub const LOOKUP_RETRIES_MAX: usize = 16;
