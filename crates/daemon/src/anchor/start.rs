//! What a start asks before it appends anything: the anchor, then the witnesses.

use std::sync::Arc;

use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::ports::CheckpointKeeper;
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::holder::trust;
use scalbotics_runtime::Ports;
use scalbotics_runtime::audit::Quota;
use scalbotics_store::SqliteStore;

use super::{Anchor, Said, hear, load, verify};
use crate::config::Config;
use crate::start_error::StartError;

/// The anchor that the store agrees with; a new installation's where there is no record yet.
pub(crate) async fn remembered(config: &Config, trust: &trust::File, store: &SqliteStore) -> Result<Anchor, StartError> {
    let refused = |source| StartError::Anchor { dir: config.data_dir.clone(), source };
    let anchor = load(&config.keystore, config.installation, &trust.log_keys).map_err(refused)?;
    verify(anchor.as_ref(), &config.keystore, store).await.map_err(refused)?;
    let anchor = anchor.unwrap_or_else(|| Anchor::empty(config.installation, Timestamp::from_unix_ms(0)));
    Ok(Anchor { writer_epoch: anchor.writer_epoch.max(store.writer_epoch()), ..anchor })
}

/// Asks witnesses before anything is appended; where none confirms the log only reads are served, unless the operator has said otherwise.
pub(crate) async fn ask_witnesses(
    config: &Config,
    (ports, keepers): (&Ports, &[Arc<dyn CheckpointKeeper>]),
    quota: &Quota,
    unwitnessed: bool,
) -> Result<(), StartError> {
    let refused = |source| StartError::Anchor { dir: config.data_dir.clone(), source };
    let said = hear(ports, keepers).await.map_err(refused)?;
    if unwitnessed {
        let (at, system) = (ports.clock.now(), TenantId::system());
        let mut record = Record::new(Kind::Installation, at, system, Uid::Daemon, "installation.start_unwitnessed");
        let word = if said == Said::Confirmed { "confirmed" } else { "not_confirmed" };
        record.outcome = Some(OutcomeNote { word: word.to_owned(), attempt: None, commitment: None });
        ports.audit_log.append(vec![record], Vec::new()).await.map_err(|error| refused(error.into()))?;
        return Ok(());
    }
    if said == Said::Nothing {
        tracing::error!(
            "no witness has confirmed the log: only reads are served until one does, or until `admin start --unwitnessed`"
        );
    }
    if said != Said::Confirmed {
        quota.await_witness(said == Said::Nothing);
    }
    Ok(())
}
