//! Which hosts a destination has: one, or every name below a domain.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::target::host_of;
use super::{Host, Target};

/// Domains below which anybody may have a name: a wildcard there would be the internet. Those of countries are told by their
/// form ([`is_shared`]); this is no full public suffix list, so a reviewer still reads the file.
const SHARED: [&str; 40] = [
    "amazonaws.com",
    "appspot.com",
    "azurewebsites.net",
    "blogspot.com",
    "cloudapp.net",
    "cloudfront.net",
    "core.windows.net",
    "blob.core.windows.net",
    "deno.dev",
    "duckdns.org",
    "dyndns.org",
    "elasticbeanstalk.com",
    "execute-api.amazonaws.com",
    "firebaseapp.com",
    "fly.dev",
    "github.io",
    "githubusercontent.com",
    "gitlab.io",
    "googleusercontent.com",
    "herokuapp.com",
    "lhr.life",
    "localtest.me",
    "lvh.me",
    "netlify.app",
    "ngrok.app",
    "ngrok.io",
    "ngrok-free.app",
    "nip.io",
    "no-ip.org",
    "onrender.com",
    "pages.dev",
    "r2.dev",
    "run.app",
    "s3.amazonaws.com",
    "sslip.io",
    "trycloudflare.com",
    "vercel.app",
    "web.app",
    "workers.dev",
    "xip.io",
];

/// Second labels under which countries give names to everybody.
const SECOND_LEVEL: [&str; 12] = ["ac", "co", "com", "edu", "go", "gob", "gov", "ne", "net", "nom", "or", "org"];

/// Hosts of a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// This one.
    Exact(Host),
    /// Every name below this domain, and not the domain itself: `*.example.com`.
    Below(String),
}

/// Why a text names no hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Neither form.
    #[error("a host is a name, an IPv4 address of four plain numbers, an IPv6 address in brackets, or `*.` before a domain")]
    Form,
    /// A wildcard below which anybody may have a name.
    #[error("below this domain anybody may have a name; write the domain that is yours, or whole names")]
    Shared,
}

impl HostPattern {
    /// Whether the target's host is among them.
    #[must_use]
    pub fn holds(&self, target: &Target) -> bool {
        match (self, &target.host) {
            (Self::Exact(host), other) => host == other,
            (Self::Below(domain), Host::Name(name)) => {
                name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Self::Below(_), Host::Address(_)) => false,
        }
    }
}

fn is_shared(domain: &str) -> bool {
    let labels: Vec<&str> = domain.split('.').collect();
    let of_country = matches!(labels.as_slice(), [second, top] if top.len() == 2 && SECOND_LEVEL.contains(second));
    labels.len() < 2 || of_country || SHARED.contains(&domain)
}

impl FromStr for HostPattern {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        if let Some(domain) = text.strip_prefix("*.") {
            let Some(Host::Name(domain)) = host_of(domain) else { return Err(HostError::Form) };
            return if is_shared(&domain) { Err(HostError::Shared) } else { Ok(Self::Below(domain)) };
        }
        if let Some(inside) = text.strip_prefix('[') {
            let address = inside.strip_suffix(']').and_then(|inside| inside.parse::<std::net::Ipv6Addr>().ok());
            return address.map(|address| Self::Exact(Host::Address(address.into()))).ok_or(HostError::Form);
        }
        host_of(text).map(Self::Exact).ok_or(HostError::Form)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Below(domain) => write!(f, "*.{domain}"),
        }
    }
}

impl Serialize for HostPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HostPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for HostPattern {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Host".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": 255 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_held_exactly_or_below_a_domain() {
        let holds = |pattern: &str, host: &str| {
            let pattern: HostPattern = pattern.parse().unwrap();
            assert_eq!(pattern.to_string().parse::<HostPattern>().unwrap(), pattern);
            pattern.holds(&Target::parse(&format!("https://{host}/")).unwrap())
        };
        for (pattern, host, held) in [
            ("api.example.com", "API.example.com", true),
            ("api.example.com", "x.api.example.com", false),
            ("*.example.com", "api.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "evilexample.com", false),
            ("*.example.com", "example.com.evil.org", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("[::1]", "[0:0::1]", true),
            ("[::ffff:127.0.0.1]", "127.0.0.1", false),
            ("localhost", "127.0.0.1", false),
        ] {
            assert_eq!(holds(pattern, host), held, "{pattern} {host}");
        }
    }

    #[test]
    fn patterns_that_are_none_or_too_wide_are_refused() {
        for (text, error) in [
            ("", HostError::Form),
            ("*", HostError::Form),
            ("*.", HostError::Form),
            ("a.*.example.com", HostError::Form),
            ("*.*.example.com", HostError::Form),
            ("https://example.com", HostError::Form),
            ("example.com:443", HostError::Form),
            ("example.com/x", HostError::Form),
            ("0x7f.1", HostError::Form),
            ("2130706433", HostError::Form),
            ("*.0.0.1", HostError::Form),
            ("*.127.0.0.1", HostError::Form),
            ("[::1", HostError::Form),
            ("*.com", HostError::Shared),
            ("*.co.uk", HostError::Shared),
            ("*.com.au", HostError::Shared),
            ("*.github.io", HostError::Shared),
            ("*.NIP.io", HostError::Shared),
            ("*.localhost", HostError::Shared),
        ] {
            assert_eq!(text.parse::<HostPattern>(), Err(error), "{text}");
        }
        assert!(SHARED.iter().all(|domain| format!("*.{domain}").parse::<HostPattern>().is_err()));
    }
}
