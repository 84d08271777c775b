//! Why there is no certificate, as callers may read it.

use scalbotics_runtime::identity::Error;

use super::authority_failure;
use super::failure::change_failure;
use crate::clock;
use crate::rpc::codes;
use crate::rpc::failure::Failure;

/// The issuance's; `name` is the agent's as the caller gave it.
pub(in crate::rpc) fn identity_failure(error: &Error, name: &str) -> Failure {
    let refuse = |code| Failure::new(code, error.to_string());
    match error {
        Error::NotFound => Failure::not_found(name),
        Error::NotActive { .. } => refuse(codes::AGENT_NOT_ACTIVE).next("scalbotics agent list"),
        Error::Token(_) => refuse(codes::JOIN_REFUSED).next("ask an administrator of the tenant for a new join token"),
        Error::TooMany { .. } => refuse(codes::TOO_MANY)
            .why("each is good for ten minutes, and a place is free when one is used or over")
            .next("try again in ten minutes"),
        Error::NotSponsor => refuse(codes::INVALID_ARGUMENT).next("ask a human to make the join token"),
        Error::Answered => refuse(codes::REQUEST_ANSWERED).next("ask for another one under a new request id"),
        Error::Clock => refuse(codes::CLOCK_UNTRUSTED).next(clock::NEXT),
        Error::Authority(error) => authority_failure(error),
        Error::Change(error) => change_failure(error),
    }
}
