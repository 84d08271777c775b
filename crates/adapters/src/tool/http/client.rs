//! A client for one request: it connects to the addresses that were checked, and to nothing else.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, redirect};
use scalbotics_core::egress::{Host, Roots, Scheme, Target};

use super::limits::ANSWER_HEADERS_MAX;
use crate::build::trusting;

/// How the program calls itself.
const USER_AGENT: &str = concat!("scalbotics/", env!("CARGO_PKG_VERSION"));

/// The client for a target whose name leads to these addresses, which believes `roots` beside the system's; and the time that it has to
/// connect.
///
/// # Errors
/// When there is no TLS on this machine: no roots, or no provider.
pub(super) fn of(target: &Target, addresses: &[IpAddr], connect: Duration, roots: &Roots) -> Result<Client, reqwest::Error> {
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .retry(reqwest::retry::never())
        .connect_timeout(connect)
        // A connection is for the addresses of one request.
        .pool_max_idle_per_host(0)
        .http1_only()
        .http1_max_headers(ANSWER_HEADERS_MAX);
    if let Host::Name(name) = &target.host {
        let addresses: Vec<SocketAddr> = addresses.iter().map(|address| SocketAddr::new(*address, target.port)).collect();
        builder = builder.resolve_to_addrs(name, &addresses);
    }
    match target.scheme {
        Scheme::Https => trusting(builder.https_only(true), roots)?.build(),
        // No roots are read where none are needed.
        Scheme::Http => builder.tls_certs_only([]).build(),
    }
}
