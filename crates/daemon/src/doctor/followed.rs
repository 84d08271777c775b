//! The repository of a tenant, as the checks look at it.

use std::path::PathBuf;
use std::sync::Arc;

use scalbotics_adapters::git::Source as GitSource;
use scalbotics_adapters::git::remote::Address;
use scalbotics_core::ports::Tenant;
use scalbotics_core::tenant::{Name, TenantId};

use super::desired::REMOTE;
use super::finding::Finding;
use crate::compiler::LocalCompiler;
use crate::config::Config;
use crate::places::Places;
use crate::wiring;

/// What to do about a registry that holds what was never taken into it.
const RESTORE: &str = "keep a copy of the data directory as it is, then restore the newest backup";

/// The repository of a tenant.
#[derive(Debug)]
pub(super) struct Followed {
    /// Whose.
    pub(super) tenant: TenantId,
    /// Where it, or the copy of the remote one, is.
    pub(super) directory: PathBuf,
    /// What reads it.
    pub(super) source: GitSource,
    /// By what its commits are judged.
    pub(super) compiler: Arc<LocalCompiler>,
    /// The remote one.
    pub(super) remote: Option<Address>,
    /// The secret with its token.
    pub(super) token: Option<Name>,
    /// What says the remote's address, in words.
    pub(super) address_at: &'static str,
    /// What else may be mended where it cannot be read, in words.
    pub(super) or_mend: &'static str,
}

impl Followed {
    /// That of the operating tenant.
    pub(super) fn of_config(config: &Config) -> Self {
        Self {
            tenant: config.tenant.clone(),
            directory: config.repository.clone(),
            source: wiring::git(config),
            compiler: Arc::new(wiring::compiler(config, Arc::new(Places::of(config)))),
            remote: config.remote.clone(),
            token: config.settings.repository.token.clone(),
            address_at: "repository.url in the configuration",
            or_mend: ", or mend repository.path in the configuration",
        }
    }

    /// That of another tenant.
    ///
    /// # Errors
    /// A finding where the registry says an address that is none.
    pub(super) fn of_tenant(config: &Config, tenant: &Tenant) -> Result<Self, Finding> {
        let remote = match &tenant.remote {
            Some(remote) => Some(Address::parse(&remote.url).map_err(|error| Finding::error(REMOTE, &error, RESTORE))?),
            None => None,
        };
        let (directory, places) = (config.repository_of(&tenant.id), Arc::new(Places::of_tenant(config, &tenant.id)));
        Ok(Self {
            source: GitSource::new(&directory).following(format!("refs/heads/{}", tenant.branch)),
            compiler: Arc::new(
                LocalCompiler::new(tenant.id.clone(), places, tenant.overlay.clone()).of_guest(tenant.host_access),
            ),
            tenant: tenant.id.clone(),
            directory,
            remote,
            token: tenant.remote.as_ref().and_then(|remote| remote.token.clone()),
            address_at: "the address that the tenant was added with",
            or_mend: "",
        })
    }
}
