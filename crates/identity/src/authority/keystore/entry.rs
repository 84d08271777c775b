//! What a keystore holds: named secrets with a kind and an age.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use scalbotics_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Error;
use crate::encoding::{from_base64, to_base64};

/// Longest name of a key, in bytes.
pub const NAME_LEN_MAX: usize = 128;

/// Longest secret, in bytes; a PKCS#8 key takes under 200.
pub const SECRET_LEN_MAX: usize = 4096;

/// What a secret is for; a key of one kind is never used as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// PKCS#8 key of the root CA; in a keystore of its own.
    RootCa,
    /// PKCS#8 key of the issuing CA.
    IssuingCa,
    /// PKCS#8 key of the daemon's own certificate.
    DaemonTls,
    /// PKCS#8 key that signs access tokens.
    TokenSigner,
    /// PKCS#8 key that signs JWT-SVIDs, or did before the one that does now.
    JwtSvidSigner,
    /// PKCS#8 key that signs audit checkpoints.
    LogSigner,
    /// PKCS#8 key that signs enrolments; in a keystore of its own, off the host where possible (semantics §5.3).
    ApproverAdmin,
    /// 32 bytes that wrap the data keys of one tenant's payloads.
    TenantKey,
    /// Such bytes that wrap nothing new any more; made when they were replaced.
    RetiredTenantKey,
    /// The 8 bytes of the id of such a key that was destroyed: what it wrapped was erased.
    DestroyedTenantKey,
    /// 32 bytes that fingerprints of a tenant are made with, once its key was rotated.
    FingerprintKey,
    /// State and certificate of an issuing CA, or the root's list of revoked ones: nothing secret, but nothing to be changed by others.
    Authority,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::RootCa => "root_ca",
            Self::IssuingCa => "issuing_ca",
            Self::DaemonTls => "daemon_tls",
            Self::TokenSigner => "token_signer",
            Self::JwtSvidSigner => "jwt_svid_signer",
            Self::LogSigner => "log_signer",
            Self::ApproverAdmin => "approver_admin",
            Self::TenantKey => "tenant_key",
            Self::RetiredTenantKey => "retired_tenant_key",
            Self::DestroyedTenantKey => "destroyed_tenant_key",
            Self::FingerprintKey => "fingerprint_key",
            Self::Authority => "authority",
        }
    }
}

/// A secret of the keystore.
pub struct Entry {
    /// What it is for.
    pub kind: Kind,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its bytes, in the form that its kind says.
    pub secret: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("kind", &self.kind).field("created_at", &self.created_at).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    created_at: Timestamp,
    kind: Kind,
    secret: &'a str,
}

/// Refuses a name that would need escaping, or that a log line could not show.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let spelled = (1..=NAME_LEN_MAX).contains(&name.len())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/'));
    if spelled { Ok(()) } else { Err(Error::Name { name: name.chars().take(80).collect() }) }
}

/// Canonical JSON of the map, in a buffer that never grows: growing would leave copies of secrets in freed memory.
pub(super) fn render(entries: &BTreeMap<String, Entry>) -> Result<Zeroizing<String>, Error> {
    let capacity = entries.iter().map(|(name, entry)| name.len() + 2 * entry.secret.len() + 128).sum::<usize>() + 2;
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    for (name, entry) in entries {
        let separator = if text.is_empty() { '{' } else { ',' };
        let secret = Zeroizing::new(to_base64(&*entry.secret));
        write!(
            *text,
            "{separator}\"{name}\":{{\"created_at\":{},\"kind\":\"{}\",\"secret\":\"{}\"}}",
            entry.created_at.unix_ms(),
            entry.kind.as_str(),
            *secret
        )
        .map_err(|_| Error::Full)?;
    }
    let end = if text.is_empty() { "{}" } else { "}" };
    text.push_str(end);
    Ok(text)
}

/// Reads what [`render`] wrote, and nothing else.
pub(super) fn parse(text: &[u8]) -> Result<BTreeMap<String, Entry>, Error> {
    let malformed = || Error::Malformed { what: "map of keys" };
    let wires: BTreeMap<String, Wire<'_>> = serde_json::from_slice(text).map_err(|_| malformed())?;
    let mut entries = BTreeMap::new();
    for (name, wire) in wires {
        check_name(&name)?;
        let secret = Zeroizing::new(from_base64(wire.secret).ok_or_else(malformed)?);
        entries.insert(name, Entry { kind: wire.kind, created_at: wire.created_at, secret });
    }
    if render(&entries)?.as_bytes() == text { Ok(entries) } else { Err(malformed()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rendering_is_canonical_and_parsing_strict() {
        let mut entries = BTreeMap::new();
        for (name, kind) in [("tenant/b", Kind::TenantKey), ("issuing-ca", Kind::IssuingCa), ("tenant/a.2", Kind::TenantKey)] {
            let secret = Zeroizing::new(vec![0xff; 32]);
            entries.insert(name.to_owned(), Entry { kind, created_at: Timestamp::from_unix_ms(5), secret });
        }
        let text = render(&entries).unwrap();
        let value = scalbotics_core::json::parse(text.as_bytes()).unwrap();
        assert_eq!(scalbotics_core::json::canonical(&value).unwrap(), text.as_bytes());
        assert_eq!(render(&parse(text.as_bytes()).unwrap()).unwrap(), text);
        assert_eq!(*render(&BTreeMap::new()).unwrap(), "{}");
        for bad in [
            String::new(),
            "[]".into(),
            text.replace("tenant_key", "unknown_kind"),
            text.replace("tenant/b", "tenant/B"),
            text.replace("tenant/b", "tenant/a.2"),
            text.replace("\"created_at\":5", "\"created_at\":5.0"),
            text.replace("\"secret\"", "\"extra\":1,\"secret\""),
            text.replace("8=\"", "8\\u003d\""),
            format!("{} ", *text),
        ] {
            assert_ne!(bad, **text);
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_kind_has_the_name_that_serde_gives_it() {
        for kind in [
            Kind::RootCa,
            Kind::IssuingCa,
            Kind::DaemonTls,
            Kind::TokenSigner,
            Kind::JwtSvidSigner,
            Kind::LogSigner,
            Kind::ApproverAdmin,
            Kind::TenantKey,
            Kind::RetiredTenantKey,
            Kind::FingerprintKey,
            Kind::Authority,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
