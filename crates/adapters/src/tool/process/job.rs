//! What the sandbox is asked to run, and within which limits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use scalbotics_core::digest::Digest;
use scalbotics_core::secret::Secret;
use serde::{Deserialize, Serialize};

/// One run of a program.
#[derive(Debug, Clone)]
pub struct Job {
    /// Program and arguments; the program is an absolute path. No shell, no search path.
    pub argv: Vec<String>,
    /// Environment beside the fixed `PATH`, `LANG`, `HOME` and `TMPDIR`, which it cannot replace.
    pub env: BTreeMap<String, String>,
    /// Secrets, beside the environment in variables of their own; they must be texts without a NUL byte.
    pub secrets: Vec<(String, Secret)>,
    /// Standard input, at most [`INPUT_BYTES_MAX`].
    pub input: Vec<u8>,
    /// Absolute paths that may be read and executed, beside the system's own.
    pub read_paths: Vec<PathBuf>,
    /// Absolute paths that may be read, not executed: a workspace.
    pub data_paths: Vec<PathBuf>,
    /// Absolute paths that may be read and written, not executed.
    pub write_paths: Vec<PathBuf>,
    /// Files of `argv` that must be what they were; the tool gets read-only copies of them, at paths of their own.
    pub pinned: Vec<Pinned>,
    /// Absolute path of the directory in which it starts; the scratch directory where there is none.
    pub directory: Option<PathBuf>,
    /// Whether the host's network may be used; without it there is not even a loopback.
    pub network: bool,
    /// What the run may use.
    pub limits: Limits,
}

/// A file that the run depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// Which element of `argv` is its absolute path; 0 is the program.
    pub argument: usize,
    /// SHA-256 of its content.
    pub digest: Digest,
}

/// What one run may use at most.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Wall clock; then everything is killed.
    pub wall: Duration,
    /// Seconds of CPU of one process.
    pub cpu_seconds: u64,
    /// Bytes of address space of one process (the sandbox's own image, some ten megabytes, is granted on top).
    pub address_space_bytes: u64,
    /// Processes and threads at one time. Looked at every 25 ms, and enforced by the kernel where the daemon is not root.
    pub processes: u64,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of the private scratch directory, which lives in memory.
    pub scratch_bytes: u64,
    /// Open files of one process.
    pub open_files: u64,
    /// Bytes of standard output that are kept.
    pub stdout_bytes: u64,
    /// Bytes of standard error that are kept.
    pub stderr_bytes: u64,
}

impl Default for Limits {
    /// Enough for a script or a compiler's front end, little enough that 16 at once fit a small machine.
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(30),
            cpu_seconds: 30,
            address_space_bytes: 1 << 30,
            processes: 32,
            file_bytes: 64 << 20,
            scratch_bytes: 64 << 20,
            open_files: 256,
            stdout_bytes: 1 << 20,
            stderr_bytes: 16 << 10,
        }
    }
}

/// Bytes of one stream after which the run is killed, as a multiple of what is kept: a chatty tool may finish, one that
/// pours does not.
pub(super) const OUTPUT_OVERRUN_MAX: u64 = 16;

/// Bytes of standard input.
pub const INPUT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of the description of a job; arguments of a program are limited to about as much by the kernel.
pub(super) const SPEC_BYTES_MAX: usize = 1024 * 1024;

/// Fixed environment of every tool; `HOME` and `TMPDIR` are the scratch directory.
pub(super) const FIXED_ENV: [(&str, &str); 2] = [("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8")];
