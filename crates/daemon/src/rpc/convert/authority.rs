//! Authorities on the wire.

use scalbotics_core::identity::{Authority, AuthorityError, AuthorityState};
use scalbotics_core::in_words;
use scalbotics_core::ports::KeyAuthorityError;
use scalbotics_identity::holder::certificate;
use scalbotics_proto::v1;

use super::timestamp;
use crate::rpc::codes;
use crate::rpc::failure::Failure;

/// An authority.
pub(in crate::rpc) fn authority(authority: &Authority) -> v1::Authority {
    let certificate = (!authority.certificate.is_empty()).then(|| certificate::to_pem(&[authority.certificate.clone().into()]));
    v1::Authority {
        id: authority.id.to_string(),
        state: authority.state.word().to_owned(),
        update_time: Some(timestamp(authority.changed_at)),
        expire_time: authority.not_after.map(timestamp),
        certificate: certificate.unwrap_or_default(),
    }
}

/// A change's that was not made.
pub(in crate::rpc) fn authority_failure(error: &KeyAuthorityError) -> Failure {
    let state = |error: &AuthorityError| Failure::new(codes::AUTHORITY_STATE, error.to_string());
    match error {
        KeyAuthorityError::State(error) => match error {
            AuthorityError::Absent { id } => Failure::not_found(id.as_str()).next("scalbotics identity ca show"),
            AuthorityError::Step { to: AuthorityState::Tainted, .. } => state(error)
                .why("only one that has retired is tainted: nothing could be renewed while it is the one that signs")
                .next("scalbotics identity ca rotate --help"),
            AuthorityError::Step { to: AuthorityState::Revoked, .. } => state(error)
                .why("one is tainted first, so that what it signed is renewed before it is void")
                .next("scalbotics identity ca show"),
            AuthorityError::Step { .. } | AuthorityError::Prepared { .. } => state(error).next("scalbotics identity ca show"),
            AuthorityError::TooMany => Failure::new(codes::TOO_MANY, error.to_string()).next("scalbotics identity ca show"),
        },
        KeyAuthorityError::Refused { source } => Failure::new(codes::INVALID_ARGUMENT, "what the root signed is refused")
            .why(in_words(&**source))
            .next("have the root sign it anew: `scalboticsd ca sign --help`"),
        KeyAuthorityError::Keys { .. } => Failure::internal("use the keys of authorities", &in_words(error)),
    }
}
