//! The built-in issuer: an access token for an assertion that the login key signs (RFC 7523).

use scalbotics_core::in_words;
use scalbotics_identity::holder::{assertion, trust};
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;

use super::Proving;
use crate::clock;
use crate::codes;
use crate::context::{Entry, Person};
use crate::failure::{Exit, Failure};

/// Life of an assertion, in seconds: it is used at once; clocks may differ by half a minute.
const ASSERTION_LIFETIME_S: i64 = 30;

/// Exchanges a fresh assertion for a token.
pub(super) async fn exchange(
    person: &Person,
    context: &Entry,
    trust: &trust::File,
    channel: &Proving,
) -> Result<v1::AccessToken, Failure> {
    let cannot = |why: String| {
        Failure::new(Exit::NotLoggedIn, codes::LOGIN, format!("cannot log in as {}", person.name))
            .why(why)
            .next("scalbotics doctor")
    };
    let login = assertion::Login {
        holder: person.holder,
        tenant: &context.tenant,
        audience: trust.trust_domain.as_str(),
        lifetime_s: ASSERTION_LIFETIME_S,
    };
    let assertion = assertion::sign(&login, channel.key(), clock::now()).map_err(|error| cannot(in_words(&error)))?;
    let request = channel.request(v1::ExchangeAssertionRequest { assertion });
    Ok(SessionServiceClient::new(channel.clone()).exchange_assertion(request).await?.into_inner())
}
