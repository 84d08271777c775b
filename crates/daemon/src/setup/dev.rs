//! `dev`: a whole installation in one command, with everything that a real one has: TLS, deny by default, approvals, audit.
//!
//! **Invariant:** its state survives kill -9, and goes only at a clean exit without `--persist` (semantics §5.5).

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use scalbotics_core::identity::TrustDomain;
use scalbotics_core::ids::InstallationId;
use scalbotics_core::tenant::{Name, TenantId};

use super::directories::Directories;
use super::initialize::Made;
use super::{Environment, Error, Plan, contexts, error, initialize, starter};
use crate::layout;

/// Port of the API unless told otherwise.
const PORT: u16 = 7420;

/// A whole installation in one command, with security on; gone at a clean exit unless --persist.
#[derive(Debug, Clone, Args)]
#[command(before_help = "Example: scalbotics dev --persist ./box")]
pub struct Dev {
    /// Keep the installation in this directory.
    #[arg(long, value_name = "DIR")]
    pub persist: Option<PathBuf>,
    /// Port of the API; the one after it is that of /metrics. 0 takes two free ones.
    #[arg(long, value_name = "N", default_value_t = PORT)]
    pub port: u16,
    /// Directory whose files become the desired state, instead of the starter team and agent.
    #[arg(long, value_name = "DIR")]
    pub desired: Option<PathBuf>,
    /// The model that drives the first agent.
    #[command(flatten)]
    pub model: super::ModelArguments,
    /// Host directories that workspaces may mount, beside the installation's own.
    #[arg(long = "workspace-root", value_name = "DIR")]
    pub workspace_roots: Vec<PathBuf>,
    /// Directories of the person who runs this.
    #[command(flatten)]
    pub directories: Directories,
    /// Run this with the environment set, and exit with its code.
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// A `dev` installation that is made and not yet served.
#[derive(Debug)]
pub struct Prepared {
    plan: Plan,
    made: Made,
    /// The configuration file to serve.
    pub config: PathBuf,
    /// Values that the flags of this run give.
    pub overrides: Vec<String>,
    /// Whether the directory goes at a clean exit.
    passing: bool,
}

impl Dev {
    /// Makes the installation, or takes up one that is there.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn prepare(&self, environment: &Environment) -> Result<Prepared, Error> {
        let root = self.root()?;
        let mut plan = self.plan(root, environment)?;
        if plan.resume()?.is_some() {
            plan.adopt_starter(None, &self.model)?;
        }
        let made = initialize::make(&plan, environment).await?;
        let config = plan.path(layout::CONFIG);
        let overrides = vec![format!("server.listen={}", plan.listen), format!("server.admin_listen={}", plan.admin_listen)];
        Ok(Prepared { plan, made, config, overrides, passing: self.persist.is_none() })
    }

    fn root(&self) -> Result<PathBuf, Error> {
        if let Some(path) = &self.persist {
            return std::path::absolute(path).map_err(error::file("resolve", path));
        }
        let state = self.directories.state();
        state.map(|path| path.join("dev")).ok_or(Error::Missing { flags: vec!["--persist"] })
    }

    fn plan(&self, root: PathBuf, environment: &Environment) -> Result<Plan, Error> {
        let name = |text: &'static str| {
            Name::parse(text).map_err(|e| Error::Flag { flag: "--persist", value: text.to_owned(), reason: e.to_string() })
        };
        let domain = "dev.scalbotics.internal";
        let trust_domain = TrustDomain::parse(domain).map_err(|e| Error::Flag {
            flag: "--persist",
            value: domain.to_owned(),
            reason: e.to_string(),
        })?;
        let tenant = TenantId::new(name("dev")?);
        let model = self.model.model(&tenant, self.desired.as_deref())?;
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let admin_port = if self.port == 0 { 0 } else { self.port.saturating_add(1) };
        Ok(Plan {
            ca_bundle: None,
            installation: InstallationId::from_u128(environment.ids.next()),
            repository: root.join(layout::REPOSITORY),
            root,
            trust_domain,
            tenant,
            admin: name("dev-admin")?,
            approver: name("dev-approver")?,
            upstream: None,
            issuer: None,
            issuer_client: None,
            trusted: None,
            agent: name(starter::AGENT)?,
            desired: self.desired.clone(),
            model,
            listen: local(self.port),
            admin_listen: local(admin_port),
            workspace_roots: initialize::absolute(&self.workspace_roots)?,
            dev: true,
        })
    }
}

impl Prepared {
    /// Tells the command line where the daemon is, once that is known.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn announce(&mut self, api: SocketAddr, environment: &Environment) -> Result<(), Error> {
        self.plan.listen = api;
        let Some(directory) = &environment.config_dir else { return Ok(()) };
        contexts::make(&self.plan.entrance(), directory, &self.made.people, &mut self.made.report)
    }

    /// What a person sees when it is ready.
    #[must_use]
    pub fn banner(&self, api: SocketAddr, admin: SocketAddr) -> String {
        let fate = if self.passing { "goes at a clean exit; --persist DIR keeps it" } else { "kept in the directory" };
        format!(
            "ScalBotics {} dev   (state survives kill -9, {fate})\n\
             \x20 API        https://{api}      metrics http://{admin}/metrics\n\
             \x20 you        dev-admin (context dev), dev-approver (context dev-approver)\n\
             \x20 security   TLS 1.3, deny by default, approvals, audit; dev: approver keys not separated\n\
{}\
             \x20 directory  {}\n\
             \x20 next       {}",
            env!("CARGO_PKG_VERSION"),
            self.plan.model.as_ref().map(|model| format!("  model      {}\n", model.shown())).unwrap_or_default(),
            self.plan.root.display(),
            self.plan.first_command(),
        )
    }

    /// The environment for a command that is run beside it.
    #[must_use]
    pub fn variables(&self, environment: &Environment) -> Vec<(&'static str, OsString)> {
        let config_dir = environment.config_dir.clone().map(|path| ("SCALBOTICS_CONFIG_DIR", path.into_os_string()));
        [("SCALBOTICS_CONTEXT", OsString::from("dev"))].into_iter().chain(config_dir).collect()
    }

    /// Ends it cleanly: removes the directory unless it is to be kept.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn end(self) -> Result<(), Error> {
        if !self.passing || !is_ours(&self.plan.root) {
            return Ok(());
        }
        std::fs::remove_dir_all(&self.plan.root).map_err(error::file("remove", &self.plan.root))
    }
}

/// Only a directory that holds an installation is ever removed.
fn is_ours(root: &Path) -> bool {
    root.join(layout::CONFIG).is_file() && root.join(layout::KEYSTORE).is_file()
}
