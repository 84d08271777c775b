//! Running tools.

use async_trait::async_trait;

use crate::policy::Warrant;
use crate::tool::{Call, Definition, NotDone, Outcome, ResolvedInput, Verification};

/// Tells a running tool to stop: the task is canceled, the agent suspended, the daemon drains. A verifiable or opaque request that is on its way has
/// five seconds to answer, which its runner gives it (semantics §4.3).
#[async_trait]
pub trait Stop: Send + Sync {
    /// Returns when the tool has to stop.
    async fn stopped(&self);
}

/// Runs tools. Nothing runs without a warrant, and it gets the warrant's bytes and nothing else.
#[async_trait]
pub trait ToolRunner: Send + Sync + std::fmt::Debug {
    /// Names and hashes what the call, whose inputs are not known yet, depends on beside its arguments (semantics §2.3), in an
    /// order that is always the same.
    ///
    /// It is asked once for an effect, before the effect is decided; later attempts carry what was recorded then.
    ///
    /// # Errors
    /// Why the call could not be carried out as things are: a program is not there, or no regular file, or too large; the agent
    /// may not start it; the target may not be reached.
    async fn resolve(&self, tool: &Definition, call: &Call) -> Result<Vec<ResolvedInput>, NotDone>;

    /// Carries out the call and reports what became of it; with another content of a resolved input it never leaves, and says
    /// [`NotDone::Changed`].
    ///
    /// # Cancel safety
    /// Dropping the future kills what runs; the effect is then as unknown as after a crash. Use `stop` instead.
    async fn run(&self, tool: &Definition, warrant: Warrant<Call>, stop: &dyn Stop) -> Outcome;

    /// Asks the target of a verifiable call whether it landed, and for its result.
    ///
    /// Takes the call itself, since asking changes nothing and is allowed where another attempt is denied (semantics §2.4).
    async fn verify(&self, tool: &Definition, call: &Call) -> (Verification, Option<Vec<u8>>);

    /// Proves that nothing of an earlier attempt of this call still runs, killing it if need be (semantics §2.6).
    ///
    /// Answers `false` when that cannot be proven.
    async fn prove_dead(&self, tool: &Definition, call: &Call, attempt: u32) -> bool;
}
