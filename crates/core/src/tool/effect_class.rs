//! How an effect may be repeated after a crash (semantics §2.5).

use serde::{Deserialize, Serialize};

/// The class of a tool's effect; an unknown tool is [`EffectClass::Opaque`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// Changes nothing: re-run freely.
    Pure,
    /// Re-run with the same idempotency key within the key's life, afterwards IN_DOUBT.
    Keyed,
    /// Ask the target first; `NotLanded` counts only after the settling time.
    Verifiable,
    /// Never re-run: IN_DOUBT, for a human.
    Opaque,
}
