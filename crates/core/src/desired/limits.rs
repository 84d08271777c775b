//! Limits of a commit, each with its unit and reason.

/// Most files of one commit: ten thousand agents have fifty thousand where `agent add` made each of them (a file, and four of its workspace).
pub const FILES_MAX: usize = 65_536;

/// Longest file, in bytes; a hundred times a long policy.
pub const FILE_LEN_MAX: usize = 256 << 10;

/// Most bytes of one commit's files together; bounds what a reload holds in memory.
pub const TOTAL_LEN_MAX: usize = 32 << 20;

/// Longest bootstrap file, in bytes; it goes into every prompt.
pub const BOOTSTRAP_LEN_MAX: usize = 64 << 10;

/// Most bytes of one agent's bootstrap files together.
pub const BOOTSTRAP_TOTAL_MAX: usize = 1 << 20;

/// Most skills of one agent; all of them go into every prompt.
pub const SKILLS_MAX: usize = 32;

/// Longest name of a skill, in bytes; the public format's.
pub const SKILL_NAME_LEN_MAX: usize = 64;

/// Longest description of a skill, in characters; the public format's.
pub const SKILL_DESCRIPTION_LEN_MAX: usize = 1_024;

/// Longest `compatibility` of a skill, in characters; the public format's.
pub const SKILL_COMPATIBILITY_LEN_MAX: usize = 500;

/// Longest front matter of a skill, in bytes; description, compatibility and metadata of any real one have a quarter of that.
pub const SKILL_FRONT_LEN_MAX: usize = 16 << 10;

/// Most mounts of one agent; each is an open descriptor while a tool runs.
pub const MOUNTS_MAX: usize = 32;

/// Most programs that `process.run` may start for one agent; a person reads the list.
pub const PROGRAMS_MAX: usize = 64;

/// Most findings that are kept of one commit; nobody reads more.
pub const FINDINGS_MAX: usize = 1_000;
