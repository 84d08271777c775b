//! HTTP clients, each with its pool of connections: one for every wait for a connection that a model asks for.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, redirect};
use scalbotics_core::egress::Roots;
use scalbotics_core::model::Model;

use crate::build::trusting;

/// Most clients at one time; installations have a handful of models, and most with the same timeouts.
const CLIENTS_MAX: usize = 16;

/// Most connections to one server that wait for their next use.
const IDLE_MAX: usize = 8;

/// How long a connection waits for its next use; shorter than what servers allow.
pub(super) const IDLE: Duration = Duration::from_secs(20);

/// How the program calls itself.
const USER_AGENT: &str = concat!("scalbotics/", env!("CARGO_PKG_VERSION"));

/// What clients differ in: whether the server is on this machine without TLS, and milliseconds to wait for a connection.
type Kind = (bool, u64);

/// Clients by kind, made when they are first needed.
#[derive(Debug, Default)]
pub(super) struct Clients {
    roots: Roots,
    made: Mutex<BTreeMap<Kind, Client>>,
}

impl Clients {
    /// Clients that believe these authorities beside the system's.
    pub(super) fn trusting(roots: Roots) -> Self {
        Self { roots, made: Mutex::default() }
    }

    /// The client for a model.
    ///
    /// # Errors
    /// When there is no TLS on this machine: no roots, or no provider.
    pub(super) fn of(&self, model: &Model) -> Result<Client, reqwest::Error> {
        let kind = (model.base_url.as_str().starts_with("http://"), model.timeouts.connect.as_ms());
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&kind) {
            return Ok(client.clone());
        }
        let client = make(kind, &self.roots)?;
        if made.len() >= CLIENTS_MAX {
            made.pop_first();
        }
        made.insert(kind, client.clone());
        Ok(client)
    }
}

fn make((cleartext, connect_ms): Kind, roots: &Roots) -> Result<Client, reqwest::Error> {
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .retry(reqwest::retry::never())
        .connect_timeout(Duration::from_millis(connect_ms))
        .pool_max_idle_per_host(IDLE_MAX)
        .pool_idle_timeout(IDLE)
        .http1_only();
    if cleartext {
        // Only this machine is reached without TLS, whatever a resolver says; and no roots are read for it.
        let local = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
        builder.resolve_to_addrs("localhost", &local).tls_certs_only([]).build()
    } else {
        trusting(builder.https_only(true), roots)?.build()
    }
}
