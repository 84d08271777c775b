//! A command from outside of the actor, and the answer to it.

use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::StoreError;
use scalbotics_core::task::{Command, Rejection, State};
use scalbotics_core::tenant::TenantId;
use tokio::sync::oneshot;

use super::{Cause, Repeat};

/// A command from outside, with everything that its commit holds.
#[derive(Debug)]
pub(crate) struct Order {
    /// Whose order it is: an actor carries out its own tenant's only.
    pub(crate) tenant: TenantId,
    pub(crate) command: Command,
    pub(crate) payloads: Vec<Sealed>,
    pub(crate) cause: Cause,
    /// Under which the answer is kept, where the request may be repeated.
    pub(crate) repeat: Option<Repeat>,
}

/// Why an order was not carried out.
#[derive(Debug)]
pub(crate) enum OrderError {
    /// No such task in the tenant.
    Absent,
    /// The machine refuses.
    Rejected(Rejection),
    /// The mailbox is full, or the actor ended over it.
    Busy,
    /// The daemon is ending.
    Draining,
    /// The store did not take it.
    Store(StoreError),
    /// The task's own journal or command does not fit.
    Corrupt(String),
}

/// What an actor is sent.
#[derive(Debug)]
pub(super) enum Mail {
    /// Look whether there is something to do.
    Wake,
    /// Somebody of the chain was suspended, or what the agent had was voided: stop what runs. Whether anything new is sent, the gate says.
    Halt,
    /// Carry this out and answer with the state after it.
    Order(Box<Order>, oneshot::Sender<Result<State, OrderError>>),
}
