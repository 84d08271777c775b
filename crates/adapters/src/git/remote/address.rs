//! Addresses that a token may be sent to.

use std::fmt;

use reqwest::Url;

use super::Error;

/// Longest address, in bytes: more is a mistake.
const LEN_MAX: usize = 2_048;

/// The address of a remote repository: `https`, or `http` to this machine alone, without user, query and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// Takes what somebody wrote.
    ///
    /// # Errors
    /// [`Error::Address`] with what is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        // What is refused may hold a password, so it is not shown.
        let refused = |reason: &'static str| Err(Error::Address { reason });
        if text.len() > LEN_MAX {
            return refused("it is longer than 2048 bytes");
        }
        let Ok(url) = Url::parse(text) else { return refused("it is no URL") };
        let is_safe = match url.scheme() {
            "https" => true,
            "http" => is_loopback(&url),
            _ => return refused("it is neither https nor http"),
        };
        if !is_safe {
            return refused("http would show the token to the network; only https leaves this machine");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("it holds a user or a password; the token is a secret of its own");
        }
        if url.query().is_some() || url.fragment().is_some() || url.path() == "/" {
            return refused("it names no repository, or more than one");
        }
        Ok(Self(url))
    }

    /// Whether no TLS is spoken with it.
    pub(super) fn is_cleartext(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }
}

/// Whether a URL leads to this machine, by its number or its name.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let number = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || number.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leaves_this_machine_by_https_only() {
        for good in ["https://git.example/a/b.git", "http://127.0.0.1:1/x.git", "http://localhost/x", "http://[::1]:8/x/"] {
            assert!(Address::parse(good).is_ok(), "{good}");
        }
        let long = format!("https://git.example/{}", "x".repeat(LEN_MAX));
        for bad in [
            "http://git.example/a.git",
            "http://127.0.0.1.example/a.git",
            "http://localhost.example/a.git",
            "ssh://git@git.example/a.git",
            "git@git.example:a.git",
            "ext::sh -c x",
            "file:///etc",
            "https://user:hunter2@git.example/a.git",
            "https://user@git.example/a.git",
            "https://git.example/a.git?x=1",
            "https://git.example/a.git#x",
            "https://git.example/",
            "https://",
            "--upload-pack=x",
            "",
            &long,
        ] {
            let error = Address::parse(bad).map(|_| ()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
        assert_eq!(Address::parse("https://git.example/a.git/").unwrap().as_str(), "https://git.example/a.git");
    }
}
