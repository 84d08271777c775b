//! A daemon that serves: reload and drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use scalbotics_core::ids::InstallationId;
use scalbotics_runtime::Drained;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::config::{self, Config};
use crate::rpc::Context;

/// A daemon that serves. Dropping it does not end it: [`Running::shutdown`] does.
#[derive(Debug)]
pub struct Running {
    pub(crate) addresses: (SocketAddr, SocketAddr),
    pub(crate) context: Arc<Context>,
    pub(crate) health: HealthReporter,
    pub(crate) config: ArcSwap<Config>,
}

impl Running {
    /// The address of the API.
    #[must_use]
    pub const fn api(&self) -> SocketAddr {
        self.addresses.0
    }

    /// The address of `/healthz`, `/readyz` and `/metrics`.
    #[must_use]
    pub const fn admin(&self) -> SocketAddr {
        self.addresses.1
    }

    /// The installation that is served.
    #[must_use]
    pub fn installation(&self) -> InstallationId {
        self.context.installation.id
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// Returns when the daemon cannot go on: an essential task panicked, or the store will not write any more. Says why.
    pub async fn broken(&self) -> String {
        let mut fatal = self.context.store.fatal();
        let fatal = async move {
            match fatal.wait_for(Option::is_some).await {
                Ok(why) => why.clone().unwrap_or_default(),
                // The store's writer ended without a word; nothing can be written then either.
                Err(_) => "the writer of the store is gone".to_owned(),
            }
        };
        let mut refuted = self.context.keepers.refuted();
        let refuted = async move {
            match refuted.wait_for(Option::is_some).await {
                Ok(why) => why.clone().unwrap_or_default(),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            why = refuted => format!("the database is not the one that was seen: {why}"),
            why = fatal => format!("the store writes no more: {why}"),
            () = self.context.supervisor.broken() => "an essential background task panicked".to_owned(),
        }
    }

    /// Takes over what may change while serving, and looks at the repository. Answers the keys that need a restart.
    ///
    /// # Errors
    /// [`config::Error`]; the old configuration stays in force.
    pub fn reload(&self) -> Result<Vec<&'static str>, config::Error> {
        let (fresh, kept) = self.config.load().reloaded()?;
        self.context.limits.replace(fresh.settings.limits.clone());
        self.context.quota.replace(fresh.settings.limits.audit_bytes_per_day);
        self.config.store(Arc::new(fresh));
        self.context.tenants.nudge();
        Ok(kept)
    }

    /// Drains: no new calls, streams end, running tools finish within `limits.drain`; then signs the logs' last heads.
    pub async fn shutdown(self) -> Drained {
        self.health.set_service_status("", ServingStatus::NotServing).await;
        let deadline = Duration::from_millis(self.config.load().settings.limits.drain.as_ms());
        let drained = self.context.supervisor.drain(deadline).await;
        self.context.checkpointer.sign_all().await;
        self.context.anchor.write_last().await;
        drained
    }
}
