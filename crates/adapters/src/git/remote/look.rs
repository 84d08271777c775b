//! A look at a remote: whether it answers, takes the token, and where its branch stands.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response, StatusCode, redirect};
use scalbotics_core::egress::Roots;
use scalbotics_core::secret::Secret;
use zeroize::Zeroizing;

use super::{Address, Error, advertisement};
use crate::build::trusting;

/// Time for one look: a server that is well answers in a tenth of it.
const LOOK_MAX: Duration = Duration::from_secs(15);

/// Bytes of the answer to a look: ten thousand references, with room.
const ANSWER_LEN_MAX: usize = 2 << 20;

/// What is wanted of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Fetching.
    Fetch,
    /// Pushing.
    Push,
}

impl Service {
    const fn name(self) -> &'static str {
        match self {
            Self::Fetch => "git-upload-pack",
            Self::Push => "git-receive-pack",
        }
    }
}

/// A remote repository, and the token that opens it.
#[derive(Clone)]
pub struct Remote {
    pub(super) address: Address,
    user: String,
    token: Option<Secret>,
    pub(super) roots: Roots,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("address", &self.address).field("user", &self.user).finish_non_exhaustive()
    }
}

impl Remote {
    /// A remote at `address`, opened by `token` with the user name that its provider wants beside a token.
    #[must_use]
    pub fn new(address: Address, user: impl Into<String>, token: Option<Secret>) -> Self {
        Self { address, user: user.into(), token, roots: Roots::default() }
    }

    /// The same, where these authorities are believed beside the system's.
    #[must_use]
    pub fn trusting(self, roots: Roots) -> Self {
        Self { roots, ..self }
    }

    /// The header that opens it (RFC 7617), if there is a token.
    #[must_use]
    pub fn authorization(&self) -> Option<Zeroizing<String>> {
        let token = self.token.as_ref()?;
        let mut plain = Zeroizing::new(format!("{}:", self.user).into_bytes());
        plain.extend_from_slice(token.expose());
        Some(Zeroizing::new(format!("Basic {}", &*Zeroizing::new(STANDARD.encode(&plain)))))
    }

    /// Its references, and the commit of each, as the service shows them.
    ///
    /// # Errors
    /// [`Error`], which says what to mend.
    ///
    /// # Cancel safety
    /// Cancel safe: looking changes nothing.
    pub async fn look(&self, service: Service) -> Result<BTreeMap<String, String>, Error> {
        let address = self.address.as_str().to_owned();
        let unreachable =
            |source: reqwest::Error| Error::Unreachable { address: address.clone(), source: source.without_url().into() };
        let mut request = self.client().map_err(unreachable)?.get(format!("{address}/info/refs?service={}", service.name()));
        if let Some(text) = self.authorization() {
            let mut value = HeaderValue::from_str(&text).map_err(|_| self.not_git("its token is none".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let mut response = request.send().await.map_err(unreachable)?;
        self.judge(&response, service)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len().saturating_add(chunk.len()) > ANSWER_LEN_MAX {
                return Err(self.not_git(format!("its answer is longer than {ANSWER_LEN_MAX} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        advertisement::parse(&body, service.name()).map_err(|reason| self.not_git(reason))
    }

    fn client(&self) -> Result<Client, reqwest::Error> {
        // Proxies of the environment would see the token.
        let builder = Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(LOOK_MAX);
        if self.address.is_cleartext() {
            // Only this machine is reached without TLS, whatever a resolver says.
            let local = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
            builder.resolve_to_addrs("localhost", &local).build()
        } else {
            trusting(builder.https_only(true), &self.roots)?.build()
        }
    }

    fn not_git(&self, reason: String) -> Error {
        Error::NotGit { address: self.address.to_string(), reason }
    }

    fn judge(&self, response: &Response, service: Service) -> Result<(), Error> {
        let (address, status) = (self.address.to_string(), response.status());
        if status.is_redirection() {
            return Err(Error::Redirected { address, status: status.as_u16() });
        }
        if [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status) {
            return Err(Error::Token { address, status: status.as_u16() });
        }
        if [StatusCode::NOT_FOUND, StatusCode::GONE].contains(&status) {
            return Err(Error::NotFound { address });
        }
        if status != StatusCode::OK {
            return Err(self.not_git(format!("its status is {}", status.as_u16())));
        }
        let wanted = format!("application/x-{}-advertisement", service.name());
        let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if kind == wanted { Ok(()) } else { Err(self.not_git(format!("its answer is no `{wanted}`"))) }
    }
}
