//! How a running tool is told to stop, and when it is given up.

use async_trait::async_trait;
use scalbotics_core::ports::Stop;
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::EffectClass;
use tokio_util::sync::CancellationToken;

/// How long a verifiable or opaque request that is on its way may still answer, in milliseconds (semantics §4.3). Its runner gives it that, once it
/// was told to stop.
const ANSWER_GRACE_MS: u64 = 5_000;

/// How long a tool may take to obey, in milliseconds: the sandbox kills without cooperation after two seconds.
const OBEY_GRACE_MS: u64 = 5_000;

/// The signal that a running tool listens to.
#[derive(Debug, Default)]
pub(super) struct Signal(CancellationToken);

impl Signal {
    pub(super) fn raise(&self) {
        self.0.cancel();
    }

    pub(super) fn is_raised(&self) -> bool {
        self.0.is_cancelled()
    }
}

#[async_trait]
impl Stop for Signal {
    async fn stopped(&self) {
        self.0.cancelled().await;
    }
}

/// When a running tool is told to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    pub(super) stop_at: Timestamp,
    class: EffectClass,
}

impl Ending {
    /// The end that the warrant sets.
    pub(super) const fn at(stop_at: Timestamp, class: EffectClass) -> Self {
        Self { stop_at, class }
    }

    /// The same, hastened because the task is canceled or the agent suspended.
    pub(super) fn hasten(self, now: Timestamp) -> Self {
        Self { stop_at: self.stop_at.min(now), ..self }
    }

    /// When a tool that does not obey is given up.
    pub(super) const fn give_up_at(self) -> Timestamp {
        let answers_until = match self.class {
            EffectClass::Pure | EffectClass::Keyed => self.stop_at,
            EffectClass::Verifiable | EffectClass::Opaque => self.stop_at.plus_ms(ANSWER_GRACE_MS),
        };
        answers_until.plus_ms(OBEY_GRACE_MS)
    }
}
