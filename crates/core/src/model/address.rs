//! Where a model server listens: an `https` address, or `http` to this machine and nowhere else.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest address, in bytes.
const LEN_MAX: usize = 512;

/// The base of a server's addresses, as `https://api.example.com/v1`: no credentials, no query, no trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    host: String,
}

/// Why a text is not the address of a model server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither scheme.
    #[error("a base_url begins with https:// or, to this machine, http://")]
    Scheme,
    /// A key on its way without encryption.
    #[error("http:// is for localhost, 127.0.0.0/8 and [::1] only; use https://")]
    Cleartext,
    /// Credentials, a query, a fragment, blanks, `..`, or too long.
    #[error("a base_url is host, port and path: no user, query, fragment, blank or `..`, at most {LEN_MAX} bytes")]
    Parts,
    /// No host, or one that could be read in two ways.
    #[error("the host of a base_url is a name, an IPv4 address of four numbers, or an IPv6 address in brackets")]
    Host,
}

impl Address {
    /// The address of a resource below the base, as `/chat/completions`.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// The base.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it leads to this machine: then only loopback may be connected to, whatever a resolver says.
    #[must_use]
    pub fn is_local(&self) -> bool {
        is_local(&self.host)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '@' | '\\' | '"' | '<' | '>' | '%');
        if text.len() > LEN_MAX || !text.chars().all(plain) || text.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(AddressError::Parts);
        }
        let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(AddressError::Scheme),
        };
        let rest = rest.trim_end_matches('/');
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
        if path.split('/').any(str::is_empty) && !path.is_empty() {
            return Err(AddressError::Parts);
        }
        let host = host_of(authority).ok_or(AddressError::Host)?;
        if !secure && !is_local(&host) {
            return Err(AddressError::Cleartext);
        }
        let scheme = if secure { "https" } else { "http" };
        Ok(Self { text: format!("{scheme}://{rest}"), host })
    }
}

/// The host of `host[:port]`, in lower case; nothing if either is unsound.
fn host_of(authority: &str) -> Option<String> {
    let (host, port) = if let Some(inside) = authority.strip_prefix('[') {
        let (address, rest) = inside.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        (address, rest.strip_prefix(':').map_or(rest.is_empty().then_some(None), |port| Some(Some(port)))?)
    } else {
        authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)))
    };
    if port.is_some_and(|port| {
        port.len() > 5 || !port.bytes().all(|b| b.is_ascii_digit()) || !matches!(port.parse::<u16>(), Ok(1..))
    }) {
        return None;
    }
    let host = host.to_ascii_lowercase();
    (host.contains(':') || is_name(&host)).then_some(host)
}

/// A name of letters, or an IPv4 address of four numbers; whatever else ends in a number is read differently by different programs.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        let inside = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-') && inside
    };
    let numeric = host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()));
    host.len() <= 253 && host.split('.').all(label) && (!numeric || host.parse::<Ipv4Addr>().is_ok())
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Address {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BaseUrl".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^https?://[^?#@%\\s]+$", "maxLength": LEN_MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, base, local) in [
            ("https://api.openai.com/v1", "https://api.openai.com/v1", false),
            ("https://api.openai.com/v1//", "https://api.openai.com/v1", false),
            ("https://10.0.0.7:8443", "https://10.0.0.7:8443", false),
            ("http://localhost:11434/v1", "http://localhost:11434/v1", true),
            ("http://LOCALHOST", "http://LOCALHOST", true),
            ("http://127.0.0.1:8080/a/b/", "http://127.0.0.1:8080/a/b", true),
            ("http://127.9.9.9", "http://127.9.9.9", true),
            ("http://[::1]:1", "http://[::1]:1", true),
            ("https://[2001:db8::1]/v1", "https://[2001:db8::1]/v1", false),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.as_str(), address.is_local()), (base, local), "{text}");
        }
        let address: Address = "http://localhost:1/v1/".parse().unwrap();
        assert_eq!(address.join("/chat/completions"), "http://localhost:1/v1/chat/completions");
    }

    #[test]
    fn what_is_no_address() {
        use AddressError as E;
        for (text, error) in [
            ("", E::Scheme),
            ("ftp://x", E::Scheme),
            ("HTTPS://x", E::Scheme),
            ("file:///etc/passwd", E::Scheme),
            ("http://api.openai.com", E::Cleartext),
            ("http://localhost.evil.com", E::Cleartext),
            ("http://127.0.0.1.evil.com", E::Cleartext),
            ("http://0.0.0.0", E::Cleartext),
            ("http://[::ffff:127.0.0.1]", E::Cleartext),
            ("http://169.254.169.254", E::Cleartext),
            ("http://127.1", E::Host),
            ("http://0x7f000001", E::Host),
            ("http://2130706433", E::Host),
            ("http://0177.0.0.1", E::Host),
            ("https://", E::Host),
            ("https:///v1", E::Host),
            ("https://a..b", E::Host),
            ("https://x:0", E::Host),
            ("https://x:99999", E::Host),
            ("https://x:+1", E::Host),
            ("https://[::1", E::Host),
            ("https://[::1]x", E::Host),
            ("https://::1", E::Host),
            ("https://user:key@x", E::Parts),
            ("http://localhost@evil.com", E::Parts),
            ("https://x/?key=1", E::Parts),
            ("https://x/#a", E::Parts),
            ("https://x/a/../b", E::Parts),
            ("https://x/%2e%2e", E::Parts),
            ("https://x\\@y", E::Parts),
            ("https://x y", E::Parts),
            ("https://éxample.com", E::Parts),
            ("https://x\r\nHost: y", E::Parts),
        ] {
            assert_eq!(text.parse::<Address>().unwrap_err(), error, "{text}");
        }
    }
}
