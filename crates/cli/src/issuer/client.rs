//! This program as a client of the issuer of a context: the three ways to log in, new tokens, and the end.

use std::time::Duration;

use scalbotics_core::time::Timestamp;
use scalbotics_identity::holder::{id_token, pkce, roots};
use scalbotics_identity::private_file;

use super::browser::Opener;
use super::callback::{self, Expected};
use super::device;
use super::discovery;
use super::error::Error;
use super::grant::{self, Tokens};
use super::http::Http;
use super::listener::Listener;
use super::metadata::Metadata;
use super::paste;
use crate::context::{Issuer, Shown};

/// Longest file of authorities, in bytes; as the daemon has it.
const CA_LEN_MAX: u64 = 1 << 20;

/// Time that a person gets where nothing is said.
const PERSON_MAX: Duration = Duration::from_secs(300);

/// What a token is, as RFC 8693 §3 names it.
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A way to log in.
#[derive(Debug)]
pub(crate) enum Way {
    /// By a browser of this machine, which comes back to it.
    Browser(Opener),
    /// By a browser anywhere, with a code.
    Device,
    /// By a browser anywhere, whose last address is pasted.
    Paste,
}

/// What came of a login.
#[derive(Debug)]
pub(crate) struct LoggedIn {
    /// The tokens.
    pub(crate) tokens: Tokens,
    /// Whom the issuer named.
    pub(crate) subject: Option<String>,
}

/// A client of one issuer.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    issuer: &'a Issuer,
    http: Http,
    metadata: Metadata,
}

impl<'a> Client<'a> {
    /// Asks the issuer for what it is.
    pub(crate) async fn discover(issuer: &'a Issuer) -> Result<Self, Error> {
        let roots = match &issuer.ca_file {
            None => None,
            Some(file) => {
                let bytes = private_file::read_public(file, CA_LEN_MAX);
                let bytes = bytes.map_err(|error| Error::Setting(scalbotics_core::in_words(&error)))?;
                Some(roots::parse(&bytes)?)
            }
        };
        let http = Http::new(roots.as_ref())?;
        let metadata = discovery::discover(&http, &issuer.url).await?;
        Ok(Self { issuer, http, metadata })
    }

    /// Logs a person in; what they have to do is told by `say`, and they get `limit` for it.
    pub(crate) async fn login(
        &self,
        way: &Way,
        limit: Option<Duration>,
        now: impl Fn() -> Timestamp,
        say: impl Fn(&str),
    ) -> Result<LoggedIn, Error> {
        let limit = limit.unwrap_or(PERSON_MAX);
        let secrets = pkce::Secrets::draw().map_err(|_| Error::Entropy)?;
        let (tokens, nonce) = match way {
            Way::Device => (self.by_device(limit, say).await?, None),
            Way::Browser(opener) => (self.by_browser(&secrets, opener, limit, say).await?, Some(secrets.nonce())),
            Way::Paste => (self.by_paste(&secrets, limit, say).await?, Some(secrets.nonce())),
        };
        let subject = self.subject(&tokens, nonce, now())?;
        self.shown(&tokens)?;
        Ok(LoggedIn { tokens, subject })
    }

    async fn by_browser(
        &self,
        secrets: &pkce::Secrets,
        opener: &Opener,
        limit: Duration,
        say: impl Fn(&str),
    ) -> Result<Tokens, Error> {
        let listener = Listener::bind(self.issuer.redirect_port).await?;
        let back = listener.redirect_uri();
        let address = self.authorization(secrets, &back)?;
        if opener.open(&address) {
            say(&format!("a browser opens; if none does, open this address on this machine:\n{address}"));
        } else {
            say(&format!("open this address in a browser of this machine:\n{address}"));
        }
        let waited = tokio::time::timeout(limit, listener.code(&self.expected(secrets))).await;
        let code = waited.unwrap_or(Err(Error::TooLate { seconds: limit.as_secs() }))?;
        self.redeemed(&code, secrets, &back).await
    }

    async fn by_paste(&self, secrets: &pkce::Secrets, limit: Duration, say: impl Fn(&str)) -> Result<Tokens, Error> {
        // The port is that of nobody in a moment, so that the browser fails there and shows the address.
        let back = Listener::bind(self.issuer.redirect_port).await?.redirect_uri();
        let address = self.authorization(secrets, &back)?;
        say(&format!(
            "open this address in a browser of any machine:\n{address}\n\
             after the login it will say that it cannot reach 127.0.0.1: paste the whole address that it shows then"
        ));
        let line = paste::line(std::io::stdin(), limit)?;
        let code = callback::code(paste::query(&line), &self.expected(secrets))?;
        self.redeemed(&code, secrets, &back).await
    }

    async fn by_device(&self, limit: Duration, say: impl Fn(&str)) -> Result<Tokens, Error> {
        let place = self.metadata.device.as_ref().ok_or(Error::NotOffered("login by device code"))?;
        let scope = self.scope();
        let mut form = vec![("client_id", self.issuer.client_id.as_str()), ("scope", &scope)];
        form.extend(self.audience());
        let code = device::Code::ask(&self.http, place, &form).await?;
        say(&code.told());
        code.tokens(&self.http, &self.metadata.token, &self.issuer.client_id, limit).await
    }

    fn expected<'s>(&'s self, secrets: &'s pkce::Secrets) -> Expected<'s> {
        Expected { state: secrets.state(), issuer: &self.issuer.url, names_itself: self.metadata.names_itself }
    }

    /// The address that the person opens (RFC 6749 §4.1.1).
    fn authorization(&self, secrets: &pkce::Secrets, back: &str) -> Result<String, Error> {
        let place = self.metadata.authorization.as_ref().ok_or(Error::NotOffered("login by a browser"))?;
        let (scope, challenge) = (self.scope(), secrets.challenge());
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", &self.issuer.client_id),
            ("redirect_uri", back),
            ("scope", &scope),
            ("state", secrets.state()),
            ("nonce", secrets.nonce()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        parameters.extend(self.audience());
        Ok(place.with(&parameters))
    }

    async fn redeemed(&self, code: &str, secrets: &pkce::Secrets, back: &str) -> Result<Tokens, Error> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", self.issuer.client_id.as_str()),
            ("code", code),
            ("redirect_uri", back),
            ("code_verifier", secrets.verifier()),
        ];
        form.extend(self.audience());
        grant::tokens(&self.http, &self.metadata.token, &form).await
    }

    /// Gets new tokens for a refresh token; whom they are about must be whom they were about.
    pub(crate) async fn refresh(&self, token: &str, subject: Option<&str>, now: Timestamp) -> Result<Tokens, Error> {
        let mut form =
            vec![("grant_type", "refresh_token"), ("client_id", self.issuer.client_id.as_str()), ("refresh_token", token)];
        form.extend(self.audience());
        let tokens = grant::tokens(&self.http, &self.metadata.token, &form).await?;
        let found = self.subject(&tokens, None, now)?;
        if found.is_some() && found.as_deref() != subject {
            return Err(id_token::Error::Foreign { claim: "sub" }.into());
        }
        self.shown(&tokens)?;
        Ok(tokens)
    }

    /// Takes a refresh token back; answers whether the issuer offers that.
    pub(crate) async fn revoke(&self, token: &str) -> Result<bool, Error> {
        let Some(place) = &self.metadata.revocation else { return Ok(false) };
        grant::revoke(&self.http, place, &self.issuer.client_id, token).await?;
        Ok(true)
    }

    /// The token that the daemon is shown, and what it is.
    pub(crate) fn shown<'t>(&self, tokens: &'t Tokens) -> Result<(&'t str, &'static str), Error> {
        let missing = |reason: &str| Error::document(&self.metadata.token, reason);
        match self.issuer.token {
            Shown::Id => {
                let token =
                    tokens.id_token.as_deref().ok_or_else(|| missing("it gives no ID token: `openid` must be a scope"))?;
                Ok((token, ID_TOKEN))
            }
            Shown::Access if id_token::is_signed_token(&tokens.access_token) => Ok((&tokens.access_token, ACCESS_TOKEN)),
            Shown::Access => Err(missing("its access token is no JWT: show the daemon the ID token, or ask for an audience")),
        }
    }

    fn subject(&self, tokens: &Tokens, nonce: Option<&str>, now: Timestamp) -> Result<Option<String>, Error> {
        let expected = id_token::Expected { issuer: &self.issuer.url, client: &self.issuer.client_id, nonce };
        Ok(tokens.id_token.as_deref().map(|token| id_token::check(token, &expected, now)).transpose()?)
    }

    fn scope(&self) -> String {
        let built_in = if self.metadata.offers_offline { "openid offline_access" } else { "openid" };
        self.issuer.scopes.clone().unwrap_or_else(|| built_in.to_owned())
    }

    /// RFC 8707 has `resource`, which is an address; what came before it has `audience`, which is any text.
    fn audience(&self) -> impl Iterator<Item = (&str, &str)> {
        let audience = self.issuer.audience.as_deref();
        let resource = audience.filter(|audience| audience.contains(':'));
        audience.map(|text| ("audience", text)).into_iter().chain(resource.map(|text| ("resource", text)))
    }
}
