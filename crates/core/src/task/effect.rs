//! What the runtime has to do once the events of a decision are durable.

use crate::ids::{ApprovalId, EffectId};

/// One thing to do after the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Send this attempt.
    Run {
        /// Which call.
        effect: EffectId,
        /// Which attempt.
        attempt: u32,
    },
    /// Tell approvers.
    AskApproval {
        /// Which approval.
        approval: ApprovalId,
    },
    /// Propose the next step.
    Advance,
    /// Stop what still runs of this call.
    Stop {
        /// Which call.
        effect: EffectId,
    },
    /// Nothing more will happen.
    Finish,
}
