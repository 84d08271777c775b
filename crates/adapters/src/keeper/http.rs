//! Requests within limits.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, Url, redirect};
use scalbotics_core::egress::Roots;
use scalbotics_core::ports::KeepError;

use crate::build::trusting;

/// Time for one request, from the connection to its last byte.
const REQUEST_MAX: Duration = Duration::from_secs(15);

/// Longest answer that is read, in bytes: some dozen signature lines.
const ANSWER_LEN_MAX: usize = 16 << 10;

/// Why a text is not the address of a keeper.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("address is refused: {why}")]
pub struct AddressError {
    why: &'static str,
}

/// The address of a keeper: `https`, or `http` to this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// Parses an address.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let refuse = |why| AddressError { why };
        let url = Url::parse(text).map_err(|_| refuse("it is no URL"))?;
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
        if !is_safe {
            return Err(refuse("it is not https, and only this machine is trusted without"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it has a user, a password, a query or a fragment"));
        }
        Ok(Self(url))
    }

    /// The address of something below this one.
    pub(super) fn below(&self, name: &str) -> Self {
        let mut url = self.0.clone();
        let path = format!("{}/{name}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Self(url)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let number = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || number.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// An answer within the limits.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: String,
}

/// Posts a text; `roots` are believed beside the system's authorities.
///
/// # Cancel safety
/// Cancel safe: what was sent may be sent again.
pub(super) async fn post(address: &Address, text: String, roots: &Roots) -> Result<Answer, KeepError> {
    let Address(url) = address;
    let unreachable = |source: reqwest::Error| KeepError::Unreachable { source: source.without_url().into() };
    let builder = Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(REQUEST_MAX);
    let builder = if url.scheme() == "http" {
        let local = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
        builder.resolve_to_addrs("localhost", &local)
    } else {
        trusting(builder.https_only(true), roots).map_err(unreachable)?
    };
    let client = builder.build().map_err(unreachable)?;
    let request = client.post(url.clone()).header("content-type", "text/plain; charset=utf-8").body(text);
    let mut response = request.send().await.map_err(unreachable)?;
    let status = response.status().as_u16();
    let content_type =
        response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len().saturating_add(chunk.len()) > ANSWER_LEN_MAX {
            return Err(KeepError::Refused { why: format!("its answer is longer than {ANSWER_LEN_MAX} bytes") });
        }
        body.extend_from_slice(&chunk);
    }
    let body = String::from_utf8(body).map_err(|_| KeepError::Refused { why: "its answer is not text".to_owned() })?;
    Ok(Answer { status, content_type, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["https://witness.example/w1", "http://127.0.0.1:8080", "http://localhost/x", "http://[::1]:1/"] {
            assert!(Address::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "witness.example",
            "http://witness.example",
            "ftp://127.0.0.1",
            "https://u:p@w.example",
            "https://w.example/?a=b",
            "https://w.example/#a",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
        for (prefix, whole) in [
            ("https://w.example", "https://w.example/add-checkpoint"),
            ("https://w.example/a/", "https://w.example/a/add-checkpoint"),
        ] {
            assert_eq!(Address::parse(prefix).unwrap().below("add-checkpoint").to_string(), whole);
        }
    }
}
