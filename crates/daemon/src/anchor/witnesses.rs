//! What witnesses say of the installation log before anything is appended to it (semantics §7.4).

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use scalbotics_core::in_words;
use scalbotics_core::ports::{CheckpointKeeper, KeepError};
use scalbotics_core::tenant::TenantId;
use scalbotics_runtime::Ports;
use scalbotics_runtime::audit::confirm;

use super::Refused;

/// Time that a start waits for witnesses; one that answers later is heard by the loop that gives it checkpoints.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// What witnesses say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// There is no witness, or one has confirmed the log.
    Confirmed,
    /// There is no checkpoint to ask about: of a new installation, or of one that was put back to its beginning.
    NotAsked,
    /// None could be asked, or none of those that could says anything.
    Nothing,
}

/// What witnesses say of the log, where there are some.
///
/// # Errors
/// [`Refused::Witness`], whatever the others say: one that lags behind confirms an older log too.
pub(crate) async fn hear(ports: &Ports, keepers: &[Arc<dyn CheckpointKeeper>]) -> Result<Said, Refused> {
    let system = TenantId::system();
    let one = async |witness: &dyn CheckpointKeeper| {
        let answer = tokio::time::timeout(ANSWER_MAX, confirm(ports, &system, witness)).await;
        let refused = |what: String, is_longer| Refused::Witness { witness: witness.name().to_owned(), what, is_longer };
        match answer {
            Ok(Ok(0)) => Ok(Said::NotAsked),
            Ok(Ok(_)) => Ok(Said::Confirmed),
            Ok(Err(KeepError::Knows { size })) => Err(refused(format!("{size} records, more"), true)),
            Ok(Err(KeepError::Forked)) => Err(refused("another history".to_owned(), false)),
            Ok(Err(error @ (KeepError::Refused { .. } | KeepError::Unreachable { .. }))) => {
                tracing::warn!(witness = witness.name(), error = in_words(&error), "witness does not confirm the log");
                Ok(Said::Nothing)
            }
            Err(_late) => {
                tracing::warn!(witness = witness.name(), "witness does not answer");
                Ok(Said::Nothing)
            }
        }
    };
    let witnesses: Vec<_> = keepers.iter().filter(|keeper| keeper.is_witness()).collect();
    let answers = join_all(witnesses.iter().map(|witness| one(witness.as_ref()))).await;
    let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(if answers.is_empty() || answers.contains(&Said::Confirmed) {
        Said::Confirmed
    } else if answers.contains(&Said::NotAsked) {
        Said::NotAsked
    } else {
        Said::Nothing
    })
}
