//! Documents fetched within limits.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, StatusCode, Url, redirect};

use scalbotics_core::egress::Roots;

use super::Error;
use crate::build::trusting;

/// Time for one document, from the connection to its last byte.
const DOCUMENT_MAX: Duration = Duration::from_secs(10);

/// Takes an address; only `https`, or `http` to this machine.
pub(super) fn parse(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is no URL")?;
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    if !is_safe {
        return Err("it is not https, and only this machine is trusted without");
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("it has a user, a password, a query or a fragment");
    }
    Ok(url)
}

/// Whether an issuer may have this address; without a slash too many, for its tokens name it to the letter.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check_address(text: &str) -> Result<(), &'static str> {
    parse(text).map(drop)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let number = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || number.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The bytes of a document, at most so many.
///
/// # Cancel safety
/// Cancel safe: reading changes nothing.
pub(super) async fn fetch(url: &Url, most: usize, roots: &Roots) -> Result<Vec<u8>, Error> {
    let place = url.as_str();
    let unreachable =
        |source: reqwest::Error| Error::Unreachable { place: place.to_owned(), source: source.without_url().into() };
    let builder = Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(DOCUMENT_MAX);
    let builder = if url.scheme() == "http" {
        let local = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
        builder.resolve_to_addrs("localhost", &local)
    } else {
        trusting(builder.https_only(true), roots).map_err(unreachable)?
    };
    let mut response = builder.build().map_err(unreachable)?.get(url.clone()).send().await.map_err(unreachable)?;
    if response.status() != StatusCode::OK {
        return Err(Error::Status { place: place.to_owned(), status: response.status().as_u16() });
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len().saturating_add(chunk.len()) > most {
            return Err(Error::TooLong { place: place.to_owned(), most });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
