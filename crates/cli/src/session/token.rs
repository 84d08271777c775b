//! Access tokens: exchanged for a signed assertion (RFC 7523), kept for their ten minutes in a 0600 file.

use scalbotics_core::in_words;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::holder::{assertion, key, trust};
use scalbotics_identity::private_file;
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use serde::{Deserialize, Serialize};
use tonic::transport::Channel;

use super::trace;
use crate::clock;
use crate::codes;
use crate::context::{Entry, token_path};
use crate::failure::{Exit, Failure};

/// A token that ends within this time is exchanged anew, in milliseconds: a call may be on its way that long.
const MARGIN_MS: u64 = 30_000;

/// Life of an assertion, in seconds: it is used at once; clocks may differ by half a minute.
const ASSERTION_LIFETIME_S: i64 = 30;

/// Longest token file, in bytes.
const FILE_LEN_MAX: u64 = 32 << 10;

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    token: String,
    expires_at: Timestamp,
    server: String,
    /// The identity that it was made for.
    holder: String,
}

/// The kept token of a context, or a new one; and which of both.
pub(super) async fn current(
    name: &str,
    context: &Entry,
    trust: &trust::File,
    channel: &Channel,
) -> Result<(String, bool), Failure> {
    match kept(name, context) {
        Some(token) => Ok((token, true)),
        None => Ok((exchange(name, context, trust, channel).await?, false)),
    }
}

fn kept(name: &str, context: &Entry) -> Option<String> {
    let bytes = private_file::read(&token_path(name).ok()?, FILE_LEN_MAX).ok()?;
    let kept: Kept = serde_json::from_slice(&bytes).ok()?;
    let usable = kept.expires_at > clock::now().plus_ms(MARGIN_MS)
        && kept.server == context.server
        && kept.holder == context.holder.to_string();
    usable.then_some(kept.token)
}

/// Exchanges a fresh assertion for a token and keeps that.
pub(crate) async fn exchange(name: &str, context: &Entry, trust: &trust::File, channel: &Channel) -> Result<String, Failure> {
    let cannot = |why: String| {
        Failure::new(Exit::NotLoggedIn, codes::LOGIN, format!("cannot log in as {}", context.who))
            .why(why)
            .next("scalbotics doctor")
    };
    let key = key::Pair::load(&context.login_key).map_err(|error| cannot(in_words(&error)))?;
    let login = assertion::Login {
        holder: context.holder,
        tenant: &context.tenant,
        audience: trust.trust_domain.as_str(),
        lifetime_s: ASSERTION_LIFETIME_S,
    };
    let assertion = assertion::sign(&login, &key, clock::now()).map_err(|error| cannot(in_words(&error)))?;
    let request = trace::request(v1::ExchangeAssertionRequest { assertion });
    let answer = SessionServiceClient::new(channel.clone()).exchange_assertion(request).await?;
    let v1::AccessToken { token, expire_time } = answer.into_inner();
    let expires_at = expire_time.map_or(0, |time| time.seconds.saturating_mul(1_000));
    let kept = Kept {
        token: token.clone(),
        expires_at: Timestamp::from_unix_ms(expires_at),
        server: context.server.clone(),
        holder: context.holder.to_string(),
    };
    keep(name, &kept)?;
    Ok(token)
}

fn keep(name: &str, kept: &Kept) -> Result<(), Failure> {
    let path = token_path(name)?;
    let cannot = |why: String| {
        Failure::new(Exit::Failed, codes::TOKEN, format!("cannot keep the token in {}", path.display()))
            .why(why)
            .next("give SCALBOTICS_STATE_DIR a directory that you can write")
    };
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(|error| cannot(error.to_string()))?;
    }
    let text = serde_json::to_vec(kept).map_err(|error| cannot(error.to_string()))?;
    private_file::replace(&path, &text, private_file::SECRET_MODE).map_err(|error| cannot(in_words(&error)))
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
