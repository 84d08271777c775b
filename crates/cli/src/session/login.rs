//! A person logs in, and out again.

use std::time::Duration;

use scalbotics_core::time::Timestamp;
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;

use super::{connect, outside, token};
use crate::clock;
use crate::codes;
use crate::context::{Contexts, Entry, Issuer, Store, login_path};
use crate::failure::{Exit, Failure};
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
    // Before the person does anything: a keyring that keeps nothing, or a daemon that is away, would make it vain.
    if issuer.store == Store::Keyring {
        Turn::wait(name, globals.wait_max())?.keyring.try_out().await?;
    }
    let client = Client::discover(issuer).await.map_err(|error| error.failure(&attempt))?;
    let channel = connect::channel(context, &trust, globals.timeout()).await?;
    let done = client.login(way, globals.wait_max(), clock::now, &say).await.map_err(|error| error.failure(&attempt))?;
    let (shown, kind) = client.shown(&done.tokens).map_err(|error| error.failure(&attempt))?;
    let given = match outside::exchange(shown, kind, &trust, &channel).await {
        Err(failure) if outside::is_used(&failure) && done.tokens.refresh_token.is_some() => None,
        given => Some(given?),
    };
    let turn = Turn::wait(name, globals.wait_max())?;
    let mut login = Login::new(issuer, done.subject, clock::now());
    login.save(&turn, done.tokens.refresh_token.as_deref(), issuer.store).await?;
    let given = match given {
        Some(given) => given,
        None => {
            outside::another_second().await;
            outside::renewed(&turn, name, issuer, &trust, &channel).await?
        }
    };
    let token = token::keep(name, context, given)?;
    if login.renewed_from != Some(Store::Keyring)
        && let Err(failure) = turn.swept().await
    {
        // The way out where there is no keyring any more: this login is good.
        say(&format!("{}: {}; {}", failure.what, failure.why, failure.next));
    }
    drop(turn);
    let request = super::with_token(channel.request(v1::WhoAmIRequest {}), &token)?;
    let person = outside::person(&channel, request).await?;
    let who = person.name.to_string();
    // Read again: the person took their time, and the file may be another one now.
    let mut contexts = Contexts::load()?;
    if let Some(entry) = contexts.contexts.get_mut(name) {
        entry.person = Some(person);
        if let Some(named) = &mut entry.issuer {
            named.store = issuer.store;
        }
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
    /// Where the refresh token is.
    pub(crate) store: Option<Store>,
    /// When the kept access token ends.
    pub(crate) token_ends: Option<Timestamp>,
}

/// What a context keeps, without asking anybody.
pub(crate) fn standing(name: &str, context: &Entry) -> Standing {
    let login = context.issuer.as_ref().and_then(|issuer| Login::load(name, issuer));
    let token_ends = token::ends(name, context);
    let by_key = context.issuer.is_none();
    let store = login.as_ref().and_then(|login| login.renewed_from);
    let renews = by_key || store.is_some();
    let (since, subject) = login.map_or((None, None), |login| (Some(login.since), login.subject));
    Standing { since, subject, renews, store, token_ends }
}

/// Forgets what a context keeps, ends its session at the daemon, and takes its refresh token back at the issuer; answers whether there was anything.
///
/// What is kept here is gone in any case: whoever wants to be logged out is, and hears if daemon or issuer were not told.
pub(crate) async fn out(name: &str, context: &Entry, globals: &Globals) -> Result<bool, Failure> {
    let held = token::held(name, context);
    let forgotten = forget_all(name, context.issuer.as_ref(), globals).await;
    let ended = match held {
        Some(token) => end(context, &token, globals.timeout()).await,
        None => Ok(()),
    };
    // A refresh token lives longer than an access token, so what became of it is said first.
    let had = forgotten?;
    ended.map(|()| had)
}

/// What became of a session that the daemon did not end.
const REFUSED: &str = "logged out here, but the daemon refused to end the session";

/// Why a token has no session any more: of these none counts again. Another refusal, as while the tenant is suspended, ends nothing.
const OVER: [&str; 4] = ["UNAUTHENTICATED", "TOKEN_EXPIRED", "PRINCIPAL_SUSPENDED", "GRANT_OVER"];

/// Ends the session of a token at the daemon. One that the daemon takes no more has none.
async fn end(context: &Entry, token: &str, limit: Duration) -> Result<(), Failure> {
    let ended = async {
        let channel = connect::channel(context, &connect::trust(context)?, limit).await?;
        let request = super::with_token(channel.request(v1::EndSessionRequest {}), token)?;
        match SessionServiceClient::new(channel).end_session(request).await {
            Ok(_) => Ok(()),
            Err(status) => {
                Some(Failure::from(status)).filter(|failure| !OVER.contains(&failure.code.as_str())).map_or(Ok(()), Err)
            }
        }
    };
    ended.await.map_err(|failure| {
        let heard = failure.exit == Exit::NotLoggedIn;
        let what = if heard { REFUSED } else { "logged out here, but the daemon was not told" };
        let why = if failure.why.is_empty() { failure.what.clone() } else { format!("{}: {}", failure.what, failure.why) };
        Failure::told(failure.exit, &failure.code, what)
            .why(why)
            .next("wait ten minutes: then the access token is over by itself")
    })
}

/// Forgets what a context keeps, and takes its refresh token back.
async fn forget_all(name: &str, issuer: Option<&Issuer>, globals: &Globals) -> Result<bool, Failure> {
    let Some(issuer) = issuer else { return token::forget(name) };
    let turn = Turn::wait(name, globals.wait_max())?;
    let refresh = match Login::load(name, issuer) {
        Some(login) => login.refresh_token(&turn, issuer).await,
        None => Ok(None),
    };
    let (had_token, had_login) = (token::forget(name)?, Login::remove(&turn).await);
    let attempt = "logged out here, but the identity provider was not told";
    let told = match refresh {
        Ok(Some(refresh)) => {
            let told = async { Client::discover(issuer).await?.revoke(&refresh).await };
            told.await.map(drop).map_err(|error| error.failure(attempt))
        }
        Ok(None) => Ok(()),
        Err(failure) => {
            let next = "end the login in the identity provider's own pages";
            Err(Failure::new(failure.exit, codes::KEYRING, attempt).why(failure.why.clone()).next(next))
        }
    };
    let had_login = had_login?;
    told.map(|()| had_token || had_login)
}

/// Where the refresh token of a context is kept, if it keeps one, or will in the keyring; the keyring is asked whether that is so, unless nobody may be.
pub(crate) async fn kept_in(name: &str, context: &Entry, limit: Option<Duration>, asks: bool) -> Option<Result<String, Failure>> {
    let issuer = context.issuer.as_ref()?;
    let login = Login::load(name, issuer);
    let kept = login.as_ref().and_then(|login| login.renewed_from);
    if kept.unwrap_or(issuer.store) == Store::File {
        return kept.map(|_| login_path(name).map(|path| format!("file {}", path.display())));
    }
    if !asks {
        return Some(Ok("the keyring, which was not asked".to_owned()));
    }
    let asked = async {
        let turn = Turn::wait(name, limit)?;
        match &login {
            Some(login) if kept.is_some() => {
                login.refresh_token(&turn, issuer).await?;
                Ok("the keyring has it".to_owned())
            }
            _ => turn.keyring.try_out().await.map(|()| "the keyring, from the next login on".to_owned()),
        }
    };
    Some(asked.await)
}
