//! The target of a request: a URL in the one form that every program reads alike.
//!
//! Stricter than the URL standard on purpose. Numbers that stand for addresses (`2130706433`, `0x7f.1`, `0177.0.0.1`), a user
//! before the host, backslashes, blanks, control characters, other scripts, a trailing dot and dot segments, also encoded and with
//! parameters, are refused instead of being given a meaning that another program might not share.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// Longest target, in bytes; what servers and proxies commonly take.
pub const TARGET_LEN_MAX: usize = 4_096;

/// Longest host name, in bytes (RFC 1035 §2.3.4).
const NAME_LEN_MAX: usize = 253;

/// Longest label of a host name, in bytes (RFC 1035 §2.3.4).
const LABEL_LEN_MAX: usize = 63;

/// A scheme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// With TLS.
    #[default]
    Https,
    /// In the clear.
    Http,
}

impl Scheme {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    /// The port where none is written.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

/// What a request wants to do (RFC 9110 §9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// To be given what is there.
    Get,
    /// To be given the head of it.
    Head,
    /// To have the target do what it does with such a body.
    Post,
    /// To replace what is there.
    Put,
    /// To change a part of it.
    Patch,
    /// To remove it.
    Delete,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The method of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == word)
    }

    /// Whether it changes nothing (RFC 9110 §9.2.1).
    #[must_use]
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name, in lower case.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The scheme.
    pub scheme: Scheme,
    /// The host.
    pub host: Host,
    /// The port, written or the scheme's.
    pub port: u16,
    /// The path, from its slash on.
    pub path: String,
    /// The query behind its question mark.
    pub query: Option<String>,
}

/// Why a text is no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Too long.
    #[error("the url is longer than {TARGET_LEN_MAX} bytes")]
    Long,
    /// A character that no URL has as it is.
    #[error("the url holds a blank, a control character, a backslash or one of another script; write it percent-encoded")]
    Character,
    /// Another scheme, or none.
    #[error("the url begins with neither https:// nor http://")]
    Scheme,
    /// Credentials before the host.
    #[error("the url has a user before its host; credentials come from a destination's secret")]
    User,
    /// No host, or one that programs read differently.
    #[error("the host of the url is neither a name, nor an IPv4 address of four plain numbers, nor an IPv6 address in brackets")]
    Host,
    /// No port.
    #[error("the port of the url is no number from 1 to 65535")]
    Port,
    /// A dot segment, or a broken escape.
    #[error("the path or query of the url has a segment `.` or `..`, also encoded or before a `;`, or a broken `%`")]
    Path,
}

impl Target {
    /// Reads a URL. A fragment is left out, since it is never sent.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        if text.len() > TARGET_LEN_MAX {
            return Err(TargetError::Long);
        }
        let legal = |b: u8| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}');
        if !text.bytes().all(legal) {
            return Err(TargetError::Character);
        }
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let (scheme, rest) = text.split_once("://").ok_or(TargetError::Scheme)?;
        let scheme = [Scheme::Https, Scheme::Http].into_iter().find(|known| known.as_str().eq_ignore_ascii_case(scheme));
        let scheme = scheme.ok_or(TargetError::Scheme)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end).ok_or(TargetError::Host)?;
        let (host, port) = authority_of(authority)?;
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let path = if path.is_empty() { "/" } else { path };
        if !is_path(path) || !query.is_none_or(has_whole_escapes) {
            return Err(TargetError::Path);
        }
        Ok(Self { scheme, host, port: port.unwrap_or(scheme.port()), path: path.to_owned(), query: query.map(str::to_owned) })
    }

    /// Whether both have scheme, host and port in common (RFC 6454).
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        (self.scheme, &self.host, self.port) == (other.scheme, &other.host, other.port)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port != self.scheme.port() {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)?;
        match &self.query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

fn authority_of(authority: &str) -> Result<(Host, Option<u16>), TargetError> {
    if authority.contains('@') {
        return Err(TargetError::User);
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(inside) => {
            let (address, rest) = inside.split_once(']').ok_or(TargetError::Host)?;
            // A zone (`%eth0`) is no part of an address, and `parse` takes none.
            let address: Ipv6Addr = address.parse().map_err(|_| TargetError::Host)?;
            let port = match rest {
                "" => None,
                rest => Some(rest.strip_prefix(':').ok_or(TargetError::Host)?),
            };
            (Host::Address(IpAddr::V6(address)), port)
        }
        None => {
            let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
            (host_of(host).ok_or(TargetError::Host)?, port)
        }
    };
    Ok((host, port.map(port_of).transpose()?))
}

/// A host without brackets: a name or an IPv4 address of four plain numbers.
pub(super) fn host_of(host: &str) -> Option<Host> {
    let host = host.to_ascii_lowercase();
    let label = |label: &str| {
        let inside = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
        !label.is_empty() && label.len() <= LABEL_LEN_MAX && !label.starts_with('-') && !label.ends_with('-') && inside
    };
    if host.len() > NAME_LEN_MAX || !host.split('.').all(label) {
        return None;
    }
    // What ends in a number is read as an address by some: then it must be one for all.
    let numeric = host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()));
    if numeric { host.parse::<Ipv4Addr>().ok().map(|address| Host::Address(IpAddr::V4(address))) } else { Some(Host::Name(host)) }
}

fn port_of(port: &str) -> Result<u16, TargetError> {
    let plain = !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port @ 1..) if plain => Ok(port),
        Ok(_) | Err(_) => Err(TargetError::Port),
    }
}

/// What servers decode to the signs of dot segments: once, and as overlong UTF-8.
const DECODED: [(&str, &str); 6] = [("%2e", "."), ("%2f", "/"), ("%5c", "/"), ("%3b", ";"), ("%c0%ae", "."), ("%c0%af", "/")];

/// Whether it begins with a slash, has whole escapes and no dot segment, however a server may decode it: also what was encoded several
/// times, and one with parameters (`..;x`), which some servers take off first.
pub(super) fn is_path(path: &str) -> bool {
    let mut decoded = path.to_ascii_lowercase();
    while decoded.contains("%25") {
        decoded = decoded.replace("%25", "%");
    }
    for (encoded, sign) in DECODED {
        decoded = decoded.replace(encoded, sign);
    }
    let is_dots = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
    path.starts_with('/') && has_whole_escapes(path) && !decoded.split('/').any(is_dots)
}

fn has_whole_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let mut digits = rest.bytes();
        let two = (digits.next(), digits.next());
        matches!(two, (Some(high), Some(low)) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()) && !rest.starts_with("00")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn good_targets_are_read_and_written() {
        for (text, written) in [
            ("https://example.com", "https://example.com/"),
            ("HTTPS://Example.COM:443/A?b=c#d", "https://example.com/A?b=c"),
            ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
            ("https://[2606:4700::1111]:8443/", "https://[2606:4700::1111]:8443/"),
            ("https://xn--bcher-kva.example/%C3%BC?q=%20", "https://xn--bcher-kva.example/%C3%BC?q=%20"),
            ("https://a_b.example/a..b/.well-known/...", "https://a_b.example/a..b/.well-known/..."),
            ("https://example.com/a;v=1/100%25/x%3By", "https://example.com/a;v=1/100%25/x%3By"),
            ("https://example.com?x", "https://example.com/?x"),
            ("https://example.com/?u=https://other@x/../", "https://example.com/?u=https://other@x/../"),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!(target.to_string(), written, "{text}");
            assert_eq!(Target::parse(written).unwrap(), target, "{text}");
        }
    }

    /// Addresses in forms that only some programs read, and hosts that two programs read differently.
    const HOSTS: &[(&str, TargetError)] = &[
        ("http://2130706433/", TargetError::Host),
        ("http://0x7f000001/", TargetError::Host),
        ("http://0x7f.0.0.1/", TargetError::Host),
        ("http://0177.0.0.1/", TargetError::Host),
        ("http://127.1/", TargetError::Host),
        ("http://127.0.1/", TargetError::Host),
        ("http://127.0.0.01/", TargetError::Host),
        ("http://127.0.0.1./", TargetError::Host),
        ("http://localhost./", TargetError::Host),
        ("http://169.254.169.254.:80/", TargetError::Host),
        ("http://1.2.3.4.5/", TargetError::Host),
        ("http://256.1.1.1/", TargetError::Host),
        ("http://127.0.0.1%00.example/", TargetError::Host),
        ("http://%31%32%37.0.0.1/", TargetError::Host),
        ("http://[::1/", TargetError::Host),
        ("http://[::1]x/", TargetError::Host),
        ("http://[fe80::1%25eth0]/", TargetError::Host),
        ("http://[::ffff:127.0.0.1", TargetError::Host),
        ("http://[127.0.0.1]/", TargetError::Host),
        ("http://[v1.x]/", TargetError::Host),
        ("http:///x", TargetError::Host),
        ("http://", TargetError::Host),
        ("http://-a.example/", TargetError::Host),
        ("http://a..example/", TargetError::Host),
        ("http://.example/", TargetError::Host),
        ("http://*.example/", TargetError::Host),
        ("http://a,b/", TargetError::Host),
        ("http://127.0.0.1%2f@x/", TargetError::User),
        ("http://good.example@evil.example/", TargetError::User),
        ("http://good.example:80@evil.example/", TargetError::User),
        ("http://@evil.example/", TargetError::User),
    ];

    /// Characters, schemes, ports and paths that lead elsewhere.
    const OTHERS: &[(&str, TargetError)] = &[
        ("http://good.example\\@evil.example/", TargetError::Character),
        ("http://good.example\\.evil.example/", TargetError::Character),
        ("http:\\\\evil.example", TargetError::Character),
        ("http://ⓛocalhost/", TargetError::Character),
        ("http://127。0。0。1/", TargetError::Character),
        ("http://exa mple.com/", TargetError::Character),
        ("http://example.com/\r\nHost: evil", TargetError::Character),
        ("http://exam\tple.com/", TargetError::Character),
        ("\u{0}http://example.com/", TargetError::Character),
        (" http://example.com/", TargetError::Character),
        ("file:///etc/passwd", TargetError::Scheme),
        ("gopher://127.0.0.1:6379/_x", TargetError::Scheme),
        ("ftp://example.com/", TargetError::Scheme),
        ("dict://127.0.0.1:11211/", TargetError::Scheme),
        ("ws://example.com/", TargetError::Scheme),
        ("unix:///var/run/docker.sock", TargetError::Scheme),
        ("http:example.com", TargetError::Scheme),
        ("//example.com/", TargetError::Scheme),
        ("example.com", TargetError::Scheme),
        ("javascript://example.com/", TargetError::Scheme),
        ("", TargetError::Scheme),
        ("http://a:b:c/", TargetError::Port),
        ("http://example.com:0/", TargetError::Port),
        ("http://example.com:65536/", TargetError::Port),
        ("http://example.com:+80/", TargetError::Port),
        ("http://example.com:080080/", TargetError::Port),
        ("http://example.com:/", TargetError::Port),
        ("https://example.com/../x", TargetError::Path),
        ("https://example.com/a/./b", TargetError::Path),
        ("https://example.com/a/%2e%2E/b", TargetError::Path),
        ("https://example.com/a/.%2e/b", TargetError::Path),
        ("https://example.com/a/..%2fb", TargetError::Path),
        ("https://example.com/a%5c..%5Cb", TargetError::Path),
        ("https://example.com/a/..;/b", TargetError::Path),
        ("https://example.com/a/..;x=1/b", TargetError::Path),
        ("https://example.com/a/%2e.%3b/b", TargetError::Path),
        ("https://example.com/a/%252e%252e/b", TargetError::Path),
        ("https://example.com/a/%25252e%25252E%25252fb", TargetError::Path),
        ("https://example.com/a/%c0%ae%C0%AE/b", TargetError::Path),
        ("https://example.com/a/..%c0%afb", TargetError::Path),
        ("https://example.com/%", TargetError::Path),
        ("https://example.com/%g0", TargetError::Path),
        ("https://example.com/a%00", TargetError::Path),
        ("https://example.com/?a=%0", TargetError::Path),
    ];

    #[test]
    fn hostile_targets_are_refused() {
        for (text, error) in HOSTS.iter().chain(OTHERS) {
            assert_eq!(Target::parse(text), Err(*error), "{text}");
        }
        assert_eq!(Target::parse(&format!("https://example.com/{}", "a".repeat(TARGET_LEN_MAX))), Err(TargetError::Long));
        // What stands behind a fragment's mark is nobody's host.
        let target = Target::parse("http://good.example#@evil.example:x/").unwrap();
        assert_eq!(target.to_string(), "http://good.example/");
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_as_it_is_read(text in "(https?://)?[a-z0-9.:@\\[\\]%/?#\\\\-]{0,40}") {
            if let Ok(target) = Target::parse(&text) {
                prop_assert_eq!(Target::parse(&target.to_string()).unwrap(), target);
            }
        }
    }
}
