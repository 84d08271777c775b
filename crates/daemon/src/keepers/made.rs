//! The keepers, in the order of the configuration.

use std::sync::Arc;

use scalbotics_adapters::keeper::{File, Webhook, Witness};
use scalbotics_core::egress::Roots;
use scalbotics_core::ports::CheckpointKeeper;

use super::git::Git;
use super::witness::Verified;
use crate::config::{Config, KeptBy};
use crate::own_secrets::OwnSecrets;

/// The keepers, in the order of the configuration; `roots` are believed beside the system's authorities.
pub(crate) fn keepers(config: &Config, secrets: &OwnSecrets, roots: &Roots) -> Vec<Arc<dyn CheckpointKeeper>> {
    let keeper = |kept_by: &KeptBy| -> Arc<dyn CheckpointKeeper> {
        match kept_by {
            KeptBy::Witness { key, url } => {
                Arc::new(Verified { inner: Witness::new(key.name(), url, roots.clone()), key: key.clone() })
            }
            KeptBy::File(path) => Arc::new(File::new(path.clone())),
            KeptBy::Webhook(address) => Arc::new(Webhook::new(address.clone(), roots.clone())),
            KeptBy::Git(address) => Arc::new(Git::new(config, address.clone(), secrets, roots.clone())),
        }
    };
    config.keepers.iter().map(keeper).collect()
}
