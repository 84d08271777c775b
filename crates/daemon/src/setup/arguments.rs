//! Flags of `initialize`. Nothing prompts: what is missing is listed at once.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use scalbotics_core::tenant::Name;

/// How much stands around the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// One machine, its own issuer of tokens, SQLite.
    Local,
}

/// Makes an installation: keys, trust file, repository, people, first team and agent. A second run changes nothing.
#[derive(Debug, Clone, Args)]
#[command(
    before_help = "Example: scalbotics initialize --dir ./box --trust-domain acme.example --tenant-name acme --admin ann --approver bob"
)]
pub struct Initialize {
    /// Directory of the installation.
    #[arg(long, value_name = "DIR", env = "SCALBOTICS_DIR", default_value = "./scalbotics")]
    pub dir: PathBuf,
    /// How much stands around it.
    #[arg(long, value_enum, default_value = "local")]
    pub mode: Mode,
    /// Trust domain: a DNS name of yours; never changes.
    #[arg(long, value_name = "DOMAIN")]
    pub trust_domain: Option<String>,
    /// First tenant.
    #[arg(long = "tenant-name", alias = "tenant", value_name = "TENANT", default_value = "acme")]
    pub tenant: Name,
    /// The human who runs things.
    #[arg(long, value_name = "NAME")]
    pub admin: Option<Name>,
    /// The human who approves; never the admin.
    #[arg(long, value_name = "NAME")]
    pub approver: Option<Name>,
    /// `local:PATH` of the desired-state repository; made if it is not there.
    #[arg(long, value_name = "local:PATH")]
    pub git: Option<String>,
    /// Directory whose files become the repository's first commit, instead of the starter team and agent.
    #[arg(long, value_name = "DIR")]
    pub desired: Option<PathBuf>,
    /// Address of the API; 127.0.0.1:7420 where nothing is said.
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<std::net::SocketAddr>,
    /// Address of /metrics and /healthz; 127.0.0.1:7421 where nothing is said.
    #[arg(long, value_name = "HOST:PORT")]
    pub admin_listen: Option<std::net::SocketAddr>,
    /// Host directories that workspaces may mount, beside the installation's own.
    #[arg(long = "workspace-root", value_name = "DIR")]
    pub workspace_roots: Vec<PathBuf>,
    /// Directories of the person who runs this.
    #[command(flatten)]
    pub directories: super::Directories,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask; there is nothing to ask yet, so this changes nothing.
    #[arg(long, short)]
    pub yes: bool,
}
