//! `[installation]`, `[server]`, `[workspaces]`: what this installation is, and what of its host it takes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use scalbotics_core::tenant::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// `[workspaces]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Workspaces {
    /// Absolute directories below which agents may have mounts; none means that no agent has any.
    pub allowed_roots: Vec<PathBuf>,
}
