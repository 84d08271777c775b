//! `[limits]`: how much of everything.

use scalbotics_core::time::Span;
use scalbotics_runtime::audit::BYTES_PER_DAY;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest message, in bytes: one payload.
    pub message_bytes: u32,
    /// Connections at one time.
    pub connections: u32,
    /// Open streams of one principal.
    pub streams_per_principal: u32,
    /// Calls a second of one principal.
    pub requests_per_second: RateLimits,
    /// How long a drain waits for running tools and streams.
    pub drain: Span,
    /// Bytes of audit records and decisions that one tenant may write in a day.
    pub audit_bytes_per_day: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 4 << 20,
            connections: 1_024,
            streams_per_principal: 64,
            requests_per_second: RateLimits::default(),
            drain: Span::from_ms(30_000),
            audit_bytes_per_day: BYTES_PER_DAY,
        }
    }
}

/// `[limits.requests_per_second]`: sustained calls a second of one principal; ten times as many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Cheap reads.
    pub read: u32,
    /// Mutations.
    pub write: u32,
    /// Streams opened.
    pub stream: u32,
    /// Logins, for one address.
    pub login: u32,
}

impl Default for RateLimits {
    /// What a busy console and a script beside it need; a flood reaches it in a second.
    fn default() -> Self {
        Self { read: 200, write: 100, stream: 20, login: 5 }
    }
}
