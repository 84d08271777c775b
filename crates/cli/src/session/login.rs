//! A person logs in, and out again.

use scalbotics_core::time::Timestamp;

use super::{connect, outside, token, trace};
use crate::clock;
use crate::context::{Contexts, Entry, Issuer};
use crate::failure::Failure;
use crate::issuer::{Client, Login, Turn, Way};
use crate::tree::Globals;

/// Logs a person in at the issuer of a context; answers who they are for the daemon.
pub(crate) async fn at_issuer(
    name: &str,
    issuer: &Issuer,
    way: &Way,
    globals: &Globals,
    say: impl Fn(&str),
) -> Result<String, Failure> {
    let contexts = Contexts::load()?;
    let (_, context) = contexts.select(Some(name))?;
    outside::bring_key(context)?;
    let trust = connect::trust(context)?;
    let attempt = format!("cannot log in at {}", issuer.url);
    let client = Client::discover(issuer).await.map_err(|error| error.failure(&attempt))?;
    // Before the person does anything: a daemon that is away would make it vain.
    let channel = connect::channel(context, &trust).await?;
    let done = client.login(way, globals.wait_max(), clock::now, say).await.map_err(|error| error.failure(&attempt))?;
    let (shown, kind) = client.shown(&done.tokens).map_err(|error| error.failure(&attempt))?;
    let given = match outside::exchange(shown, kind, &trust, &channel).await {
        Err(failure) if outside::is_used(&failure) && done.tokens.refresh_token.is_some() => None,
        given => Some(given?),
    };
    let turn = Turn::wait(name)?;
    Login::new(issuer, done.subject, done.tokens.refresh_token, clock::now()).save(name)?;
    let given = match given {
        Some(given) => given,
        None => {
            outside::another_second().await;
            outside::renewed(&turn, name, issuer, &trust, &channel).await?
        }
    };
    let token = token::keep(name, context, given)?;
    drop(turn);
    let request = super::with_token(trace::request(scalbotics_proto::v1::WhoAmIRequest {}), &token)?;
    let person = outside::person(&channel, request).await?;
    let who = person.name.to_string();
    // Read again: the person took their time, and the file may be another one now.
    let mut contexts = Contexts::load()?;
    if let Some(entry) = contexts.contexts.get_mut(name) {
        entry.person = Some(person);
        contexts.save()?;
    }
    Ok(who)
}

/// What a context keeps of a login.
#[derive(Debug)]
pub(crate) struct Standing {
    /// When the person logged in at the issuer.
    pub(crate) since: Option<Timestamp>,
    /// Whom the issuer named.
    pub(crate) subject: Option<String>,
    /// Whether it renews itself.
    pub(crate) renews: bool,
    /// When the kept access token ends.
    pub(crate) token_ends: Option<Timestamp>,
}

/// What a context keeps, without asking anybody.
pub(crate) fn standing(name: &str, context: &Entry) -> Standing {
    let login = context.issuer.as_ref().and_then(|issuer| Login::load(name, issuer));
    let token_ends = token::ends(name, context);
    let by_key = context.issuer.is_none();
    let renews = by_key || login.as_ref().is_some_and(|login| login.refresh_token.is_some());
    let (since, subject) = login.map_or((None, None), |login| (Some(login.since), login.subject));
    Standing { since, subject, renews, token_ends }
}

/// Forgets what a context keeps, and takes its refresh token back at the issuer; answers whether there was anything.
///
/// What is kept here is gone in any case: whoever wants to be logged out is, and hears if the issuer was not told.
pub(crate) async fn out(name: &str, issuer: Option<&Issuer>) -> Result<bool, Failure> {
    let Some(issuer) = issuer else { return token::forget(name) };
    let _turn = Turn::wait(name)?;
    let login = Login::load(name, issuer);
    let (had_token, had_login) = (token::forget(name)?, Login::remove(name)?);
    if let Some(refresh) = login.and_then(|login| login.refresh_token) {
        let attempt = "logged out here, but the identity provider was not told";
        let told = async { Client::discover(issuer).await?.revoke(&refresh).await };
        told.await.map_err(|error| error.failure(attempt))?;
    }
    Ok(had_token || had_login)
}
