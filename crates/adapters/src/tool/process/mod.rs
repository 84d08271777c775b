//! The sandbox of own tools: a program runs in namespaces of its own, under Landlock and seccomp, and cannot outlive the
//! daemon (semantics §2.6, §9.6).
//!
//! The daemon re-executes itself twice, so that no `unsafe` code runs between fork and exec:
//!
//! ```text
//! daemon ──socket──┐ (its end closes → everything below dies)
//!   └ scalboticsd sandbox outer   new user, pid, mount, ipc, uts and network namespaces; waits for init's end
//!       └ scalboticsd sandbox init   pid 1: private and read-only mounts, copies of pinned files, rlimits, Landlock, no capabilities, seccomp; then
//!           └ the tool             inherits all of it and cannot undo any of it
//! ```
//!
//! The socket is standard input of both helpers: it carries the job down, reports up, and its end is the lifeline. When pid 1
//! ends, the kernel kills every process of the namespace, also ones that forked twice and closed everything.
//!
//! After a job the daemon may start the next pair of helpers at once, which then waits for one: a call waits for the tool's start
//! alone ([`Sandbox::with_helpers_ready`]).
//!
//! **Invariant:** while any process of an attempt lives, a shared lock on the attempt's file is held; see [`Scope`].
//!
//! **Invariant:** what cannot be confined does not run: each missing kernel facility is a [`Refusal`].

mod capture;
mod host;
mod init;
mod job;
mod mounts;
mod outcome;
mod pair;
mod paths;
mod pinned;
mod readonly;
mod ready;
mod sandbox;
mod scope;
mod syscalls;
mod trial;
mod wire;

pub use self::host::{SUBCOMMAND, sandbox_main};
pub use self::job::{INPUT_BYTES_MAX, Job, Limits, Pinned};
pub use self::outcome::{Captured, Finished, Outcome, Refusal};
pub use self::pinned::{Opened, PINNED_BYTES_MAX, hash_into, open_regular};
pub use self::sandbox::Sandbox;
pub use self::scope::{Leftover, Scope};
pub use self::trial::try_out;
