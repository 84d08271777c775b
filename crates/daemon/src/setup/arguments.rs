//! Flags of `initialize`. Every prompt has one; without a terminal nothing prompts, and what is missing is listed at once.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};
use scalbotics_core::secret::Secret;
use scalbotics_core::tenant::Name;

/// How much stands around the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// One machine: a repository on it, and people who log in with their keys.
    Local,
    /// A remote repository and an outside issuer of tokens: both are asked for.
    Enterprise,
}

/// Who keeps the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyAuthority {
    /// Encrypted keystores in the installation's directory; the only way for now.
    Local,
}

/// Who serves the remote repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Provider {
    /// GitHub, or an enterprise server of it.
    Github,
    /// GitLab, whoever runs it.
    Gitlab,
    /// Another server that takes a token as a password.
    Other,
}

impl Provider {
    /// As it is written on a command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Other => "other",
        }
    }

    /// The user name that it wants beside a token.
    #[must_use]
    pub const fn user(self) -> &'static str {
        match self {
            Self::Github => "x-access-token",
            Self::Gitlab => "oauth2",
            Self::Other => crate::following::USER,
        }
    }
}

/// Makes an installation: keys, trust file, repository, people, first team and agent. A second run changes nothing.
///
/// On a terminal it asks for what is missing; nothing is made before everything is answered and checked.
#[derive(Debug, Clone, Args)]
#[command(
    before_help = "Example: scalbotics initialize --dir ./box --trust-domain acme.example --tenant-name acme --admin ann --approver bob"
)]
pub struct Initialize {
    /// Directory of the installation.
    #[arg(long, value_name = "DIR", env = "SCALBOTICS_DIR", default_value = "./scalbotics")]
    pub dir: PathBuf,
    /// How much stands around it; local where nothing is said.
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,
    /// Trust domain: a DNS name of yours; never changes.
    #[arg(long, value_name = "DOMAIN")]
    pub trust_domain: Option<String>,
    /// First tenant; acme where nothing is said.
    #[arg(long = "tenant-name", alias = "tenant", value_name = "TENANT")]
    pub tenant: Option<Name>,
    /// Who keeps the keys: the local keystore only, for now.
    #[arg(long, value_enum, default_value = "local")]
    pub key_authority: KeyAuthority,
    /// The human who runs things.
    #[arg(long, value_name = "NAME")]
    pub admin: Option<Name>,
    /// The human who approves; never the admin.
    #[arg(long, value_name = "NAME")]
    pub approver: Option<Name>,
    /// Where desired state is kept: `local:PATH`, made if it is not there, or the `https` address of an empty repository.
    #[arg(long, value_name = "local:PATH|URL")]
    pub git: Option<String>,
    /// Who serves the remote repository; other where nothing is said.
    #[arg(long, value_enum)]
    pub git_provider: Option<Provider>,
    /// A file with the token of the remote repository, which goes into the secret store; `-` reads it from stdin.
    #[arg(long, value_name = "FILE")]
    pub git_token_file: Option<PathBuf>,
    /// The same, typed at a prompt.
    #[arg(skip)]
    pub git_token: Option<Secret>,
    /// An outside issuer of tokens (OpenID Connect), exactly as it names itself; its keys are fetched and recorded.
    #[arg(long, alias = "oidc-issuer", value_name = "URL")]
    pub issuer: Option<String>,
    /// The public client that is registered with the issuer for the command line; a context for it is written, by which people log in there.
    #[arg(long = "oidc-client-id", value_name = "ID", requires = "issuer")]
    pub issuer_client: Option<String>,
    /// For whom its tokens are, the `aud` that they have: with it and --oidc-tenants, people log in by it.
    #[arg(long = "oidc-audience", value_name = "AUDIENCE", requires = "issuer", requires = "oidc_tenants")]
    pub oidc_audience: Option<String>,
    /// What it says of tenants, and which tenant here that is; one word where both are the same.
    #[arg(long = "oidc-tenants", value_name = "WORD=TENANT", value_delimiter = ',', requires = "oidc_audience")]
    #[arg(value_parser = super::trusting::pair)]
    pub oidc_tenants: Vec<(String, Name)>,
    /// What it calls groups, and which groups here they are; what is not said gives no right.
    #[arg(long = "oidc-groups", value_name = "WORD=GROUP", value_delimiter = ',', requires = "oidc_audience")]
    #[arg(value_parser = super::trusting::pair)]
    pub oidc_groups: Vec<(String, Name)>,
    /// A PEM file with authorities that are believed about the remote repository, the issuer and all other servers, beside the
    /// system's: a company's own.
    #[arg(long, value_name = "FILE")]
    pub ca_bundle: Option<PathBuf>,
    /// The first agent; clerk where nothing is said.
    #[arg(long, value_name = "NAME", conflicts_with = "desired")]
    pub agent: Option<Name>,
    /// Directory whose files become the repository's first commit, instead of the starter team and agent.
    #[arg(long, value_name = "DIR")]
    pub desired: Option<PathBuf>,
    /// The model that drives the first agent.
    #[command(flatten)]
    pub model: super::ModelArguments,
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
    /// Look and check, say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask; what is not said has its default.
    #[arg(long, short, env = "SCALBOTICS_YES", hide_env = true, value_parser = FalseyValueParser::new())]
    pub yes: bool,
    /// Never ask; what is missing is an error.
    #[arg(long, env = "SCALBOTICS_NO_INPUT", hide_env = true, value_parser = FalseyValueParser::new())]
    pub no_input: bool,
}
