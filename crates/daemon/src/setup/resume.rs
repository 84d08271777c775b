//! An earlier run's installation in the same directory: what it decided stays, and flags that say otherwise are refused, for
//! an installation is changed in its configuration.

use std::net::SocketAddr;
use std::path::Path;

use super::error::{self, Error};
use super::{Initialize, Plan};
use crate::config::{Config, Sources};
use crate::layout;

impl Plan {
    /// Takes identity and repository from an earlier run's configuration, where there is one.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Flag`] for a configuration that is no installation's, and for flags that contradict it.
    pub fn resume(&mut self) -> Result<Option<Config>, Error> {
        let path = self.path(layout::CONFIG);
        match path.try_exists() {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(source) => return Err(error::file("read", &path)(source)),
        }
        let sources = Sources { file: path.clone(), environment: Vec::new(), flags: Vec::new() };
        let config = Config::load(sources).map_err(|error| {
            let reason = format!("there is a {} in it that is no installation's: {}", layout::CONFIG, chain(&error));
            refused("--dir", self.root.display(), reason)
        })?;
        let same = |flag, value: &dyn std::fmt::Display, found: &str| {
            let reason = || format!("the installation in this directory has `{found}`, which never changes");
            if value.to_string() == found { Ok(()) } else { Err(refused(flag, value, reason())) }
        };
        same("--trust-domain", &self.trust_domain, config.trust_domain.as_str())?;
        same("--tenant-name", &self.tenant, config.tenant.as_str())?;
        let roots = &config.settings.workspaces.allowed_roots;
        if let Some(more) = self.workspace_roots.iter().find(|root| !roots.contains(root)) {
            return Err(refused("--workspace-root", more.display(), self.elsewhere("workspaces.allowed_roots")));
        }
        self.installation = config.installation;
        self.repository.clone_from(&config.repository);
        Ok(Some(config))
    }

    /// Takes over everything else that an earlier run decided, unless a flag says otherwise, which is refused.
    pub(super) fn adopt(&mut self, config: &Config, flags: &Initialize) -> Result<(), Error> {
        let server = &config.settings.server;
        self.listen = self.address("--listen", "server.listen", flags.listen, server.listen)?;
        self.admin_listen = self.address("--admin-listen", "server.admin_listen", flags.admin_listen, server.admin_listen)?;
        let Some(git) = flags.git.as_deref() else { return Ok(()) };
        let path = Path::new(git.strip_prefix("local:").unwrap_or(git));
        let named = std::path::absolute(path).map_err(error::file("resolve", path))?;
        if named == config.repository { Ok(()) } else { Err(refused("--git", git, self.elsewhere("repository.path"))) }
    }

    fn address(&self, flag: &'static str, key: &str, said: Option<SocketAddr>, found: SocketAddr) -> Result<SocketAddr, Error> {
        match said {
            Some(said) if said != found => Err(refused(flag, said, self.elsewhere(key))),
            Some(_) | None => Ok(found),
        }
    }

    fn elsewhere(&self, key: &str) -> String {
        let file = self.path(layout::CONFIG);
        format!("the installation in this directory has another value, which is changed at `{key}` in {}", file.display())
    }
}

fn refused(flag: &'static str, value: impl std::fmt::Display, reason: String) -> Error {
    Error::Flag { flag, value: value.to_string(), reason }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
