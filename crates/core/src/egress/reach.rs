//! What one tool may reach.

use std::net::IpAddr;

use super::{Class, Destination, Host, HostPattern, Method, Scheme, Target, classify};
use crate::tool::{Builtin, Definition, Kind};

/// What one tool may reach.
#[derive(Debug, Clone, Copy)]
pub enum Reach<'a> {
    /// The public internet, to read, by `https` at its own port: `http.fetch`.
    Open,
    /// One destination of desired state: `http.fetch.<id>`.
    Declared(&'a Destination),
}

/// Why a request does not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The method.
    #[error("{} is not among the methods of the tool", .0.as_str())]
    Method(Method),
    /// `http` where nobody declared it.
    #[error("the scheme `{}` is not the tool's: without a destination only https is spoken", .0.as_str())]
    Scheme(Scheme),
    /// Another host.
    #[error("the host `{0}` is not of the destination")]
    Host(String),
    /// Another port.
    #[error("the port {0} is not the tool's: without a destination that names one only 443 is used")]
    Port(u16),
    /// Another path.
    #[error("the path is not below that of the destination")]
    Path,
    /// An address that nobody declared.
    #[error("`{host}` leads to {address}, {}, which the tool may not reach", .class.in_words())]
    Address {
        /// The host as asked for.
        host: String,
        /// Where it leads.
        address: IpAddr,
        /// What that is.
        class: Class,
    },
}

impl<'a> Reach<'a> {
    /// What the tool may reach; `None` where it speaks no HTTP.
    #[must_use]
    pub const fn of(tool: &'a Definition) -> Option<Self> {
        match &tool.kind {
            Kind::Builtin(Builtin::HttpFetch) => Some(Self::Open),
            Kind::Http(destination) => Some(Self::Declared(destination)),
            Kind::Builtin(Builtin::FsList | Builtin::FsRead | Builtin::FsSearch | Builtin::FsWrite | Builtin::ProcessRun)
            | Kind::Process(_)
            | Kind::Worker(_)
            | Kind::Model => None,
        }
    }

    /// Whether such a request may be made, as far as can be said before its name is resolved.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check(&self, method: Method, target: &Target) -> Result<(), Refused> {
        match self {
            Self::Open if !method.is_safe() => return Err(Refused::Method(method)),
            Self::Declared(destination) if !destination.methods.contains(&method) => return Err(Refused::Method(method)),
            Self::Open | Self::Declared(_) => {}
        }
        self.check_target(target)
    }

    /// Whether the request may go on where its answer points. Without a destination that is the origin that policy has seen;
    /// anything else is a call of its own.
    #[must_use]
    pub fn follows(&self, first: &Target, next: &Target) -> bool {
        let near = match self {
            Self::Open => first.is_same_origin(next),
            Self::Declared(_) => true,
        };
        near && self.check_target(next).is_ok()
    }

    fn check_target(&self, target: &Target) -> Result<(), Refused> {
        let (scheme, port) = match self {
            Self::Open => (Scheme::Https, Scheme::Https.port()),
            Self::Declared(destination) => (destination.scheme, destination.port()),
        };
        if target.scheme != scheme {
            return Err(Refused::Scheme(target.scheme));
        }
        if let Self::Declared(destination) = self {
            if !destination.host.holds(target) {
                return Err(Refused::Host(target.host.to_string()));
            }
            if !destination.has_path(&target.path) {
                return Err(Refused::Path);
            }
        }
        if target.port != port {
            return Err(Refused::Port(target.port));
        }
        match &target.host {
            Host::Address(address) => self.check_address(&target.host, *address),
            Host::Name(_) => Ok(()),
        }
    }

    /// Whether an address of the host may be connected to.
    ///
    /// # Errors
    /// [`Refused::Address`].
    pub fn check_address(&self, host: &Host, address: IpAddr) -> Result<(), Refused> {
        let class = classify(address);
        let private = match self {
            Self::Open => false,
            Self::Declared(destination) => destination.private,
        };
        let allowed = match class {
            Class::Public => true,
            Class::Loopback | Class::Private => private,
            Class::Named => private && self.is_written(address),
            Class::Never => false,
        };
        if allowed { Ok(()) } else { Err(Refused::Address { host: host.to_string(), address, class }) }
    }

    /// Whether the destination is this very address, and no name that leads there.
    fn is_written(&self, address: IpAddr) -> bool {
        match self {
            Self::Open => false,
            Self::Declared(destination) => destination.host == HostPattern::Exact(Host::Address(address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn destination(change: &Value) -> Destination {
        let mut value = json!({ "id": "api", "description": "A test.", "host": "*.example.com" });
        value.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let destination: Destination = serde_json::from_value(value).unwrap();
        destination.check().unwrap();
        destination
    }

    fn check(reach: Reach<'_>, method: Method, url: &str, allowed: bool) {
        let checked = reach.check(method, &Target::parse(url).unwrap());
        assert_eq!(checked.is_ok(), allowed, "{url}: {checked:?}");
    }

    #[test]
    fn without_a_destination_only_the_public_internet_is_read() {
        for (url, allowed) in [
            ("https://example.com/x?y", true),
            ("https://1.1.1.1/", true),
            ("http://example.com/", false),
            ("https://example.com:8443/", false),
            ("https://example.com:80/", false),
            ("https://127.0.0.1/", false),
            ("https://10.0.0.1/", false),
            ("https://169.254.169.254/latest/meta-data/", false),
            ("https://[::1]/", false),
            ("https://[::ffff:127.0.0.1]/", false),
            ("https://[::ffff:a9fe:a9fe]/", false),
            ("https://[64:ff9b::a9fe:a9fe]/", false),
            ("https://[2002:7f00:1::]/", false),
            ("https://[fd00:ec2::254]/", false),
            ("https://100.100.100.200/", false),
            ("https://0.0.0.0/", false),
        ] {
            check(Reach::Open, Method::Get, url, allowed);
        }
        for method in Method::ALL {
            check(Reach::Open, method, "https://example.com/", method.is_safe());
        }
    }

    #[test]
    fn a_destination_is_reached_as_it_is_declared() {
        let api = destination(&json!({ "path_prefix": "/v1", "methods": ["POST"] }));
        let reach = Reach::Declared(&api);
        for (url, allowed) in [
            ("https://a.example.com/v1/x", true),
            ("https://a.example.com/v2", false),
            ("https://example.com/v1", false),
            ("https://a.example.org/v1", false),
            ("http://a.example.com/v1", false),
            ("https://a.example.com:444/v1", false),
        ] {
            check(reach, Method::Post, url, allowed);
        }
        check(reach, Method::Get, "https://a.example.com/v1/x", false);
    }

    #[test]
    fn private_addresses_need_a_word_and_named_ones_the_very_address() {
        let name = Host::Name("a.example.com".to_owned());
        let table = |reach: Reach<'_>, open: &[&str], shut: &[&str]| {
            for (addresses, allowed) in [(open, true), (shut, false)] {
                for address in addresses {
                    assert_eq!(reach.check_address(&name, address.parse().unwrap()).is_ok(), allowed, "{address}");
                }
            }
        };
        let (public, private) = (destination(&json!({})), destination(&json!({ "private": true })));
        let inner = ["127.0.0.1", "10.1.2.3", "::1", "::ffff:192.168.0.1", "fd12::1", "100.64.1.1"];
        let never =
            ["169.254.169.254", "fd00:ec2::254", "fe80::1", "0.0.0.0", "224.0.0.1", "::ffff:169.254.169.254", "2002:a00:1::"];
        table(Reach::Declared(&public), &["8.8.8.8"], &[&inner[..], &never].concat());
        table(Reach::Declared(&private), &[&["8.8.8.8"], &inner[..]].concat(), &never);
        let metadata = destination(&json!({ "host": "169.254.169.254", "scheme": "http", "private": true }));
        table(Reach::Declared(&metadata), &["169.254.169.254"], &["169.254.169.253", "169.254.170.2", "::ffff:169.254.169.254"]);
    }

    #[test]
    fn a_redirect_stays_where_policy_has_looked() {
        let target = |url: &str| Target::parse(url).unwrap();
        let first = target("https://a.example.com/v1");
        let api = destination(&json!({ "path_prefix": "/v1" }));
        for (url, open, declared) in [
            ("https://a.example.com/v1/x", true, true),
            ("https://a.example.com/other", true, false),
            ("https://b.example.com/v1", false, true),
            ("https://evil.example.org/v1", false, false),
            ("http://a.example.com/v1", false, false),
            ("https://127.0.0.1/v1", false, false),
        ] {
            assert_eq!(Reach::Open.follows(&first, &target(url)), open, "{url}");
            assert_eq!(Reach::Declared(&api).follows(&first, &target(url)), declared, "{url}");
        }
    }

    proptest! {
        /// No address but a public one is reached without a declaration, and none that is nobody's with one.
        #[test]
        fn nothing_inner_is_reached_by_accident(four in any::<u32>(), six in any::<u128>(), private in any::<bool>()) {
            let declared = destination(&json!({ "private": private }));
            let host = Host::Name("a.example.com".to_owned());
            for address in [IpAddr::from(four.to_be_bytes()), IpAddr::from(six.to_be_bytes())] {
                let class = classify(address);
                prop_assert_eq!(Reach::Open.check_address(&host, address).is_ok(), class == Class::Public);
                let allowed = Reach::Declared(&declared).check_address(&host, address).is_ok();
                prop_assert_eq!(allowed, class == Class::Public || (private && matches!(class, Class::Loopback | Class::Private)));
            }
        }
    }
}
