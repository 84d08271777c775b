//! The Workload API, where the configuration names a socket for it.

use std::path::PathBuf;
use std::sync::Arc;

use scalbotics_core::time::Timestamp;
use tokio::net::UnixListener;

use super::parts::Keys;
use crate::config::Config;
use crate::jwt_keys;
use crate::rpc::{Context, workload};
use crate::start_error::StartError;

/// The socket, and what is handed out there.
pub(super) struct Workloads {
    listener: UnixListener,
    path: PathBuf,
    material: workload::Material,
}

impl Workloads {
    /// Takes the socket and makes sure of the key of tokens; `None` where no socket is named.
    ///
    /// # Errors
    /// [`StartError::Socket`], [`StartError::Trust`]; those of the keystore.
    pub(super) async fn prepare(config: &Config, keys: &Keys, now: Timestamp) -> Result<Option<Self>, StartError> {
        let Some(path) = config.workload_socket.clone() else { return Ok(None) };
        let signer = jwt_keys::signer(config, (&keys.keystore, &keys.file), now)?;
        let trust = |source: scalbotics_identity::holder::trust::Error| StartError::Trust {
            path: config.trust_file.clone(),
            source: source.into(),
        };
        let roots = keys.trust.roots().map_err(trust)?;
        let material = workload::Material::new(signer, config.trust_domain.clone(), &roots);
        let listener = workload::bind(&path).await.map_err(|source| StartError::Socket { path: path.clone(), source })?;
        Ok(Some(Self { listener, path, material }))
    }

    /// Serves until the drain begins.
    pub(super) fn serve(self, context: &Arc<Context>) {
        tracing::info!(socket = %self.path.display(), "serving the Workload API");
        let server = workload::Server::new(self.listener, self.path, Arc::clone(context), self.material);
        context.supervisor.spawn_essential("workload api", server.serve());
    }
}
