//! Access tokens: got from the daemon, kept for their ten minutes in a 0600 file.

use std::time::Duration;

use scalbotics_core::in_words;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::holder::trust;
use scalbotics_identity::private_file;
use scalbotics_proto::v1;
use serde::{Deserialize, Serialize};

use super::{Proving, outside, own_key};
use crate::clock;
use crate::codes;
use crate::context::{Entry, token_path};
use crate::failure::{Exit, Failure};
use crate::issuer::Turn;
use crate::output::tell;

/// A token that ends within this time is exchanged anew, in milliseconds: a call may be on its way that long.
const MARGIN_MS: u64 = 30_000;

/// Longest token file, in bytes.
const FILE_LEN_MAX: u64 = 32 << 10;

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    token: String,
    expires_at: Timestamp,
    server: String,
    /// The identity that it was made for, or the issuer that says who it is.
    holder: String,
}

/// The kept token of a context, or a new one; and which of both. `limit` is what the keyring gets for a question.
pub(super) async fn current(
    name: &str,
    context: &Entry,
    trust: &trust::File,
    channel: &Proving,
    limit: Option<Duration>,
) -> Result<(String, bool), Failure> {
    if let Some(kept) = kept(name, context) {
        return Ok((kept.token, true));
    }
    let Some(issuer) = &context.issuer else {
        return Ok((keep_or_tell(name, context, by_key(name, context, trust, channel).await?), false));
    };
    let turn = Turn::wait(name, limit)?;
    // Another program may have renewed it meanwhile.
    if let Some(kept) = kept(name, context) {
        return Ok((kept.token, true));
    }
    let token = outside::renewed(&turn, name, issuer, trust, channel).await?;
    Ok((keep_or_tell(name, context, token), false))
}

/// When the kept token of a context ends, if there is a usable one.
pub(crate) fn ends(name: &str, context: &Entry) -> Option<Timestamp> {
    kept(name, context).map(|kept| kept.expires_at)
}

fn kept(name: &str, context: &Entry) -> Option<Kept> {
    read(name, context).filter(|kept| kept.expires_at > clock::now().plus_ms(MARGIN_MS))
}

/// What is kept, if it is of the context's server and person; perhaps over.
fn read(name: &str, context: &Entry) -> Option<Kept> {
    let bytes = private_file::read(&token_path(name).ok()?, FILE_LEN_MAX).ok()?;
    let kept: Kept = serde_json::from_slice(&bytes).ok()?;
    (kept.server == context.server && kept.holder == holder(context)).then_some(kept)
}

fn holder(context: &Entry) -> String {
    match (&context.issuer, &context.person) {
        (Some(issuer), _) => format!("{} at {}", issuer.client_id, issuer.url),
        (None, Some(person)) => person.holder.to_string(),
        (None, None) => String::new(),
    }
}

/// Exchanges a fresh assertion of the login key for a token and keeps that.
pub(crate) async fn fresh(name: &str, context: &Entry, trust: &trust::File, channel: &Proving) -> Result<String, Failure> {
    keep(name, context, by_key(name, context, trust, channel).await?)
}

async fn by_key(name: &str, context: &Entry, trust: &trust::File, channel: &Proving) -> Result<v1::AccessToken, Failure> {
    let person = context.person.as_ref().ok_or_else(|| {
        Failure::new(Exit::NotLoggedIn, codes::LOGIN, format!("context {name} names nobody")).next("scalbotics context list")
    })?;
    own_key::exchange(person, context, trust, channel).await
}

/// Keeps a token, or says that it could not: a full disk of this machine stops no command, for it has the token.
fn keep_or_tell(name: &str, context: &Entry, given: v1::AccessToken) -> String {
    let token = given.token.clone();
    if let Err(failure) = keep(name, context, given) {
        tell(&format!("warning: {}: {}; this command goes on with it, and the next one gets another", failure.what, failure.why));
    }
    token
}

/// Keeps a token that the daemon gave; answers it.
pub(super) fn keep(name: &str, context: &Entry, given: v1::AccessToken) -> Result<String, Failure> {
    let v1::AccessToken { token, expire_time } = given;
    let expires_at = expire_time.map_or(0, |time| time.seconds.saturating_mul(1_000));
    let kept = Kept {
        token: token.clone(),
        expires_at: Timestamp::from_unix_ms(expires_at),
        server: context.server.clone(),
        holder: holder(context),
    };
    let path = token_path(name)?;
    let cannot = |why: String| {
        Failure::new(Exit::Failed, codes::TOKEN, format!("cannot keep the token in {}", path.display()))
            .why(why)
            .next("give SCALBOTICS_STATE_DIR a directory that you can write")
    };
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(|error| cannot(error.to_string()))?;
    }
    let text = serde_json::to_vec(&kept).map_err(|error| cannot(error.to_string()))?;
    private_file::replace(&path, &text, private_file::SECRET_MODE).map_err(|error| cannot(in_words(&error)))?;
    Ok(token)
}

/// The kept token of a context, if it counts for another moment.
pub(super) fn held(name: &str, context: &Entry) -> Option<String> {
    read(name, context).filter(|kept| kept.expires_at > clock::now()).map(|kept| kept.token)
}

/// Removes the kept token; answers whether there was one.
pub(crate) fn forget(name: &str) -> Result<bool, Failure> {
    let path = token_path(name)?;
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::new(Exit::Failed, codes::TOKEN, format!("cannot remove {}", path.display()))
            .why(error.to_string())
            .next("remove the file by hand: it is a token that counts")),
    }
}
