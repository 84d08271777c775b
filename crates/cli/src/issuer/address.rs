//! Addresses of an issuer: `https`, or `http` to this machine.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;

/// Longest address, in bytes.
const LEN_MAX: usize = 2_048;

/// An address that may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    text: String,
    host: String,
    port: u16,
    target: String,
    is_tls: bool,
}

impl Address {
    /// Takes an address of an endpoint.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        // The parser would drop a fragment without a word.
        if text.len() > LEN_MAX || text.contains('#') {
            return Err("it is longer than any address or has a fragment");
        }
        // It is shown to the person: what a terminal takes for an order, or turns around, is in no address (RFC 3986 §2).
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("it has characters that no address has");
        }
        let uri: Uri = text.parse().map_err(|_| "it is no URL")?;
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("it has a user or a password");
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if is_loopback(&host) => false,
            Some(_) | None => return Err("it is not https, and only this machine is trusted without"),
        };
        if host.is_empty() {
            return Err("it names no host");
        }
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        Ok(Self { text: text.to_owned(), host, port, target, is_tls })
    }

    /// Takes the address of an issuer, which has no query (OpenID Connect Discovery §3).
    pub(crate) fn of_issuer(text: &str) -> Result<Self, &'static str> {
        if text.contains('?') { Err("it has a query") } else { Self::parse(text) }
    }

    /// The host, without brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// What follows the host, as a request names it.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// Whether it is spoken to over TLS.
    pub(super) const fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The value of the `host` header.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{host}:{}", self.port)
    }

    /// The address with these parameters behind its own.
    pub(super) fn with(&self, parameters: &[(&str, &str)]) -> String {
        let separator = if self.text.contains('?') { '&' } else { '?' };
        format!("{}{separator}{}", self.text, encode(parameters))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Parameters as forms and queries have them.
pub(super) fn encode(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_or_this_machine() {
        for good in ["https://i", "https://i:8443/a?b=c", "http://127.0.0.1:1/x", "http://localhost/", "http://[::1]:2"] {
            assert!(Address::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "i",
            "/path",
            "http://i",
            "http://127.0.0.1.evil.test",
            "http://10.0.0.1/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "https://user@i/",
            "https://user:word@i/",
            "https://i/#x",
            "https://i /",
            "https://i/\r\nx: y",
            "https://i/\u{9b}2J",
            "https://i/\u{202e}moc",
            "https://i/\u{7f}",
            "https://\u{456}.test/",
            "https://",
            &format!("https://i/{}", "x".repeat(LEN_MAX)),
        ] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
        assert!(Address::of_issuer("https://i/t?x").is_err());
    }

    #[test]
    fn parts() {
        let address = Address::parse("http://[::1]:81/a?b=c").unwrap();
        assert_eq!((address.host(), address.port(), address.target()), ("::1", 81, "/a?b=c"));
        assert_eq!(address.authority(), "[::1]:81");
        assert_eq!(address.with(&[("x", "1 2&")]), "http://[::1]:81/a?b=c&x=1+2%26");
        assert_eq!(Address::parse("https://i").unwrap().with(&[("x", "")]), "https://i?x=");
    }
}
