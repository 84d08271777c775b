//! Renewal: a new key and a new certificate under the one that is there, at half of its life, or as soon as new keys are asked for.

use std::sync::Arc;
use std::time::Duration;

use rustls::time_provider::DefaultTimeProvider;
use scalbotics_core::digest::Digest;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::svid::Svid;
use scalbotics_identity::holder::tls;
use scalbotics_proto::v1;
use scalbotics_proto::v1::identity_service_client::IdentityServiceClient;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use tonic::transport::Channel;

use super::files::{Directory, Facts};
use super::verb::request_of;
use crate::clock;
use crate::commands::wire;
use crate::failure::{Exit, Failure};
use crate::output::Printer;
use crate::session::over;

/// How often the daemon is asked how long the certificate counts: four times within the minute that old ones go on when new keys are
/// asked for.
const LOOK: Duration = Duration::from_secs(15);

/// An end that is so much earlier than the certificate's own, in milliseconds, means that new keys are asked for.
const CUT_SHORT_MS: u64 = 1_000;

/// Time limit of one call.
const CALL_MAX: Duration = Duration::from_secs(30);

/// How often one renewal is asked for, and the pause between: a daemon that is begun anew answers in a second.
const TRIES_MAX: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// A connection by the certificate that is there, and what it says.
pub(in crate::commands::agent) async fn connect(directory: &Directory, facts: &Facts) -> Result<(Channel, Svid), Failure> {
    let (identity, svid) = directory.svid()?;
    let roots = directory.roots()?;
    let config = tls::client_config(&roots, &facts.trust_domain, Some(&identity), Arc::new(DefaultTimeProvider));
    let config = config.map_err(|error| Failure::internal("no TLS", &error))?;
    Ok((over(&facts.server, config).await?, svid))
}

/// Renews now: for one new key, which is asked for again where an answer was lost, so that it gets one certificate (semantics §9.1).
pub(super) async fn renew(directory: &Directory, facts: &Facts) -> Result<v1::Certificate, Failure> {
    let key = Pair::generate(Algorithm::P256).map_err(|error| Failure::internal("no key", &error))?;
    let request_id = Digest::of_bytes(&key.public().to_spki_der()).to_string();
    let wanted = v1::RenewSvidRequest { signing_request: request_of(&key)?, request_id };
    let mut tries = TRIES_MAX;
    let certificate = loop {
        tries -= 1;
        match ask(directory, facts, wanted.clone()).await {
            Err(failure) if tries > 0 && matches!(failure.exit, Exit::Unreachable | Exit::TimedOut) => {
                tokio::time::sleep(PAUSE).await;
            }
            answered => break answered?,
        }
    };
    directory.write_svid(&key, &certificate.chain)?;
    Ok(certificate)
}

async fn ask(directory: &Directory, facts: &Facts, wanted: v1::RenewSvidRequest) -> Result<v1::Certificate, Failure> {
    let (channel, _) = connect(directory, facts).await?;
    let mut request = tonic::Request::new(wanted);
    request.set_timeout(CALL_MAX);
    Ok(IdentityServiceClient::new(channel).renew_svid(request).await?.into_inner())
}

/// Renews whenever it is time, and tells of it, until the certificate counts for nothing any more. A daemon that is down is waited for.
pub(in crate::commands::agent) async fn watch(
    directory: &Directory,
    tell: impl Fn(&v1::Certificate) -> Result<(), Failure>,
    printer: &Printer,
) -> Result<(), Failure> {
    let facts = directory.facts()?;
    loop {
        match look(directory, &facts).await {
            Ok(true) => match renew(directory, &facts).await {
                Ok(certificate) => tell(&certificate)?,
                Err(failure) => bear(failure, printer)?,
            },
            Ok(false) => {}
            Err(failure) => bear(failure, printer)?,
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether it is time.
async fn look(directory: &Directory, facts: &Facts) -> Result<bool, Failure> {
    let (channel, svid) = connect(directory, facts).await?;
    let mut request = tonic::Request::new(v1::WhoAmIRequest {});
    request.set_timeout(CALL_MAX);
    let identity = SessionServiceClient::new(channel).who_am_i(request).await?.into_inner();
    let counts_until = Timestamp::from_unix_ms(wire::unix_ms(identity.expire_time));
    Ok(is_time(&svid, counts_until, clock::now()))
}

/// Whether a certificate is to be renewed at `now`: where it is cut short, or about half of its life is over. When exactly is its own
/// number's to say, so that many workers that joined at once do not renew at once.
fn is_time(svid: &Svid, counts_until: Timestamp, now: Timestamp) -> bool {
    let life_ms = svid.not_after.since_ms(svid.not_before);
    let drawn = u64::from(svid.serial.as_bytes().last().copied().unwrap_or(0));
    // 40 to 60 hundredths of its life.
    let percent = 40 + drawn * 20 / 255;
    let due = svid.not_before.plus_ms(life_ms / 100 * percent);
    counts_until.plus_ms(CUT_SHORT_MS) < svid.not_after || now >= due
}

/// Lets a failure pass that may be over at the next look; any other ends the watch.
fn bear(failure: Failure, printer: &Printer) -> Result<(), Failure> {
    match failure.exit {
        Exit::Unreachable | Exit::TimedOut | Exit::Conflict => {
            printer.note(&format!("not renewed yet: {}: {}", failure.what, failure.why));
            Ok(())
        }
        Exit::Failed | Exit::Usage | Exit::NotLoggedIn | Exit::Denied | Exit::Waiting | Exit::NotFound | Exit::Closed => {
            Err(failure)
        }
    }
}

#[cfg(test)]
mod tests {
    use scalbotics_core::identity::SpiffeId;
    use scalbotics_identity::holder::svid::Serial;

    use super::*;

    fn svid(last: u8) -> Svid {
        let at = Timestamp::from_unix_ms;
        Svid {
            id: SpiffeId::parse("spiffe://td.test/acme/agent/clerk").unwrap(),
            serial: Serial::from_bytes(&[9, last]),
            not_before: at(0),
            not_after: at(100_000),
            digest: Digest::of_bytes(b"certificate"),
            key: Digest::of_bytes(b"key"),
        }
    }

    #[test]
    fn sem_4_8_half_of_a_life_more_or_less_or_at_once_where_it_is_cut_short() {
        let at = Timestamp::from_unix_ms;
        for (last, due) in [(0, 40_000), (128, 50_000), (255, 60_000)] {
            let svid = svid(last);
            assert!(!is_time(&svid, svid.not_after, at(due - 1)), "{last}");
            assert!(is_time(&svid, svid.not_after, at(due)), "{last}");
        }
        assert!(is_time(&svid(0), at(60_000), at(1)), "new keys are asked for");
    }
}
