//! An outside issuer: an access token for a token of its, bound to this program's key (RFC 8693, RFC 9449; semantics §4.4).

use std::time::Duration;

use scalbotics_core::in_words;
use scalbotics_core::principal::KeyHolder;
use scalbotics_core::tenant::Name;
use scalbotics_identity::holder::{key, proof, trust};
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;

use super::Proving;
use crate::clock;
use crate::codes;
use crate::context::{Entry, Issuer, Person};
use crate::failure::{Exit, Failure};
use crate::issuer::{Client, Login, Turn};

/// The method that takes tokens of issuers, as a path.
const METHOD: &str = "/scalbotics.v1.SessionService/ExchangeToken";

/// The code of a token that says the same as one that was exchanged before.
const USED: &str = "SUBJECT_TOKEN_USED";

/// After this time the issuer's token says another second than before.
const ANOTHER_SECOND: Duration = Duration::from_millis(1_100);

/// Gets a token without the person, by the refresh token that the login left; `turn` says that no other program does so now.
pub(super) async fn renewed(
    turn: &Turn,
    name: &str,
    issuer: &Issuer,
    trust: &trust::File,
    channel: &Proving,
) -> Result<v1::AccessToken, Failure> {
    let Some(mut login) = Login::load(name, issuer) else {
        return Err(not_logged_in(name, "nobody logged in at the identity provider with this context"));
    };
    let Some(mut refresh) = login.refresh_token(turn, issuer).await? else {
        return Err(not_logged_in(name, "the login is over, and the identity provider gave no refresh token to renew it"));
    };
    let store = login.renewed_from.unwrap_or_default();
    let attempt = "the login cannot be renewed";
    let client = Client::discover(issuer).await.map_err(|error| error.failure(attempt))?;
    let mut is_another = false;
    loop {
        let tokens = match client.refresh(&refresh, login.subject.as_deref(), clock::now()).await {
            Ok(tokens) => tokens,
            Err(error) => {
                if error.is_over() {
                    Login::remove(turn).await?;
                }
                return Err(error.failure(attempt));
            }
        };
        // First of all: the one before counts no more where tokens rotate.
        if let Some(next) = tokens.refresh_token.clone().filter(|next| *next != refresh) {
            login.save(turn, Some(&next), store).await?;
            refresh = next;
        }
        let (token, kind) = client.shown(&tokens).map_err(|error| error.failure(attempt))?;
        match exchange(token, kind, trust, channel).await {
            Err(failure) if is_used(&failure) && !is_another => another_second().await,
            exchanged => return exchanged,
        }
        is_another = true;
    }
}

/// Whether the daemon has seen a token that says the same: most likely that of this person in another context, in this very second.
pub(super) fn is_used(failure: &Failure) -> bool {
    failure.code == USED
}

/// Waits until a token of the issuer says another second.
pub(super) async fn another_second() {
    tokio::time::sleep(ANOTHER_SECOND).await;
}

/// Exchanges a token of the issuer for ours.
pub(super) async fn exchange(
    token: &str,
    kind: &str,
    trust: &trust::File,
    channel: &Proving,
) -> Result<v1::AccessToken, Failure> {
    let cannot = |why: String| {
        Failure::new(Exit::NotLoggedIn, codes::LOGIN, "cannot show the daemon whose token this is")
            .why(why)
            .next("scalbotics doctor")
    };
    let target = proof::target(trust.trust_domain.as_str(), METHOD);
    let proof = proof::sign(channel.key(), &target, token, clock::now()).map_err(|error| cannot(in_words(&error)))?;
    let request = v1::ExchangeTokenRequest { subject_token: token.to_owned(), subject_token_type: kind.to_owned(), proof };
    Ok(SessionServiceClient::new(channel.clone()).exchange_token(channel.request(request)).await?.into_inner())
}

/// The key to which tokens of a context are bound; made where there is none yet.
pub(super) fn bring_key(context: &Entry) -> Result<(), Failure> {
    let path = &context.login_key;
    let cannot = |why: String| {
        Failure::new(Exit::Failed, codes::KEY, format!("cannot use or make the key {}", path.display()))
            .why(why)
            .next("scalbotics doctor")
    };
    if path.try_exists().map_err(|error| cannot(error.to_string()))? {
        return key::Pair::load(path).map(drop).map_err(|error| cannot(in_words(&error)));
    }
    path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(|error| cannot(error.to_string()))?;
    let made = key::Pair::generate(key::Algorithm::Ed25519).and_then(|pair| pair.save(path));
    made.map_err(|error| cannot(in_words(&error)))
}

/// Whom the daemon takes the bearer of a token for.
pub(super) async fn person(channel: &Proving, request: tonic::Request<v1::WhoAmIRequest>) -> Result<Person, Failure> {
    let answer = SessionServiceClient::new(channel.clone()).who_am_i(request).await?.into_inner();
    let strange = |why: String| {
        Failure::new(Exit::Failed, codes::PROTOCOL, "the daemon does not say who this is").why(why).next("scalbotics version")
    };
    let name = Name::parse(&answer.display_name).map_err(|error| strange(in_words(&error)))?;
    let uid = answer.uid.parse().map_err(|error: scalbotics_core::ids::Error| strange(in_words(&error)))?;
    Ok(Person { name, holder: KeyHolder::Human(uid) })
}

fn not_logged_in(name: &str, why: &str) -> Failure {
    Failure::new(Exit::NotLoggedIn, codes::LOGIN, format!("context {name} is not logged in")).why(why).next("scalbotics login")
}
