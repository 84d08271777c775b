//! Every key of the configuration, with the shape of its value; a test holds the list equal to the JSON Schema.

/// The shape of a value, for flags and environment variables, which are texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A text, also a path, an address or a length of time.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number,
    /// Texts, separated by commas.
    List,
    /// Witnesses as `<key> <url>`, separated by commas.
    Witnesses,
    /// A list of tables, in the notation of TOML.
    Tables,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// As `server.listen`.
    pub path: &'static str,
    /// The shape of its value.
    pub shape: Shape,
    /// Whether SIGHUP takes a new value; the others need a restart.
    pub reloads: bool,
}

const fn fixed(path: &'static str, shape: Shape) -> Key {
    Key { path, shape, reloads: false }
}

const fn live(path: &'static str, shape: Shape) -> Key {
    Key { path, shape, reloads: true }
}

/// All keys, in the order of the file.
pub const KEYS: &[Key] = &[
    fixed("installation.id", Shape::Text),
    fixed("installation.trust_domain", Shape::Text),
    fixed("installation.tenant", Shape::Text),
    fixed("installation.data_dir", Shape::Text),
    fixed("installation.dev", Shape::Flag),
    fixed("server.listen", Shape::Text),
    fixed("server.admin_listen", Shape::Text),
    fixed("server.san_dns", Shape::List),
    fixed("server.san_ip", Shape::List),
    fixed("keystore.path", Shape::Text),
    fixed("keystore.key_file", Shape::Text),
    fixed("keystore.passphrase_env", Shape::Text),
    fixed("keystore.credential", Shape::Text),
    fixed("trust.file", Shape::Text),
    fixed("identity.svid_lifetime", Shape::Text),
    fixed("identity.workload_socket", Shape::Text),
    fixed("repository.path", Shape::Text),
    fixed("repository.url", Shape::Text),
    fixed("repository.user", Shape::Text),
    fixed("repository.token", Shape::Text),
    fixed("repository.branch", Shape::Text),
    fixed("repository.overlay", Shape::Text),
    fixed("issuer.url", Shape::Text),
    fixed("issuer.keys", Shape::Text),
    fixed("issuer.trusted", Shape::Tables),
    fixed("issuer.break_glass", Shape::Flag),
    fixed("issuer.claims_age.tier_0", Shape::Text),
    fixed("issuer.claims_age.tier_1", Shape::Text),
    fixed("issuer.claims_age.tier_2", Shape::Text),
    fixed("egress.ca_bundle", Shape::Text),
    fixed("workspaces.allowed_roots", Shape::List),
    fixed("audit.witnesses", Shape::Witnesses),
    fixed("audit.max_unwitnessed", Shape::Number),
    fixed("audit.checkpoint_file", Shape::Text),
    fixed("audit.checkpoint_webhook", Shape::Text),
    fixed("audit.checkpoint_git.url", Shape::Text),
    fixed("audit.checkpoint_git.user", Shape::Text),
    fixed("audit.checkpoint_git.token", Shape::Text),
    fixed("audit.checkpoint_git.branch", Shape::Text),
    fixed("audit.checkpoint_git.every", Shape::Text),
    fixed("limits.message_bytes", Shape::Number),
    fixed("limits.connections", Shape::Number),
    live("limits.streams_per_principal", Shape::Number),
    live("limits.drain", Shape::Text),
    live("limits.audit_bytes_per_day", Shape::Number),
    live("limits.requests_per_second.read", Shape::Number),
    live("limits.requests_per_second.write", Shape::Number),
    live("limits.requests_per_second.stream", Shape::Number),
    live("limits.requests_per_second.login", Shape::Number),
    live("log.level", Shape::Text),
    fixed("log.format", Shape::Text),
    fixed("redaction.personal_data", Shape::List),
    fixed("redaction.secrets_in_results", Shape::Flag),
    fixed("retention.goals", Shape::Text),
    fixed("retention.arguments", Shape::Text),
    fixed("retention.results", Shape::Text),
    fixed("retention.reasons", Shape::Text),
    fixed("retention.prompts", Shape::Text),
    fixed("retention.decisions", Shape::Text),
    fixed("retention.backups", Shape::Text),
];

impl Key {
    /// The key with this path.
    #[must_use]
    pub fn find(path: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// The environment variable of the key, as `SCALBOTICSD_SERVER_LISTEN`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{}{}", super::PREFIX, self.path.replace('.', "_").to_ascii_uppercase())
    }
}
