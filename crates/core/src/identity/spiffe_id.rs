//! SPIFFE IDs and trust domains, parsed strictly by the SPIFFE-ID standard §2, and the shapes this house gives them.
//!
//! **Invariant:** one identity has exactly one text. Nothing is lower-cased, decoded or trimmed: a text that another
//! program might normalise (percent escapes, upper-case scheme, dot segments, trailing slash) is refused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::tenant::{Name, TenantId};

/// Longest SPIFFE ID, in bytes (SPIFFE-ID §2.3).
pub const URI_LEN_MAX: usize = 2048;

/// Longest trust domain name, in bytes (SPIFFE-ID §2.3).
pub const TRUST_DOMAIN_LEN_MAX: usize = 255;

/// The only scheme, in its only spelling.
const SCHEME: &str = "spiffe://";

/// Longest part of a refused text that an error repeats, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// Why a text is not a SPIFFE ID or a trust domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text is longer than [`URI_LEN_MAX`].
    #[error("SPIFFE ID of {len} bytes is longer than 2048")]
    Length {
        /// Length of the text, in bytes.
        len: usize,
    },
    /// The text does not start with `spiffe://`.
    #[error("SPIFFE ID `{text}` does not start with `spiffe://`")]
    Scheme {
        /// The first characters of the text.
        text: String,
    },
    /// The trust domain is empty, too long, or has a byte outside `a-z 0-9 - . _`.
    #[error("trust domain `{text}` is not 1 to 255 of a-z, 0-9, `-`, `.`, `_`")]
    TrustDomain {
        /// The first characters of the trust domain.
        text: String,
    },
    /// A path segment is empty, `.`, `..`, or has a byte outside `a-z A-Z 0-9 - . _`.
    #[error("path of SPIFFE ID `{text}` has an empty, relative or badly spelled segment")]
    Path {
        /// The first characters of the whole text.
        text: String,
    },
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

/// A trust domain: the name of one installation's root of identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(String);

impl TrustDomain {
    /// Parses untrusted text without a scheme, such as `prod.example.org`.
    ///
    /// # Errors
    /// [`ParseError::TrustDomain`].
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let spelled = !text.is_empty()
            && text.len() <= TRUST_DOMAIN_LEN_MAX
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_'));
        if spelled { Ok(Self(text.to_owned())) } else { Err(ParseError::TrustDomain { text: shown(text) }) }
    }

    /// The text, without a scheme.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TrustDomain {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl Serialize for TrustDomain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TrustDomain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Whom a SPIFFE ID of this house names (semantics §4.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The trust domain itself, as certificate authorities carry it.
    TrustDomain,
    /// `/<tenant>/agent/<agent-id>`.
    Agent {
        /// The agent's tenant.
        tenant: TenantId,
        /// The agent's name, unique in the tenant.
        agent: Name,
    },
    /// `/<tenant>/service/<id>`.
    Service {
        /// The service account's tenant.
        tenant: TenantId,
        /// The service account's name.
        service: Name,
    },
    /// `/system/daemon/<node>`.
    Daemon {
        /// The node's name.
        node: Name,
    },
}

/// A SPIFFE ID, such as `spiffe://prod.example.org/acme/agent/clerk`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    trust_domain: TrustDomain,
    path: String,
}

impl SpiffeId {
    /// The identity of `subject` in `trust_domain`.
    #[must_use]
    pub fn new(trust_domain: TrustDomain, subject: &Subject) -> Self {
        let path = match subject {
            Subject::TrustDomain => String::new(),
            Subject::Agent { tenant, agent } => format!("/{tenant}/agent/{agent}"),
            Subject::Service { tenant, service } => format!("/{tenant}/service/{service}"),
            Subject::Daemon { node } => format!("/system/daemon/{node}"),
        };
        Self { trust_domain, path }
    }

    /// Parses untrusted text.
    ///
    /// # Errors
    /// Any [`ParseError`].
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.len() > URI_LEN_MAX {
            return Err(ParseError::Length { len: text.len() });
        }
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| ParseError::Scheme { text: shown(text) })?;
        let Some((domain, path)) = rest.split_once('/') else {
            return Ok(Self { trust_domain: TrustDomain::parse(rest)?, path: String::new() });
        };
        let trust_domain = TrustDomain::parse(domain)?;
        if path.split('/').all(is_segment) {
            Ok(Self { trust_domain, path: format!("/{path}") })
        } else {
            Err(ParseError::Path { text: shown(text) })
        }
    }

    /// The trust domain.
    #[must_use]
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The path with its leading slash; empty for the trust domain's own identity.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whom the path names; `None` when it is a valid SPIFFE ID of a shape that this house does not issue.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        let Some(path) = self.path.strip_prefix('/') else {
            return Some(Subject::TrustDomain);
        };
        let mut segments = path.split('/');
        let (first, kind, last) = (segments.next()?, segments.next()?, segments.next()?);
        if segments.next().is_some() {
            return None;
        }
        let (tenant, name) = (TenantId::parse(first).ok()?, Name::parse(last).ok()?);
        match kind {
            "agent" => Some(Subject::Agent { tenant, agent: name }),
            "service" => Some(Subject::Service { tenant, service: name }),
            "daemon" if tenant.is_system() => Some(Subject::Daemon { node: name }),
            _ => None,
        }
    }
}

fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..") && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}{}", self.trust_domain, self.path)
    }
}

impl FromStr for SpiffeId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl Serialize for SpiffeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SpiffeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_trust_domain_and_of_a_segment() {
        for byte in 0..=u8::MAX {
            let c = char::from(byte);
            let in_domain = matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_');
            let in_path = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            assert_eq!(
                SpiffeId::parse(&format!("spiffe://a{c}b")).is_ok_and(|id| id.path().is_empty()),
                in_domain,
                "domain byte {byte:#04x}"
            );
            let as_segment = SpiffeId::parse(&format!("spiffe://td/a{c}b"));
            assert_eq!(as_segment.is_ok(), in_path || byte == b'/', "path byte {byte:#04x}");
        }
    }

    #[test]
    fn hostile_texts_are_refused() {
        for bad in [
            "",
            "spiffe:",
            "spiffe:/td/a",
            "spiffe://",
            "spiffe:///a",
            "SPIFFE://td/a",
            "Spiffe://td/a",
            "http://td/a",
            " spiffe://td/a",
            "spiffe://td/a ",
            "spiffe://td/",
            "spiffe://td//a",
            "spiffe://td/a/",
            "spiffe://td/.",
            "spiffe://td/..",
            "spiffe://td/a/../b",
            "spiffe://td/a/./b",
            "spiffe://td/%61",
            "spiffe://td/a%2Fb",
            "spiffe://td/a?q",
            "spiffe://td/a#f",
            "spiffe://td:443/a",
            "spiffe://user@td/a",
            "spiffe://TD/a",
            "spiffe://t\u{0430}/a",
            "spiffe://td/\u{0430}",
            "spiffe://td/a\0",
            "spiffe://td\\a",
        ] {
            assert!(SpiffeId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn lengths() {
        let domain = "d".repeat(TRUST_DOMAIN_LEN_MAX);
        assert!(TrustDomain::parse(&domain).is_ok());
        assert!(TrustDomain::parse(&format!("{domain}d")).is_err());
        let prefix = "spiffe://td/";
        let longest = format!("{prefix}{}", "a".repeat(URI_LEN_MAX - prefix.len()));
        assert_eq!(SpiffeId::parse(&longest).unwrap().to_string(), longest);
        assert_eq!(SpiffeId::parse(&format!("{longest}a")), Err(ParseError::Length { len: URI_LEN_MAX + 1 }));
    }

    #[test]
    fn semantics_4_1_shapes() {
        let table = [
            ("spiffe://td", Some(Subject::TrustDomain)),
            (
                "spiffe://td/acme/agent/clerk",
                Some(Subject::Agent { tenant: TenantId::parse("acme").unwrap(), agent: Name::parse("clerk").unwrap() }),
            ),
            (
                "spiffe://td/acme/service/ci",
                Some(Subject::Service { tenant: TenantId::parse("acme").unwrap(), service: Name::parse("ci").unwrap() }),
            ),
            ("spiffe://td/system/daemon/n1", Some(Subject::Daemon { node: Name::parse("n1").unwrap() })),
            ("spiffe://td/acme/daemon/n1", None),
            ("spiffe://td/acme/agent", None),
            ("spiffe://td/acme/agent/clerk/x", None),
            ("spiffe://td/acme/Agent/clerk", None),
            ("spiffe://td/acme/agent/Clerk", None),
        ];
        for (text, subject) in table {
            let id = SpiffeId::parse(text).unwrap();
            assert_eq!(id.to_string(), text);
            assert_eq!(id.subject(), subject, "{text}");
            if let Some(subject) = subject {
                assert_eq!(SpiffeId::new(id.trust_domain().clone(), &subject), id);
            }
        }
    }
}
