//! What an outside issuer says of itself, before its readers: the daemon's and the command line's, from their source files.

#[path = "../../crates/cli/src/issuer/address.rs"]
mod address;
#[path = "../../crates/adapters/src/issuer/document.rs"]
mod document;
#[path = "../../crates/adapters/src/issuer/keys.rs"]
mod keys;
#[path = "../../crates/cli/src/issuer/metadata.rs"]
mod metadata;

use self::address::Address;

/// Where the document is, below the issuer's address.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Reads a discovery document as the daemon does, and checks what it answers. Answers whether it counts.
pub fn daemon_reads(issuer: &str, body: &[u8]) -> bool {
    let Ok(found) = document::judge(issuer, body) else { return false };
    assert!(found.issuer == issuer && found.jwks_uri.len() < body.len(), "{found:?}");
    true
}

/// Reads a discovery document as the command line does, and checks what it answers.
pub fn command_line_reads(issuer: &str, body: &[u8]) {
    let place = Address::parse(&format!("{issuer}{WELL_KNOWN}")).expect("an address");
    let Ok(found) = metadata::judge(issuer, &place, body) else { return };
    for address in [Some(&found.token), found.authorization.as_ref(), found.device.as_ref(), found.revocation.as_ref()] {
        let Some(address) = address else { continue };
        let text = address.to_string();
        assert!(address.is_tls() || (!place.is_tls() && text.starts_with("http://")), "{text}");
        assert_eq!(Address::parse(&text).as_ref(), Ok(address), "another address when it is read again");
        let (target, whole) = (address.target(), address.with(&[("state", "a b&c")]));
        assert!(text.bytes().chain(address.authority().bytes()).chain(target.bytes()).all(|byte| byte.is_ascii_graphic()));
        assert!(whole.starts_with(&text) && whole.ends_with("state=a+b%26c") && !whole.contains('#'), "{whole}");
        assert!(!address.host().is_empty() && target.starts_with(['/', '?']), "{text}");
    }
}

/// Counts the keys of a set as the daemon does when an issuer is added.
pub fn keys_counted(body: &[u8]) -> Option<usize> {
    let count = keys::count(body).ok()?;
    assert!((1..=100).contains(&count), "{count}");
    Some(count)
}
