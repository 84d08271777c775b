//! What clients of every adapter that speaks TLS are built with.

use reqwest::{Certificate, ClientBuilder};
use scalbotics_core::egress::Roots;

/// The builder of a client that believes these authorities beside the system's.
///
/// # Errors
/// When one of them is no certificate.
pub(crate) fn trusting(builder: ClientBuilder, roots: &Roots) -> Result<ClientBuilder, reqwest::Error> {
    Ok(builder.tls_certs_merge(certificates(roots)?))
}

/// These authorities as clients take them.
///
/// # Errors
/// When one of them is no certificate.
pub(crate) fn certificates(roots: &Roots) -> Result<Vec<Certificate>, reqwest::Error> {
    roots.iter().map(Certificate::from_der).collect()
}
