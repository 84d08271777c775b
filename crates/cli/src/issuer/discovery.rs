//! What an issuer says of itself (OpenID Connect Discovery 1.0, RFC 8414).

use super::address::Address;
use super::error::{Error, cut};
use super::http::Http;
use super::metadata::{Metadata, judge};

/// Longest document, in bytes; as the daemon has it.
const LEN_MAX: usize = 64 << 10;

/// Where the document is, below the issuer's address.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Reads and judges the document of an issuer.
pub(super) async fn discover(http: &Http, issuer: &str) -> Result<Metadata, Error> {
    let unusable = |reason: &str| Error::Setting(format!("the issuer {} is not usable: {reason}", cut(issuer)));
    Address::of_issuer(issuer).map_err(unusable)?;
    let place = Address::parse(&format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'))).map_err(unusable)?;
    let answer = http.get(&place, LEN_MAX).await?;
    if answer.status != 200 {
        return Err(Error::Status { place: place.to_string(), status: answer.status });
    }
    if !answer.is_json {
        return Err(Error::document(&place, "it does not say that it is JSON"));
    }
    judge(issuer, &place, &answer.body).map_err(|reason| Error::document(&place, reason))
}
