//! Documents fetched within limits.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
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
    fetch_within(url, most, roots, DOCUMENT_MAX).await
}

/// As [`fetch`], within this time from the connection to the last byte.
///
/// # Cancel safety
/// As [`fetch`].
pub(super) async fn fetch_within(url: &Url, most: usize, roots: &Roots, limit: Duration) -> Result<Vec<u8>, Error> {
    let place = url.as_str();
    let unreachable =
        |source: reqwest::Error| Error::Unreachable { place: place.to_owned(), source: source.without_url().into() };
    let builder = Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(limit);
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
    if let Some(reason) = strange(response.headers()) {
        return Err(Error::Document { place: place.to_owned(), reason: reason.to_owned() });
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

/// Why what comes with these headers is no document, before any of it is read (Discovery §4.2, RFC 7517 §8.5).
fn strange(headers: &HeaderMap) -> Option<&'static str> {
    let said = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    // Nothing was asked for that would have to be unpacked: a few bytes may become any number of them.
    if !["", "identity"].contains(&said(CONTENT_ENCODING).trim()) {
        return Some("it is packed, which it was not asked to be");
    }
    let kind = said(CONTENT_TYPE);
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_json = kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    (!is_json).then_some("it does not say that it is JSON")
}
