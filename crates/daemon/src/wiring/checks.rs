//! Everything that a start does, short of listening and serving.

use std::sync::Arc;

use scalbotics_adapters::attest::Rights;
use scalbotics_core::ports::{Clock, DesiredSource};
use scalbotics_runtime::reconcile::Compiler as _;
use scalbotics_store::OpenError;

use super::parts::{git, open_store, unlock};
use crate::anchor;
use crate::clock::{Guarded, System};
use crate::compiler::LocalCompiler;
use crate::config::Config;
use crate::places::Places;
use crate::start_error::{BoxError, StartError};

/// Does everything that a start does, short of listening and serving; answers what could not be looked at.
///
/// # Errors
/// [`StartError`]; also for a newest commit that would be refused.
pub async fn check(config: &Config) -> Result<Vec<String>, StartError> {
    let mut not_checked = Vec::new();
    let keys = unlock(config)?;
    if config
        .data_dir
        .try_exists()
        .map_err(|error| StartError::System { attempt: "look at the data directory", source: error.into() })?
    {
        match open_store(config) {
            Ok(store) => drop(anchor::remembered(config, &keys.trust, &store).await?),
            // That is when people want to know whether a reload would do.
            Err(StartError::Store { source: source @ OpenError::Locked { .. }, .. }) => not_checked.push(source.to_string()),
            Err(error) => return Err(error),
        }
    }
    let clock = Guarded::new(System, None);
    let issued = keys.authority.sign(keys.own.order(), clock.now());
    issued.map_err(|error| StartError::Certificate { source: error.into() })?;
    check_desired(config).await?;
    Ok(not_checked)
}

/// Whether the newest commit would be in force.
pub(super) async fn check_desired(config: &Config) -> Result<(), StartError> {
    let failed = |source: BoxError| StartError::Repository { path: config.repository.clone(), source };
    let source = git(config);
    let head = source.head().await.map_err(|error| failed(error.into()))?;
    let files = source.load(&head).await.map_err(|error| failed(error.into()))?;
    let compiler = compiler(config, Arc::new(Places::of(config)));
    let compiled = tokio::task::spawn_blocking(move || compiler.compile(files)).await.map_err(|error| failed(error.into()))?;
    compiled.map(drop).map_err(|findings| StartError::Desired { commit: head, findings })
}

/// The compiler of the configured tenant's desired state.
pub(crate) fn compiler(config: &Config, places: Arc<Places>) -> LocalCompiler {
    let compiler = LocalCompiler::new(config.tenant.clone(), places, config.settings.repository.overlay.clone());
    compiler.attesting(config.workload_socket.as_ref().map(|_| Rights::own()))
}
