//! Documents fetched within limits.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, HeaderMap};
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

/// Why what comes with these headers is not read. Whether it is JSON is seen by reading: there are issuers on plain file servers, which say nothing
/// of it (Kubernetes clusters publish theirs so).
fn strange(headers: &HeaderMap) -> Option<&'static str> {
    // Nothing was asked for that would have to be unpacked: a few bytes may become any number of them.
    let coding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    let is_plain = coding.is_empty() || coding.eq_ignore_ascii_case("identity");
    (!is_plain).then_some("it is packed, which it was not asked to be")
}
