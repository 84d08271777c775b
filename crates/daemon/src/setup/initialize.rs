//! `initialize`: from flags to a plan, from the plan to files.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use scalbotics_adapters::git::remote::Address;
use scalbotics_core::egress::Roots;
use scalbotics_core::identity::TrustDomain;
use scalbotics_core::ids::{HumanUid, InstallationId};
use scalbotics_core::in_words;
use scalbotics_core::ports::{Clock, IdSource};
use scalbotics_core::shell_word;
use scalbotics_core::tenant::{Name, TenantId};

use super::contexts::{Entrance, SignIn};
use super::model::FirstModel;
use super::people::{self, Person};
use super::report::{Change, Report};
use super::upstream::{self, Seen, Upstream};
use super::{
    Error, Initialize, Mode, Provider, anchoring, config_file, contexts, error, issuer, keys, repository, secrets, starter,
};
use crate::config::TrustedIssuer;
use crate::{layout, roots};

/// Address of the API, where nothing is said.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7420);

/// Address of /metrics and /healthz, where nothing is said.
const ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7421);

/// The first tenant, where nothing is said.
pub(super) const TENANT: &str = "acme";

/// What the installation is made with: time, ids, and where the command line keeps its contexts.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn IdSource>,
    /// Configuration directory of the command line; `None` writes no contexts.
    pub config_dir: Option<PathBuf>,
}

/// What is to be there in the end.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Directory of the installation, absolute.
    pub root: PathBuf,
    /// Its identity.
    pub installation: InstallationId,
    /// Its trust domain.
    pub trust_domain: TrustDomain,
    /// First tenant.
    pub tenant: TenantId,
    /// The human who runs things.
    pub admin: Name,
    /// The human who approves.
    pub approver: Name,
    /// The desired-state repository, absolute.
    pub repository: PathBuf,
    /// The remote repository, of which that one is the copy.
    pub upstream: Option<Upstream>,
    /// The outside issuer.
    pub issuer: Option<String>,
    /// The public client that is registered with it for the command line.
    pub issuer_client: Option<String>,
    /// What it is trusted with, where people log in by it.
    pub trusted: Option<TrustedIssuer>,
    /// The file of authorities that are believed beside the system's, absolute.
    pub ca_bundle: Option<PathBuf>,
    /// The first agent of the starter.
    pub agent: Name,
    /// Files of its first commit; `None` means the starter's.
    pub desired: Option<PathBuf>,
    /// The model that drives the first agent.
    pub model: Option<FirstModel>,
    /// Address of the API.
    pub listen: SocketAddr,
    /// Address of /metrics and /healthz.
    pub admin_listen: SocketAddr,
    /// Host directories that workspaces may mount.
    pub workspace_roots: Vec<PathBuf>,
    /// Whether this is a `dev` installation.
    pub dev: bool,
}

impl Plan {
    /// The plan of the flags, with what an earlier run decided taken from the configuration.
    ///
    /// # Errors
    /// [`Error::Missing`] with all missing flags, [`Error::Flag`], [`Error::File`].
    pub fn from_flags(flags: &Initialize, environment: &Environment) -> Result<Self, Error> {
        let (Some(trust_domain), Some(admin), Some(approver)) = (&flags.trust_domain, &flags.admin, &flags.approver) else {
            return Err(Error::Missing { flags: missing(flags) });
        };
        if flags.mode == Some(Mode::Enterprise) && !missing(flags).is_empty() {
            return Err(Error::Missing { flags: missing(flags) });
        }
        let refused = |flag, value: &str, reason: String| Error::Flag { flag, value: value.to_owned(), reason };
        if admin == approver {
            let reason = "it is the admin; nobody approves their own calls".to_owned();
            return Err(refused("--approver", approver.as_str(), reason));
        }
        let root = std::path::absolute(&flags.dir).map_err(error::file("resolve", &flags.dir))?;
        let (root_repository, upstream) = where_to(flags, &root)?;
        let tenant = TenantId::new(flags.tenant.clone().map_or_else(|| built_in("--tenant-name", TENANT), Ok)?);
        if tenant.is_system() {
            return Err(refused("--tenant-name", tenant.as_str(), "`system` owns the installation's own verbs".to_owned()));
        }
        let trust_domain =
            TrustDomain::parse(trust_domain).map_err(|e| refused("--trust-domain", trust_domain, e.to_string()))?;
        let mut plan = Self {
            installation: keys::installation_id(environment),
            root,
            trust_domain,
            tenant,
            admin: admin.clone(),
            approver: approver.clone(),
            repository: root_repository,
            upstream,
            issuer: flags.issuer.clone(),
            issuer_client: flags.issuer_client.clone(),
            trusted: issuer::trusted(flags),
            ca_bundle: absolute(flags.ca_bundle.as_slice())?.pop(),
            agent: flags.agent.clone().map_or_else(|| built_in("--agent", starter::AGENT), Ok)?,
            desired: flags.desired.clone(),
            model: None,
            listen: flags.listen.unwrap_or(LISTEN),
            admin_listen: flags.admin_listen.unwrap_or(ADMIN_LISTEN),
            workspace_roots: absolute(&flags.workspace_roots)?,
            dev: false,
        };
        match plan.resume()? {
            Some(config) => plan.adopt(&config, flags)?,
            None => plan.model = flags.model.model(&plan.tenant, flags.desired.as_deref())?,
        }
        let tokens = flags.git_token_file.as_ref().map(|file| ("--git-token-file", file.display().to_string()));
        let provider = flags.git_provider.map(|provider| ("--git-provider", provider.word().to_owned()));
        if let Some((flag, value)) = provider.or(tokens).filter(|_| plan.upstream.is_none()) {
            return Err(refused(flag, &value, "it is about a remote repository, and --git names none".to_owned()));
        }
        Ok(plan)
    }

    /// A path of the installation.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The authorities that are believed beside the system's.
    ///
    /// # Errors
    /// [`Error::Flag`] when their file cannot be used.
    pub(super) fn roots(&self) -> Result<Roots, Error> {
        roots::read(self.ca_bundle.as_deref()).map_err(|error| {
            let value = self.ca_bundle.as_deref().unwrap_or(Path::new("")).display().to_string();
            Error::Flag { flag: "--ca-bundle", value, reason: in_words(error.as_ref()) }
        })
    }

    /// What contexts of the command line lead to.
    pub(super) fn entrance(&self) -> Entrance {
        Entrance {
            base: self.root.clone(),
            server: format!("https://{}", self.listen),
            trust_file: self.path(layout::TRUST),
            tenant: self.tenant.clone(),
            sign_in: self.sign_in(),
            dev: self.dev,
        }
    }

    fn sign_in(&self) -> Option<SignIn> {
        let (issuer, client_id) = (self.issuer.clone()?, self.issuer_client.clone()?);
        Some(SignIn { issuer, client_id, ca_file: self.ca_bundle.clone() })
    }

    /// What to do next, and where to keep what must not stay on the host.
    pub(super) fn advice(&self) -> String {
        let at = |relative: &str| self.path(relative).display().to_string();
        format!(
            "\nkeep    {}: give it to auditors, off this host\n\
             move    {} and {}: never needed to run, move them off this host\n\
             start   scalboticsd --config {}\n\
             next    {}\n",
            at(layout::TRUST),
            at(layout::ROOT_KEYSTORE_KEY),
            at(layout::ADMIN_KEYSTORE_KEY),
            shell_word(&at(layout::CONFIG)),
            self.first_command(),
        )
    }

    /// A command that works in what was made: the starter's task, or a look at the agents of somebody's own desired state.
    pub(super) fn first_command(&self) -> String {
        let context = self.entrance().context_name(&self.admin, false);
        let words = if self.desired.is_none() { r#"task run --agent AGENT "take stock""# } else { "agent list" };
        format!("scalbotics --context {context} {}", words.replace("AGENT", self.agent.as_str()))
    }

    fn people(&self) -> [Person; 2] {
        [
            Person { name: self.admin.clone(), groups: &["admins", "auditors", "operators"], approves: false },
            Person { name: self.approver.clone(), groups: &["approvers", "auditors"], approves: true },
        ]
    }
}

/// The flags that have no default and were not given.
pub(super) fn missing(flags: &Initialize) -> Vec<&'static str> {
    let is_enterprise = flags.mode == Some(Mode::Enterprise);
    let is_remote = flags.git.as_deref().is_some_and(|git| !git.starts_with("local:"));
    let needed = [
        ("--trust-domain", flags.trust_domain.is_none()),
        ("--admin", flags.admin.is_none()),
        ("--approver", flags.approver.is_none()),
        ("--git", is_enterprise && !is_remote),
        ("--issuer", is_enterprise && flags.issuer.is_none()),
    ];
    needed.into_iter().filter(|(_, absent)| *absent).map(|(flag, _)| flag).collect()
}

/// Where desired state is kept: the local repository, and the remote one of which it is the copy.
fn where_to(flags: &Initialize, root: &Path) -> Result<(PathBuf, Option<Upstream>), Error> {
    let inside = root.join(layout::REPOSITORY);
    let Some(text) = flags.git.as_deref() else { return Ok((inside, None)) };
    if let Some(path) = text.strip_prefix("local:") {
        return Ok((std::path::absolute(path).map_err(error::file("resolve", Path::new(path)))?, None));
    }
    let address = Address::parse(text).map_err(|source| Error::Remote { source })?;
    let user = flags.git_provider.unwrap_or(Provider::Other).user().to_owned();
    Ok((inside, Some(Upstream { address, user, token: upstream::token(flags)?, resumed: false })))
}

/// A name that this program brings.
fn built_in(flag: &'static str, name: &str) -> Result<Name, Error> {
    Name::parse(name).map_err(|e| Error::Flag { flag, value: name.to_owned(), reason: e.to_string() })
}

/// The paths, those that are relative seen from the working directory.
///
/// # Errors
/// [`Error::File`] when there is no working directory.
pub(super) fn absolute(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    paths.iter().map(|path| std::path::absolute(path).map_err(error::file("resolve", path))).collect()
}

/// What was made, and for whom.
#[derive(Debug)]
pub(super) struct Made {
    /// What was found and made.
    pub(super) report: Report,
    /// The people; none while a daemon serves the data.
    pub(super) people: Vec<(Person, HumanUid)>,
}

/// Makes everything of the plan that is missing.
///
/// # Errors
/// Any [`Error`]; what was made stays, and the next run goes on from there.
pub async fn initialize(plan: &Plan, environment: &Environment) -> Result<Report, Error> {
    let Made { mut report, people } = make(plan, environment).await?;
    if let Some(directory) = &environment.config_dir {
        contexts::make(&plan.entrance(), directory, &people, &mut report)?;
    }
    Ok(report)
}

/// What [`initialize`] would find and make; nothing is touched.
///
/// # Errors
/// [`Error::File`] when a path cannot be looked at; [`Error::Desired`]; what a remote or an issuer says.
pub async fn preview(plan: &Plan, environment: &Environment) -> Result<Report, Error> {
    repository::check(plan)?;
    let seen = upstream::check(plan).await?;
    let issuer = issuer::check(plan).await?;
    let mut report = Report::default();
    let mut look = |item: &'static str, path: PathBuf| {
        let there = path.try_exists().map_err(error::file("look at", &path))?;
        report.note(item, if there { Change::Unchanged } else { Change::Created }, path.display().to_string());
        Ok(())
    };
    look("configuration", plan.path(layout::CONFIG))?;
    look("keystore", plan.path(layout::KEYSTORE))?;
    look("root CA keystore", plan.path(layout::ROOT_KEYSTORE))?;
    look("root certificate", plan.path(layout::ROOT_CERTIFICATE))?;
    look("issuing CA", plan.path(layout::ISSUING_CERTIFICATE))?;
    look("approver admin", plan.path(layout::ADMIN_KEYSTORE))?;
    look("trust file", plan.path(layout::TRUST))?;
    look("anchor", plan.path(layout::ANCHOR))?;
    repository::preview(plan, &seen, &mut report);
    if let Some(upstream) = &plan.upstream {
        let change = if seen == Seen::Empty { Change::Created } else { Change::Unchanged };
        report.note("remote repository", change, upstream.address.to_string());
    }
    if let Some(found) = &issuer {
        report.note("issuer", issuer::change(plan, found)?, issuer::shown(plan, found));
    }
    for person in plan.people() {
        let key = people::folder(plan, &person.name).login_key;
        let there = key.try_exists().map_err(error::file("look at", &key))?;
        report.note("human", if there { Change::Unchanged } else { Change::Created }, person.name.to_string());
    }
    secrets::preview(plan, &mut report);
    if let Some(directory) = &environment.config_dir {
        contexts::preview(&plan.entrance(), directory, &plan.people(), &mut report)?;
    }
    Ok(report)
}

/// Makes everything but the contexts.
pub(super) async fn make(plan: &Plan, environment: &Environment) -> Result<Made, Error> {
    let mut report = Report::default();
    repository::check(plan)?;
    let seen = upstream::check(plan).await?;
    let issuer = issuer::check(plan).await?;
    make_directory(plan)?;
    repository::make_place(plan)?;
    config_file::make(plan, &mut report)?;
    keys::make(plan, environment, &mut report)?;
    anchoring::make(plan, environment, &mut report)?;
    repository::make(plan, &seen, &mut report)?;
    upstream::join(plan, &seen, &mut report).await?;
    issuer::record(plan, issuer.as_ref(), &mut report)?;
    let people = people::register(plan, environment, &plan.people(), &mut report).await?;
    secrets::keep(plan, environment, &mut report).await?;
    Ok(Made { report, people })
}

/// The installation's directory, closed to others.
fn make_directory(plan: &Plan) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    let data = plan.path(layout::DATA);
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(&plan.root).map_err(error::file("create", &plan.root))?;
    builder.create(&data).map_err(error::file("create", &data))?;
    // The configuration lets agents have it, whoever they are.
    let files = plan.path(starter::FOLDER);
    std::fs::create_dir_all(&files).map_err(error::file("create", &files))
}
