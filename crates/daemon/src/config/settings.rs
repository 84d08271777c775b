//! The file as it is written. Unknown keys are refused; what is left out has the default.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use scalbotics_core::outside;
use scalbotics_core::redaction::Detect;
use scalbotics_core::tenant::Name;
use scalbotics_core::time::Span;
use scalbotics_identity::authority::ca::SVID_LIFETIME_MS_MAX;
use scalbotics_runtime::audit::BYTES_PER_DAY;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Retention;
use super::issuers::TrustedIssuer;

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "scalboticsd")]
pub struct Settings {
    /// What this installation is.
    pub installation: Installation,
    /// Where it listens.
    pub server: Server,
    /// Where its keys are.
    pub keystore: Keystore,
    /// Whom it trusts.
    pub trust: Trust,
    /// What its certificates are like.
    pub identity: Identity,
    /// Where desired state is written.
    pub repository: Repository,
    /// Who else makes tokens for people.
    pub issuer: Issuer,
    /// Whom it believes about servers of other machines.
    pub egress: Egress,
    /// Which directories agents may be given.
    pub workspaces: Workspaces,
    /// Who keeps checkpoints of the audit logs outside of this host.
    pub audit: Audit,
    /// Limits.
    pub limits: Limits,
    /// The daemon's own log.
    pub log: Log,
    /// What is covered besides secrets.
    pub redaction: Redaction,
    /// How long what tasks were given, did and said is kept.
    pub retention: Retention,
}

/// `[installation]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Installation {
    /// The installation's identity, `ins_…`; written by `initialize`, and the same in database and keystore.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The trust domain, as `prod.example.org`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_domain: Option<String>,
    /// The tenant whose desired state the repository holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// Where databases are; relative paths are relative to this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// Whether this is a `dev` installation, whose approver keys are not separated.
    pub dev: bool,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address of the API; port 0 takes a free one.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Address of `/healthz`, `/readyz` and `/metrics`, without TLS: keep it on a loopback or management address.
    #[schemars(with = "String")]
    pub admin_listen: SocketAddr,
    /// DNS names that the daemon's certificate also carries.
    pub san_dns: Vec<String>,
    /// IP addresses that the daemon's certificate also carries.
    pub san_ip: Vec<IpAddr>,
}

impl Default for Server {
    fn default() -> Self {
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            listen: local(7420),
            admin_listen: local(7421),
            san_dns: vec!["localhost".to_owned()],
            san_ip: vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        }
    }
}

/// `[keystore]`: exactly one of `key_file`, `passphrase_env` and `credential`; without any, `key_file = "keystore.key"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keystore {
    /// The encrypted file.
    pub path: PathBuf,
    /// A file of 32 random bytes that unlocks it: for unattended starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The environment variable that holds its passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_env: Option<String>,
    /// The systemd credential that holds its 32 bytes (`LoadCredentialEncrypted=`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl Default for Keystore {
    fn default() -> Self {
        Self { path: "keystore.json".into(), key_file: None, passphrase_env: None, credential: None }
    }
}

/// `[trust]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Trust {
    /// The trust file: log keys, approver-admin keys, CA bundle.
    pub file: PathBuf,
}

impl Default for Trust {
    fn default() -> Self {
        Self { file: "trust.json".into() }
    }
}

/// `[identity]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// Life of a certificate, 5 minutes to 24 hours; it is renewed at half of it.
    #[schemars(with = "String")]
    pub svid_lifetime: Span,
    /// The Unix socket of the SPIFFE Workload API, which clients find by `SPIFFE_ENDPOINT_SOCKET`; none where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_socket: Option<PathBuf>,
}

impl Default for Identity {
    fn default() -> Self {
        Self { svid_lifetime: Span::from_ms(SVID_LIFETIME_MS_MAX), workload_socket: None }
    }
}

/// `[repository]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Repository {
    /// A local git repository, bare or with a work tree; with `url`, the copy of that one.
    pub path: PathBuf,
    /// The remote repository, `https://…`; without it, the one at `path` is all there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The user name that its provider wants beside a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The name of the secret that holds the token; no tool is given it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Name>,
    /// The branch that is in force.
    pub branch: String,
    /// The overlay that narrows it here: `prod` is the file `env/prod.yaml` of the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlay: Option<Name>,
}

impl Default for Repository {
    fn default() -> Self {
        Self { path: "desired.git".into(), url: None, user: None, token: None, branch: "main".to_owned(), overlay: None }
    }
}

/// `[issuer]`: who else makes tokens for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Issuer {
    /// The issuer that `initialize` has judged, exactly as its tokens name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its keys as they were fetched, a JWKS file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<PathBuf>,
    /// Issuers by whose tokens people log in.
    pub trusted: Vec<TrustedIssuer>,
    /// Whether people may log in by their own keys although there are issuers in `trusted`: for when those are down. It shows in `status`, in the log
    /// and in the record of each such login.
    pub break_glass: bool,
    /// How old their word about groups may be.
    pub claims_age: ClaimsAge,
}

/// `[issuer.claims_age]`: how old an issuer's word about somebody's groups may be for a call of a tool, a minute to 7 days. A task whose next call
/// would be allowed with a newer one is AUTH_REQUIRED until its human logs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimsAge {
    /// For tier 0, reads; without it, any age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier_0: Option<Span>,
    /// For tier 1, changes of the workspace; without it, any age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier_1: Option<Span>,
    /// For tier 2, what touches the world.
    pub tier_2: Span,
}

impl Default for ClaimsAge {
    fn default() -> Self {
        let outside::ClaimsAge { read, change, risky } = outside::ClaimsAge::default();
        Self { tier_0: read, tier_1: change, tier_2: risky }
    }
}

impl From<&ClaimsAge> for outside::ClaimsAge {
    fn from(ages: &ClaimsAge) -> Self {
        Self { read: ages.tier_0, change: ages.tier_1, risky: ages.tier_2 }
    }
}

/// `[egress]`: servers of other machines that the daemon asks over TLS: destinations and pages of `http.fetch`, models, the remote repository, the
/// outside issuer, witnesses and the webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Egress {
    /// A PEM file with certificates of authorities that are believed beside the system's, such as a company's own; read at start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<PathBuf>,
}

/// `[workspaces]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Workspaces {
    /// Absolute directories below which agents may have mounts; none means that no agent has any.
    pub allowed_roots: Vec<PathBuf>,
}

/// `[audit]`: who keeps checkpoints of the installation log, which holds the heads of all others, outside of this host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// Witnesses, which cosign each checkpoint (C2SP tlog-witness).
    pub witnesses: Vec<Witness>,
    /// Calls of tier 2 wait while more records than this are in no checkpoint that a witness cosigned; without it they never do. What a
    /// busy installation writes in half a minute must fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unwitnessed: Option<u64>,
    /// A file that holds the newest checkpoint, on a share of another host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_file: Option<PathBuf>,
    /// An address to which each checkpoint is posted, `https://…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_webhook: Option<String>,
    /// A branch of a remote repository.
    pub checkpoint_git: CheckpointGit,
}

/// `[audit.checkpoint_git]`: a branch of a remote repository, each of whose commits holds one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointGit {
    /// The remote repository, `https://…`; without it, checkpoints are pushed nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The user name that its provider wants beside a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The name of the secret that holds the token; no tool is given it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Name>,
    /// The branch, which nobody else writes to.
    pub branch: String,
    /// Least time between two pushes, a second or more.
    #[schemars(with = "String")]
    pub every: Span,
}

impl Default for CheckpointGit {
    fn default() -> Self {
        Self { url: None, user: None, token: None, branch: "checkpoints".to_owned(), every: Span::from_ms(600_000) }
    }
}

/// One witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Its key, as it tells it: `name+hash+base64` (a C2SP vkey of type 4).
    pub key: String,
    /// Its submission prefix, `https://…`: `/add-checkpoint` is below.
    pub url: String,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest message, in bytes: one payload.
    pub message_bytes: u32,
    /// Connections at one time.
    pub connections: u32,
    /// Open streams of one principal.
    pub streams_per_principal: u32,
    /// Calls a second of one principal.
    pub requests_per_second: RateLimits,
    /// How long a drain waits for running tools and streams.
    pub drain: Span,
    /// Bytes of audit records and decisions that one tenant may write in a day.
    pub audit_bytes_per_day: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 4 << 20,
            connections: 1_024,
            streams_per_principal: 64,
            requests_per_second: RateLimits::default(),
            drain: Span::from_ms(30_000),
            audit_bytes_per_day: BYTES_PER_DAY,
        }
    }
}

/// `[limits.requests_per_second]`: sustained calls a second of one principal; ten times as many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Cheap reads.
    pub read: u32,
    /// Mutations.
    pub write: u32,
    /// Streams opened.
    pub stream: u32,
    /// Logins, for one address.
    pub login: u32,
}

impl Default for RateLimits {
    /// What a busy console and a script beside it need; a flood reaches it in a second.
    fn default() -> Self {
        Self { read: 200, write: 100, stream: 20, login: 5 }
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// From which level on.
    pub level: LogLevel,
    /// JSON lines or text.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Json }
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What needs somebody.
    Error,
    /// What may need somebody.
    Warn,
    /// What happened.
    Info,
    /// How it happened.
    Debug,
    /// Every step.
    Trace,
}

/// The shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// `[redaction]`: values of the secret store are covered everywhere and always, and what looks like a secret in the log, in errors, in words of tools and
/// models and in what models are asked; this is about the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Redaction {
    /// Where personal data is covered: addresses of mail, telephone numbers, accounts, cards, national identifiers.
    pub personal_data: Vec<Sink>,
    /// Whether what looks like a secret is covered in results of tools too. Then a file that a workflow reads and writes back is another one.
    pub secrets_in_results: bool,
}

impl Default for Redaction {
    /// Operators read logs, and need to know nobody for it; agents may have to work with what people gave them.
    fn default() -> Self {
        Self { personal_data: vec![Sink::Logs], secrets_in_results: false }
    }
}

/// Where texts go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sink {
    /// Lines of the daemon's own log.
    Logs,
    /// Errors that calls of the API answer.
    Errors,
    /// What tools and models answer, as it is stored and goes on.
    Outputs,
    /// What models are asked.
    Prompts,
}

impl Redaction {
    /// What is looked for in what goes there.
    #[must_use]
    pub fn detect(&self, sink: Sink) -> Detect {
        if self.personal_data.contains(&sink) {
            Detect::SecretsAndPersonalData
        } else if sink == Sink::Outputs && !self.secrets_in_results {
            Detect::Nothing
        } else {
            Detect::Secrets
        }
    }
}
