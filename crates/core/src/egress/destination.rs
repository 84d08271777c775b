//! `destinations/<id>.yaml`: a place outside that calls may go to, and how. It makes the tool `http.fetch.<id>`.

use serde::{Deserialize, Serialize};

use super::tool::{BYTES_DEFAULT, BYTES_MAX, is_free_header};
use super::{Class, Host, HostPattern, Method, Scheme, classify};
use crate::secret::SecretRef;
use crate::tenant::Name;
use crate::time::Span;
use crate::tool::{EffectClass, Tier};

/// Longest wall-clock limit of one request, in milliseconds; longer ones belong to a job that is asked about.
const TIMEOUT_MAX_MS: u64 = 600_000;

/// Headers that the client writes by itself, or that speak to proxies and connections (RFC 9110 §7.6.1).
const HEADERS_REFUSED: [&str; 11] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// A destination as it is written in the repository. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// The destination's id; must equal the file's name.
    pub id: Name,
    /// One sentence for people and models.
    pub description: String,
    /// `https`, or `http` where the destination is private.
    #[serde(default)]
    pub scheme: Scheme,
    /// A name, an address, or `*.` before a domain: every name below it.
    pub host: HostPattern,
    /// The port; 443 for `https` and 80 for `http` where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The path, or the beginning of paths, at whose segments calls may be.
    #[serde(default = "root")]
    pub path_prefix: String,
    /// What calls may do there.
    #[serde(default = "safe")]
    pub methods: Vec<Method>,
    /// Whether the host may lead to this machine or a private network, and `http` may be spoken. An address of the link or of
    /// a cloud's own services must be the host itself, as written.
    #[serde(default)]
    pub private: bool,
    /// A secret that every call carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<HeaderSecret>,
    /// The header by which the target knows a repeated request; without it what changes something is opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_header: Option<String>,
    /// How long the target remembers a key.
    #[serde(default = "day")]
    pub key_ttl: Span,
    /// How risky calls are, 1 or 2; where nothing is said 1 for reading and 2 for everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Wall-clock limit of one call.
    #[serde(default = "half_minute")]
    pub timeout: Span,
    /// Bytes of a body that are read where a call does not say, and at most.
    #[serde(default = "bytes")]
    pub response_bytes: u64,
}

/// How a secret reaches the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderSecret {
    /// Which secret: `secret://<tenant>/<name>`, of the own tenant.
    pub name: SecretRef,
    /// In this header.
    pub header: String,
    /// Behind this, as `Bearer ` with its blank.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
}

fn root() -> String {
    "/".to_owned()
}

fn safe() -> Vec<Method> {
    vec![Method::Get, Method::Head]
}

const fn day() -> Span {
    Span::from_ms(86_400_000)
}

const fn half_minute() -> Span {
    Span::from_ms(30_000)
}

const fn bytes() -> u64 {
    BYTES_DEFAULT
}

/// Why a destination is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// `http` to the internet.
    #[error("`http` is spoken to private destinations only: what travels in the clear is everybody's; use https")]
    Cleartext,
    /// A literal address that is not public, and nobody said so.
    #[error("the host is {}; say `private: true` if it shall be reached", .0.in_words())]
    Private(Class),
    /// A literal address of no host.
    #[error("the host is {}", .0.in_words())]
    Never(Class),
    /// The port.
    #[error("a port is 1 to 65535")]
    Port,
    /// The path.
    #[error("a path_prefix begins with `/` and has no query, fragment, `.` or `..`")]
    Path,
    /// No method, or one twice.
    #[error("methods names each method once, and at least one")]
    Methods,
    /// A header that is none, or the client's own.
    #[error("`{0}` is no header that a destination may set")]
    Header(String),
    /// The text before a secret.
    #[error("the prefix of a secret has visible characters and blanks only, at most 64")]
    Prefix,
    /// A key without anything to repeat.
    #[error("an idempotency_header is for methods that change something")]
    KeyUnused,
    /// The tier.
    #[error("a call that leaves the machine is of tier 1 or 2")]
    Tier,
    /// A number out of range.
    #[error("`{0}` is out of range")]
    Range(&'static str),
    /// The tool's name would be none.
    #[error("the id is too long: the tool's name `http.fetch.<id>` has at most 63 bytes")]
    Id,
}

impl DestinationError {
    /// The field that is wrong.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Cleartext => "scheme",
            Self::Private(_) | Self::Never(_) => "host",
            Self::Port => "port",
            Self::Path => "path_prefix",
            Self::Methods => "methods",
            Self::Header(_) => "header",
            Self::Prefix => "prefix",
            Self::KeyUnused => "idempotency_header",
            Self::Tier => "tier",
            Self::Range(field) => field,
            Self::Id => "id",
        }
    }
}

impl Destination {
    /// The port that calls go to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.port())
    }

    /// How calls may be repeated: pure where they only read, keyed where the target knows a repeated one, opaque otherwise.
    #[must_use]
    pub fn effect(&self) -> EffectClass {
        match &self.idempotency_header {
            _ if self.is_safe() => EffectClass::Pure,
            Some(_) => EffectClass::Keyed,
            None => EffectClass::Opaque,
        }
    }

    /// How risky calls are.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier.unwrap_or(if self.is_safe() { Tier::Change } else { Tier::Risky })
    }

    /// Whether the path is the prefix or lies below it.
    #[must_use]
    pub fn has_path(&self, path: &str) -> bool {
        path.strip_prefix(self.path_prefix.as_str())
            .is_some_and(|rest| rest.is_empty() || self.path_prefix.ends_with('/') || rest.starts_with('/'))
    }

    fn is_safe(&self) -> bool {
        self.methods.iter().all(|method| method.is_safe())
    }

    /// Checks everything that can be checked before the first call.
    ///
    /// # Errors
    /// [`DestinationError`], the first thing that is wrong.
    pub fn check(&self) -> Result<(), DestinationError> {
        if self.scheme == Scheme::Http && !self.private {
            return Err(DestinationError::Cleartext);
        }
        if let HostPattern::Exact(Host::Address(address)) = &self.host {
            match classify(*address) {
                Class::Public => {}
                class @ (Class::Loopback | Class::Private | Class::Named) if !self.private => {
                    return Err(DestinationError::Private(class));
                }
                Class::Loopback | Class::Private | Class::Named => {}
                class @ Class::Never => return Err(DestinationError::Never(class)),
            }
        }
        if self.port == Some(0) {
            return Err(DestinationError::Port);
        }
        let is_plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'\\');
        if !super::target::is_path(&self.path_prefix) || !self.path_prefix.bytes().all(is_plain) {
            return Err(DestinationError::Path);
        }
        let twice = |(index, method): (usize, &Method)| self.methods.iter().take(index).any(|other| other == method);
        if self.methods.is_empty() || self.methods.iter().enumerate().any(twice) {
            return Err(DestinationError::Methods);
        }
        self.check_headers()?;
        self.check_ranges()
    }

    fn check_headers(&self) -> Result<(), DestinationError> {
        if self.idempotency_header.is_some() && self.is_safe() {
            return Err(DestinationError::KeyUnused);
        }
        let secret = self.secret.as_ref().map(|secret| &secret.header);
        let set: Vec<&String> = self.idempotency_header.iter().chain(secret).collect();
        if let Some(bad) = set.iter().find(|name| !is_free_header(name)) {
            return Err(DestinationError::Header((**bad).clone()));
        }
        match (self.idempotency_header.as_ref(), secret) {
            (Some(key), Some(secret)) if key.eq_ignore_ascii_case(secret) => {
                return Err(DestinationError::Header(key.clone()));
            }
            (Some(_) | None, Some(_) | None) => {}
        }
        let visible = |prefix: &str| prefix.len() <= 64 && prefix.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
        match &self.secret {
            Some(secret) if !visible(&secret.prefix) => Err(DestinationError::Prefix),
            Some(_) | None => Ok(()),
        }
    }

    fn check_ranges(&self) -> Result<(), DestinationError> {
        if self.tier == Some(Tier::Read) {
            return Err(DestinationError::Tier);
        }
        if !(1..=TIMEOUT_MAX_MS).contains(&self.timeout.as_ms()) {
            return Err(DestinationError::Range("timeout"));
        }
        if !(1..=BYTES_MAX).contains(&self.response_bytes) {
            return Err(DestinationError::Range("response_bytes"));
        }
        Ok(())
    }
}

/// Whether the client writes the header by itself, or it is for somebody on the way.
pub(super) fn is_refused(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    HEADERS_REFUSED.contains(&name.as_str()) || name.starts_with("proxy-")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn destination(change: &Value) -> Result<Destination, serde_json::Error> {
        let mut value = json!({ "id": "api", "description": "A test.", "host": "api.example.com" });
        value.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        serde_json::from_value(value)
    }

    #[test]
    fn what_follows_from_what_is_written() {
        for (change, effect, tier, port) in [
            (json!({}), EffectClass::Pure, 1, 443),
            (json!({ "methods": ["POST"] }), EffectClass::Opaque, 2, 443),
            (json!({ "methods": ["GET", "DELETE"], "tier": 1 }), EffectClass::Opaque, 1, 443),
            (json!({ "methods": ["POST"], "idempotency_header": "Idempotency-Key", "port": 8443 }), EffectClass::Keyed, 2, 8443),
            (json!({ "scheme": "http", "private": true, "tier": 2 }), EffectClass::Pure, 2, 80),
        ] {
            let destination = destination(&change).unwrap();
            destination.check().unwrap();
            assert_eq!((destination.effect(), destination.tier().number(), destination.port()), (effect, tier, port), "{change}");
        }
    }

    #[test]
    fn bad_ones_are_refused_by_the_field() {
        let secret =
            |header: &str, prefix: &str| json!({ "secret": { "name": "secret://acme/t", "header": header, "prefix": prefix } });
        for (change, field) in [
            (json!({ "scheme": "http" }), "scheme"),
            (json!({ "host": "127.0.0.1" }), "host"),
            (json!({ "host": "10.0.0.1" }), "host"),
            (json!({ "host": "169.254.169.254" }), "host"),
            (json!({ "host": "[::ffff:10.0.0.1]" }), "host"),
            (json!({ "host": "224.0.0.1", "private": true }), "host"),
            (json!({ "host": "[2002:7f00:1::1]", "private": true }), "host"),
            (json!({ "port": 0 }), "port"),
            (json!({ "path_prefix": "v1" }), "path_prefix"),
            (json!({ "path_prefix": "/v1/../x" }), "path_prefix"),
            (json!({ "path_prefix": "/v1?x" }), "path_prefix"),
            (json!({ "methods": [] }), "methods"),
            (json!({ "methods": ["GET", "GET"] }), "methods"),
            (json!({ "idempotency_header": "Key" }), "idempotency_header"),
            (json!({ "methods": ["POST"], "idempotency_header": "Host" }), "header"),
            (secret("Content-Length", ""), "header"),
            (secret("Proxy-Authorization", ""), "header"),
            (secret("a b", ""), "header"),
            (secret("Authorization", "Bearer\r\n"), "prefix"),
            (json!({ "tier": 0 }), "tier"),
            (json!({ "timeout": "0s" }), "timeout"),
            (json!({ "timeout": "1h" }), "timeout"),
            (json!({ "response_bytes": 0 }), "response_bytes"),
        ] {
            assert_eq!(destination(&change).unwrap().check().unwrap_err().field(), field, "{change}");
        }
        for unreadable in [
            json!({ "methods": ["CONNECT"] }),
            json!({ "methods": ["TRACE"] }),
            json!({ "scheme": "ftp" }),
            json!({ "host": "*.co.uk" }),
            json!({ "host": "0x7f.1" }),
            json!({ "port": 65536 }),
            json!({ "proxy": "http://x" }),
        ] {
            assert!(destination(&unreadable).is_err(), "{unreadable}");
        }
    }

    #[test]
    fn paths_are_held_at_segments() {
        for (prefix, path, held) in [
            ("/", "/anything", true),
            ("/v1", "/v1", true),
            ("/v1", "/v1/x", true),
            ("/v1", "/v10", false),
            ("/v1/", "/v1", false),
            ("/v1/", "/v1/x", true),
            ("/v1/", "/V1/x", false),
        ] {
            let destination = destination(&json!({ "path_prefix": prefix })).unwrap();
            assert_eq!(destination.has_path(path), held, "{prefix} {path}");
        }
    }
}
