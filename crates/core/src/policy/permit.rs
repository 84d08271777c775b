//! From decision to effect: a [`Permit`] is made by `authorize`, a [`Warrant`] by the commit of its intent.
//!
//! **Invariant:** neither can be copied, made by hand or used for another act than the one decided (semantics §2.1).

use crate::ids::DecisionId;
use crate::time::Timestamp;

/// Something that needs a permit.
pub trait Act: Send + 'static {}

impl Act for crate::tool::Call {}

impl Act for crate::rpc::Method {}

/// The right to do one exact act, decided but not yet durable.
///
/// It cannot be built outside of this module:
/// ```compile_fail
/// let permit = scalbotics_core::policy::Permit { act: (), decision: todo!() };
/// ```
#[derive(Debug)]
#[must_use = "a permit that is dropped was decided for nothing"]
pub struct Permit<A: Act> {
    act: A,
    decision: DecisionId,
}

impl<A: Act> Permit<A> {
    pub(super) const fn new(act: A, decision: DecisionId) -> Self {
        Self { act, decision }
    }

    /// The act that is permitted.
    #[must_use]
    pub const fn act(&self) -> &A {
        &self.act
    }

    /// The decision that permits it.
    #[must_use]
    pub const fn decision(&self) -> DecisionId {
        self.decision
    }
}

/// Facts of the commit that made an intent durable, known only to the task log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    /// Epoch of the writer that committed; a later writer voids it.
    pub writer_epoch: u64,
    /// The acting principal's revocation epoch at the commit.
    pub revocation_epoch: u64,
    /// Index of the audit leaf of the intent in the tenant's log.
    pub audit_leaf: u64,
}

/// The right to do one exact act now: decided, durable, audited. Ports take warrants, so nothing else can run.
#[derive(Debug)]
#[must_use = "a warrant that is dropped leaves a durable intent without its effect"]
pub struct Warrant<A: Act> {
    act: A,
    decision: DecisionId,
    attempt: u32,
    deadline: Timestamp,
    commit: Commit,
}

impl<A: Act> Warrant<A> {
    /// The act to carry out.
    #[must_use]
    pub const fn act(&self) -> &A {
        &self.act
    }

    /// The decision behind it.
    #[must_use]
    pub const fn decision(&self) -> DecisionId {
        self.decision
    }

    /// Which attempt of the effect this is, from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Nothing may be sent at or after this moment.
    #[must_use]
    pub const fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// The commit that made it.
    #[must_use]
    pub const fn commit(&self) -> &Commit {
        &self.commit
    }
}

/// Turns the permit of a committed intent into its warrant.
///
/// **Boundary:** called by implementations of the task log after their commit and by nobody else; tidy checks the callers.
pub fn seal_warrants<A: Act>(permit: Permit<A>, attempt: u32, deadline: Timestamp, commit: Commit) -> Warrant<A> {
    Warrant { act: permit.act, decision: permit.decision, attempt, deadline, commit }
}
