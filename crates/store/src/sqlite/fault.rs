//! What can be wrong with an audit log, what kind of damage that is, and where.

use std::fmt;

use scalbotics_core::tenant::TenantId;

/// What was done to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// What stood there was changed.
    Edit,
    /// An entry was taken out.
    Delete,
    /// An entry was put in.
    Insert,
    /// Two entries changed places.
    Swap,
    /// The end was cut off.
    Truncation,
    /// An older state was put back.
    Rollback,
    /// Another history was written, sound in itself.
    Fork,
}

impl Damage {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::Insert => "insert",
            Self::Swap => "swap",
            Self::Truncation => "truncation",
            Self::Rollback => "rollback",
            Self::Fork => "fork",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Where a log is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nowhere that can be said.
    Unknown,
    /// At this index.
    At(u64),
    /// In the entries from this index up to, and without, the other: between two sizes that agree with what was signed.
    Between(u64, u64),
}

/// The first thing that does not fit, from the start of the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no log, or it is empty: nothing can be said about it.
    #[error("tenant `{tenant}` has no audit log")]
    Absent {
        /// The tenant.
        tenant: TenantId,
    },
    /// The bytes of a leaf are not those that were hashed, or are no record of this log.
    #[error("leaf {index} was edited: {what}")]
    Edited {
        /// Its index.
        index: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// A leaf is not there, and others stand behind it.
    #[error("leaf {index} is missing")]
    Missing {
        /// Its index.
        index: u64,
    },
    /// A leaf was put in, and the hashes still are those of the log before.
    #[error("leaf {index} was put in")]
    Inserted {
        /// Its index.
        index: u64,
    },
    /// Two leaves changed places, and the hashes did not.
    #[error("leaves {index} and {other} were swapped")]
    Swapped {
        /// Index of the first.
        index: u64,
        /// Index of the other.
        other: u64,
    },
    /// The leaves end before the end that the head names.
    #[error("log ends at size {size}, and its head names {head} leaves")]
    Truncated {
        /// Leaves that are there.
        size: u64,
        /// Leaves that the head names.
        head: u64,
    },
    /// There are leaves behind the end that the head names.
    #[error("leaf {index} stands behind the end of the log")]
    Beyond {
        /// Its index.
        index: u64,
    },
    /// All leaves fit their hashes, and their root is not that of the head.
    #[error("head at size {size} does not have the root of its leaves; they agree with what was signed up to {after}")]
    Head {
        /// Size of the newest checkpoint that agrees.
        after: u64,
        /// The head's size.
        size: u64,
    },
    /// A stored checkpoint is of another log: its leaves, up to this size, are not those that were signed.
    #[error("checkpoint at size {size} does not agree with the leaves; they agree up to {after}: {damage}")]
    Checkpoint {
        /// Size of the newest checkpoint that agrees.
        after: u64,
        /// The checkpoint's size.
        size: u64,
        /// What was done, as far as can be said.
        damage: Damage,
    },
    /// The log is shorter than a checkpoint that was kept elsewhere: its end was cut off, or an older database was put back.
    #[error("log ends at size {size}, and a checkpoint kept elsewhere was signed at size {kept}: {damage}")]
    Short {
        /// Size of the log.
        size: u64,
        /// Size of the checkpoint.
        kept: u64,
        /// Which of the two.
        damage: Damage,
    },
    /// The log does not have the root that a checkpoint kept elsewhere says, and agrees with its own: it was forked.
    #[error(
        "checkpoint kept elsewhere, at size {size}, does not agree with the leaves; they agree with what was signed up to {after}: fork"
    )]
    Kept {
        /// Size of the newest checkpoint that agrees.
        after: u64,
        /// Size of the checkpoint.
        size: u64,
    },
    /// The database cannot be read.
    #[error("audit log cannot be read: {what}")]
    Unreadable {
        /// What the engine said.
        what: String,
    },
}

impl Fault {
    /// What was done to the log; nothing where there is none, or it cannot be read.
    #[must_use]
    pub const fn damage(&self) -> Option<Damage> {
        match self {
            Self::Absent { .. } | Self::Unreadable { .. } => None,
            Self::Edited { .. } | Self::Head { .. } => Some(Damage::Edit),
            Self::Missing { .. } => Some(Damage::Delete),
            Self::Inserted { .. } | Self::Beyond { .. } => Some(Damage::Insert),
            Self::Swapped { .. } => Some(Damage::Swap),
            Self::Truncated { .. } => Some(Damage::Truncation),
            Self::Checkpoint { damage, .. } | Self::Short { damage, .. } => Some(*damage),
            Self::Kept { .. } => Some(Damage::Fork),
        }
    }

    /// Where: the exact index where the hashes of leaves survive, else the entries between two sizes that were signed.
    #[must_use]
    pub const fn place(&self) -> Place {
        match self {
            Self::Absent { .. } | Self::Unreadable { .. } => Place::Unknown,
            Self::Edited { index, .. }
            | Self::Missing { index }
            | Self::Inserted { index }
            | Self::Swapped { index, .. }
            | Self::Beyond { index } => Place::At(*index),
            Self::Truncated { size, .. } => Place::At(*size),
            Self::Head { after, size } | Self::Checkpoint { after, size, .. } | Self::Kept { after, size } => {
                Place::Between(*after, *size)
            }
            Self::Short { size, kept, .. } => Place::Between(*size, *kept),
        }
    }
}

/// What the engine said.
pub(super) fn unreadable(error: impl fmt::Display) -> Fault {
    Fault::Unreadable { what: error.to_string() }
}
