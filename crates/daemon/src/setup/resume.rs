//! An earlier run's installation in the same directory: what it decided stays, and flags that say otherwise are refused, for
//! an installation is changed in its configuration.

use std::net::SocketAddr;
use std::path::Path;

use scalbotics_adapters::git::{Source, Yaml};
use scalbotics_core::desired::Format as _;
use scalbotics_core::in_words;
use scalbotics_core::tenant::Name;

use super::error::{self, Error};
use super::upstream::{self, Upstream};
use super::{FirstModel, Initialize, ModelArguments, Plan, Provider, model, people, repository};
use crate::config::{Config, Sources};
use crate::layout;

impl Initialize {
    /// The flags, those that say nothing as the installation in their directory has it, where there is one.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Flag`] for a configuration that is no installation's.
    pub(super) fn recalled(mut self) -> Result<Self, Error> {
        let root = std::path::absolute(&self.dir).map_err(error::file("resolve", &self.dir))?;
        let Some(config) = configuration(&root)? else { return Ok(self) };
        self.trust_domain.get_or_insert_with(|| config.trust_domain.to_string());
        self.tenant = self.tenant.or_else(|| Name::parse(config.tenant.as_str()).ok());
        self.git = self.git.or_else(|| config.remote.as_ref().map(ToString::to_string));
        self.issuer = self.issuer.or_else(|| config.settings.issuer.url.clone());
        self.ca_bundle = self.ca_bundle.or_else(|| config.ca_bundle.clone());
        // More people may have keys here by now; then nobody can tell who was the first.
        let (approvers, others): (Vec<Name>, Vec<Name>) =
            people::names(&root).into_iter().partition(|name| people::folder_in(&root, name).approval_key.is_file());
        if let ([approver], [admin]) = (approvers.as_slice(), others.as_slice()) {
            self.admin.get_or_insert_with(|| admin.clone());
            self.approver.get_or_insert_with(|| approver.clone());
        }
        Ok(self)
    }
}

/// The configuration of an earlier run, where there is one.
fn configuration(root: &Path) -> Result<Option<Config>, Error> {
    let path = root.join(layout::CONFIG);
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(source) => return Err(error::file("read", &path)(source)),
    }
    let sources = Sources { file: path, environment: Vec::new(), flags: Vec::new() };
    let config = Config::load(sources).map_err(|error| {
        let reason = format!("there is a {} in it that is no installation's: {}", layout::CONFIG, in_words(&error));
        refused("--dir", root.display(), reason)
    })?;
    Ok(Some(config))
}

impl Plan {
    /// Takes identity and repository from an earlier run's configuration, where there is one.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Flag`] for a configuration that is no installation's, and for flags that contradict it.
    pub fn resume(&mut self) -> Result<Option<Config>, Error> {
        let Some(config) = configuration(&self.root)? else { return Ok(None) };
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
        self.adopt_upstream(config, flags)?;
        let server = &config.settings.server;
        self.listen = self.address("--listen", "server.listen", flags.listen, server.listen)?;
        self.admin_listen = self.address("--admin-listen", "server.admin_listen", flags.admin_listen, server.admin_listen)?;
        self.adopt_issuer(config, flags)?;
        if let Some(said) = self.ca_bundle.as_ref().filter(|said| Some(*said) != config.ca_bundle.as_ref()) {
            return Err(refused("--ca-bundle", said.display(), self.elsewhere("egress.ca_bundle")));
        }
        self.ca_bundle.clone_from(&config.ca_bundle);
        self.adopt_starter(flags.agent.as_ref(), &flags.model)?;
        let Some(git) = flags.git.as_deref() else { return Ok(()) };
        let Some(path) = git.strip_prefix("local:") else {
            let same = self.upstream.as_ref().zip(config.remote.as_ref()).is_some_and(|(said, found)| said.address == *found);
            return if same { Ok(()) } else { Err(refused("--git", git, self.elsewhere("repository.url"))) };
        };
        let named = std::path::absolute(path).map_err(error::file("resolve", Path::new(path)))?;
        let same = named == config.repository && config.remote.is_none();
        if same { Ok(()) } else { Err(refused("--git", git, self.elsewhere("repository.path"))) }
    }

    /// First agent, model and files are those of the repository by now: others are written there.
    pub(super) fn adopt_starter(&mut self, agent: Option<&Name>, flags: &ModelArguments) -> Result<(), Error> {
        let source = Source::new(&self.repository);
        let Some(commit) = source.read_head().ok().and_then(|head| source.read_files(&head).ok()) else {
            self.model = flags.model(&self.tenant, self.desired.as_deref())?;
            return Ok(());
        };
        let changed =
            |what: &str| format!("the installation in this directory has its first {what}; change it in its repository");
        if let Some(agent) = agent.filter(|id| !commit.files.contains_key(&format!("agents/{id}.yaml"))) {
            return Err(refused("--agent", agent, changed("agent, and more are added with `agent add`")));
        }
        if let Some(directory) = self.desired.as_ref() {
            return match repository::began_with(self, directory)? {
                true => Ok(()),
                false => Err(refused("--desired", directory.display(), changed("files, which are others than these"))),
            };
        }
        let found = commit.files.get(&format!("models/{}.yaml", model::ID));
        let found = found.and_then(|bytes| Yaml.model(std::str::from_utf8(bytes).ok()?).ok());
        if let Some((flag, value)) = FirstModel::differs(flags, found.as_ref()) {
            return Err(refused(flag, value, changed("model, or runs without one")));
        }
        self.model = found.map(FirstModel::found);
        Ok(())
    }

    fn adopt_issuer(&mut self, config: &Config, flags: &Initialize) -> Result<(), Error> {
        let found = &config.settings.issuer.url;
        if let Some(said) = flags.issuer.as_ref().filter(|said| Some(*said) != found.as_ref()) {
            return Err(refused("--issuer", said, self.elsewhere("issuer.url")));
        }
        self.issuer.clone_from(found);
        let listed = config.settings.issuer.trusted.iter().find(|issuer| Some(&issuer.url) == found.as_ref());
        if let Some(said) = self.trusted.as_ref().filter(|said| Some(*said) != listed) {
            return Err(refused("--oidc-audience", &said.audience, self.elsewhere("issuer.trusted")));
        }
        self.trusted = listed.cloned();
        Ok(())
    }

    /// The remote of the configuration, with the token that this run brings.
    fn adopt_upstream(&mut self, config: &Config, flags: &Initialize) -> Result<(), Error> {
        if self.upstream.is_some() && config.remote.is_none() {
            return Err(refused("--git", flags.git.as_deref().unwrap_or_default(), self.elsewhere("repository.path")));
        }
        let Some(address) = config.remote.clone() else { return Ok(()) };
        let repository = &config.settings.repository;
        if let Some(provider) =
            flags.git_provider.filter(|said| repository.user.as_deref().is_some_and(|user| user != said.user()))
        {
            return Err(refused("--git-provider", provider.word(), self.elsewhere("repository.user")));
        }
        let user = flags.git_provider.map(|provider| provider.user().to_owned()).or_else(|| repository.user.clone());
        let token = upstream::token(flags)?;
        let user = user.unwrap_or_else(|| Provider::Other.user().to_owned());
        if self.upstream.as_ref().is_none_or(|said| said.address == address) {
            self.upstream = Some(Upstream { address, user, token, resumed: true });
        }
        Ok(())
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
