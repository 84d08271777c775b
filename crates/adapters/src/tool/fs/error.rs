//! What can go wrong in a file tool.

use std::io;

use super::path::RelPath;

/// Why a file tool gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arguments do not have the tool's shape.
    #[error("reading the arguments of `{tool}`")]
    Arguments {
        /// The tool's id.
        tool: &'static str,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// An argument has the right type but a value that is not allowed.
    #[error("the argument `{name}` {reason}")]
    Argument {
        /// The argument's name.
        name: &'static str,
        /// What is wrong with it, continuing "the argument x …".
        reason: &'static str,
    },
    /// The search pattern is not a regular expression, or too large when compiled.
    #[error("compiling the search pattern `{pattern}`")]
    Pattern {
        /// The pattern, escaped.
        pattern: String,
        /// What the compiler said.
        #[source]
        source: Box<regex::Error>,
    },
    /// The path leaves the workspace, through `..`, an absolute or climbing link, or a magic link.
    #[error("the path `{path}` leads out of the workspace")]
    Outside {
        /// The path asked for.
        path: RelPath,
    },
    /// Nothing has this name.
    #[error("there is no `{path}` in the workspace")]
    NotFound {
        /// The path asked for.
        path: RelPath,
    },
    /// The file is of a kind that the tool does not open.
    #[error("`{path}` is a {found}, not a {wanted}")]
    Kind {
        /// The path asked for.
        path: RelPath,
        /// What it is.
        found: &'static str,
        /// What the tool needs.
        wanted: &'static str,
    },
    /// The file has further names (hard links), which may lie outside.
    #[error("`{path}` has further names (hard links), so it may be a file from outside the workspace")]
    HardLink {
        /// The path asked for.
        path: RelPath,
    },
    /// The path may be read but never written.
    #[error("`{path}` is protected: files under `.git` run as programs or configure them")]
    Protected {
        /// The path asked for.
        path: RelPath,
    },
    /// The mount is for reading only.
    #[error("the mount `{mount}` is not writable")]
    ReadOnly {
        /// The mount's name.
        mount: String,
    },
    /// A directory has more entries than one call looks at.
    #[error("`{path}` has more than {limit} entries")]
    TooManyEntries {
        /// The directory.
        path: RelPath,
        /// The limit.
        limit: usize,
    },
    /// The caller withdrew the call.
    #[error("the call was cancelled")]
    Cancelled,
    /// The kernel refused an operation for another reason.
    #[error("could not {operation} `{path}`")]
    Io {
        /// A verb: open, read, write, …
        operation: &'static str,
        /// The path asked for.
        path: RelPath,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Puts the kernel's answer to a lookup into words.
    pub(super) fn of_lookup(operation: &'static str, path: &RelPath, errno: rustix::io::Errno) -> Self {
        let path = path.clone();
        match errno {
            rustix::io::Errno::NOENT => Self::NotFound { path },
            // XDEV: RESOLVE_BENEATH; LOOP: a magic link, or links that go in circles.
            rustix::io::Errno::XDEV | rustix::io::Errno::LOOP => Self::Outside { path },
            rustix::io::Errno::NOTDIR => Self::Kind { path, found: "file", wanted: "directory" },
            rustix::io::Errno::ISDIR => Self::Kind { path, found: "directory", wanted: "file" },
            // Opening a socket, or a FIFO for writing without a reader.
            rustix::io::Errno::NXIO => Self::Kind { path, found: "socket or FIFO", wanted: "file" },
            errno => Self::Io { operation, path, source: errno.into() },
        }
    }
}
