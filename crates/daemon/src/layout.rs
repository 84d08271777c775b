//! Where an installation keeps its files and how its keys are named: what `initialize` makes and the daemon opens.
//!
//! All paths are relative to the directory of the configuration file, unless the configuration says otherwise.

/// The configuration.
pub const CONFIG: &str = "scalbotics.toml";

/// The core database and its lock.
pub const DATA: &str = "data";

/// The core database itself.
pub const DATABASE: &str = "data/core.db";

/// What is remembered of the database outside of it (semantics §7.4).
pub const ANCHOR: &str = "keys/anchor";

/// The desired-state repository, bare.
pub const REPOSITORY: &str = "desired.git";

/// Below the data directory: a folder for each tenant but the one that the configuration names.
pub const TENANTS: &str = "tenants";

/// In a tenant's folder: its desired-state repository, bare, or the copy of the remote one.
pub const TENANT_REPOSITORY: &str = REPOSITORY;

/// In a tenant's folder: the only directory of the host that its desired state may give to agents.
pub const TENANT_FILES: &str = "files";

/// The trust file, for people, auditors and the daemon's own check of enrolments.
pub const TRUST: &str = "trust.json";

/// The keystore of the running daemon.
pub const KEYSTORE: &str = "keys/daemon.keystore";

/// The key file that unlocks it.
pub const KEYSTORE_KEY: &str = "keys/daemon.key";

/// The root CA's keystore; never needed at start (semantics §4.6).
pub const ROOT_KEYSTORE: &str = "keys/root-ca.keystore";

/// The key file that unlocks it; to be moved off the host.
pub const ROOT_KEYSTORE_KEY: &str = "keys/root-ca.key";

/// The approver-admin's keystore; never needed at start (semantics §5.3a).
pub const ADMIN_KEYSTORE: &str = "keys/approver-admin.keystore";

/// The key file that unlocks it; to be moved off the host.
pub const ADMIN_KEYSTORE_KEY: &str = "keys/approver-admin.key";

/// Certificate of the root CA, PEM; also in the trust file.
pub const ROOT_CERTIFICATE: &str = "keys/root-ca.pem";

/// Certificate of the issuing CA, PEM.
pub const ISSUING_CERTIFICATE: &str = "keys/issuing-ca.pem";

/// One folder a person, with the keys that belong on that person's own machine.
pub const PEOPLE: &str = "people";

/// Keys of the outside issuer, as they were fetched.
pub const ISSUER_KEYS: &str = "issuer.jwks.json";

/// Name of the secret that holds the token of the remote repository.
pub const TOKEN_SECRET: &str = "repository-token";

/// Names of the secrets in the keystores.
pub mod key {
    /// [`Kind::IssuingCa`](scalbotics_identity::authority::keystore::Kind::IssuingCa), P-256.
    pub const ISSUING_CA: &str = "issuing-ca";
    /// Kind `DaemonTls`, P-256: the key of the daemon's own SVID, which is issued anew at each start.
    pub const DAEMON_TLS: &str = "daemon-tls";
    /// Kind `TokenSigner`, P-256.
    pub const TOKEN_SIGNER: &str = "token-signer";
    /// Kind `JwtSvidSigner`, P-256: made by the first daemon that serves the Workload API.
    pub const JWT_SVID_SIGNER: &str = "jwt-svid-signer";
    /// Kind `JwtSvidSigner`, P-256: the one that signed before, whose tokens are still validated.
    pub const JWT_SVID_SIGNER_BEFORE: &str = "jwt-svid-signer/before";
    /// Kind `LogSigner`, Ed25519.
    pub const LOG_SIGNER: &str = "log-signer";
    /// Kind `RootCa`, P-256, in the root CA's keystore.
    pub const ROOT_CA: &str = "root-ca";
    /// Kind `ApproverAdmin`, Ed25519, in the approver-admin's keystore.
    pub const APPROVER_ADMIN: &str = "approver-admin";

    /// Kind `TenantKey`, 32 bytes: wraps the keys of a tenant's payloads.
    #[must_use]
    pub fn tenant(tenant: &scalbotics_core::tenant::TenantId) -> String {
        format!("tenant/{tenant}")
    }
}
