//! The only place that knows gRPC codes: a [`Failure`] becomes a `google.rpc.Status` with its details.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::covering;

use super::codes;
use super::failure::Failure;

/// The header and trailer of a call's status.
const GRPC_STATUS: &str = "grpc-status";

/// The header with the details of a failure.
const GRPC_DETAILS: &str = "grpc-status-details-bin";

/// The domain of our error codes (`google.rpc.ErrorInfo.domain`).
const DOMAIN: &str = "scalbotics.io";

/// Longest texts of a failure, in bytes. It travels in headers, of which a client takes 16 KiB or fewer: one that has more ends the
/// connection, and all calls on it. A control character takes three bytes there.
const WHAT_LEN_MAX: usize = 1 << 10;
const WHY_LEN_MAX: usize = 2 << 10;
const NEXT_LEN_MAX: usize = 1 << 10;

/// The request that failed: what a person gives to an operator.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reference {
    /// The request's id, as `req_…`.
    pub request: String,
    /// W3C trace id.
    pub trace: String,
}

/// The status of a failure.
#[must_use]
pub(crate) fn status(failure: &Failure, reference: &Reference) -> Status {
    let parts = failure.parts();
    let mut metadata = HashMap::new();
    let mut put = |key: &str, value: &str| {
        if !value.is_empty() {
            metadata.insert(key.to_owned(), value.to_owned());
        }
    };
    put("why", &said(&parts.why, WHY_LEN_MAX));
    put("next", &said(&parts.next, NEXT_LEN_MAX));
    put("trace", &reference.trace);
    put("decision", parts.decision.as_deref().unwrap_or_default());
    let mut details = ErrorDetails::new();
    details.set_error_info(parts.code.name(), DOMAIN, metadata);
    details.set_request_info(&reference.request, "");
    details.add_help_link(parts.code.meaning(), format!("errors/{}", parts.code.name()));
    if let Some(after) = parts.retry_after {
        details.set_retry_info(Some(after));
    }
    Status::with_error_details(grpc(parts.code), said(&parts.what, WHAT_LEN_MAX), details)
}

/// A text as an error may say it, cut where it is too long: covered first, so that no half of a secret is left.
fn said(text: &str, len_max: usize) -> String {
    let covered = covering::error(text);
    match covered.get(..covered.floor_char_boundary(len_max)) {
        Some(begin) if begin.len() < covered.len() => format!("{begin}… ({} bytes)", covered.len()),
        Some(_) | None => covered.into_owned(),
    }
}

/// The trailers that end a stream with a failure.
#[must_use]
pub(crate) fn trailers(failure: &Failure, reference: &Reference) -> http::HeaderMap {
    let mut trailers = http::HeaderMap::new();
    if status(failure, reference).add_header(&mut trailers).is_err() {
        trailers.insert(GRPC_STATUS, http::HeaderValue::from_static("13"));
    }
    trailers
}

/// Whether the head of a response is that of a success: a failure has its status there, for it has no body.
#[must_use]
pub(crate) fn succeeded(headers: &http::HeaderMap) -> bool {
    headers.get(GRPC_STATUS).is_none_or(|value| value == "0")
}

/// Whether a failure is not one of ours, but of the library that reads messages: malformed, too long, compressed.
#[must_use]
pub(crate) fn is_bare(headers: &http::HeaderMap) -> bool {
    !succeeded(headers) && !headers.contains_key(GRPC_DETAILS)
}

/// What a message ends with for which there is no memory.
#[must_use]
pub(crate) fn no_room() -> Status {
    Status::resource_exhausted("messages that have not arrived wholly hold all memory that is for them")
}

/// What a message ends with that is not waited for any longer.
#[must_use]
pub(crate) fn late() -> Status {
    Status::invalid_argument("it did not arrive in time")
}

/// What a message ends with whose connection broke.
#[must_use]
pub(crate) fn broken(error: Box<dyn std::error::Error + Send + Sync + 'static>) -> Status {
    Status::from_error(error)
}

/// The failure that a bare one is: what the library said, under a code of ours.
#[must_use]
pub(crate) fn dressed(headers: &http::HeaderMap) -> Failure {
    let bare = Status::from_header_map(headers);
    let (code, why) = bare.as_ref().map_or((Code::Unknown, ""), |bare| (bare.code(), bare.message()));
    match code {
        Code::NotFound => Failure::new(codes::NOT_FOUND, "the service does not exist").why(why),
        // What the library calls a message over its limit.
        Code::OutOfRange | Code::ResourceExhausted => {
            let failure = Failure::new(codes::MESSAGE_TOO_LARGE, "the message is refused").why(why);
            failure.next("send less at once, or have the daemon's operator raise limits.message_bytes")
        }
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => Failure::invalid("message", why),
    }
}

/// The word of a response's outcome for the log: `ok` or the gRPC code's number.
#[must_use]
pub(crate) fn outcome(headers: &http::HeaderMap) -> &str {
    match headers.get(GRPC_STATUS).and_then(|value| value.to_str().ok()) {
        None | Some("0") => "ok",
        Some(number) => number,
    }
}

/// Which codes have which gRPC code; every other is internal.
const TABLE: &[(Code, &[codes::Code])] = &[
    (
        Code::Unauthenticated,
        &[
            codes::UNAUTHENTICATED,
            codes::TOKEN_EXPIRED,
            codes::ASSERTION_REFUSED,
            codes::SUBJECT_TOKEN_REFUSED,
            codes::SUBJECT_TOKEN_USED,
            codes::OUTSIDE_ISSUER_ONLY,
            codes::PRINCIPAL_SUSPENDED,
            codes::TENANT_SUSPENDED,
            codes::GRANT_OVER,
            codes::JOIN_REFUSED,
        ],
    ),
    (
        Code::PermissionDenied,
        &[
            codes::POLICY_DENIED,
            codes::POLICY_ERROR,
            codes::NOTHING_IN_FORCE,
            codes::WORKLOAD_UNKNOWN,
            codes::SELF_APPROVAL,
            codes::APPROVER_NOT_ENROLLED,
        ],
    ),
    (Code::NotFound, &[codes::NOT_FOUND]),
    (Code::DeadlineExceeded, &[codes::CALL_TIMED_OUT]),
    (
        Code::InvalidArgument,
        &[
            codes::INVALID_ARGUMENT,
            codes::REQUEST_ID_REUSED,
            codes::INPUT_INVALID,
            codes::NO_PATH,
            codes::STATEMENT_REFUSED,
            codes::ENROLMENT_REFUSED,
        ],
    ),
    (Code::Unimplemented, &[codes::METHOD_UNKNOWN]),
    (
        Code::FailedPrecondition,
        &[
            codes::AGENT_NOT_ACTIVE,
            codes::TOOL_NOT_GRANTED,
            codes::TASK_STATE,
            codes::AUTHORITY_STATE,
            codes::LEGAL_HOLD,
            codes::HUMAN_ACTIVE,
            codes::APPROVAL_STATE,
            codes::CLOCK_UNTRUSTED,
            codes::EVIDENCE_UNAVAILABLE,
        ],
    ),
    (
        Code::ResourceExhausted,
        &[
            codes::RATE_LIMITED,
            codes::STREAMS_EXHAUSTED,
            codes::CONNECTIONS_EXHAUSTED,
            codes::MESSAGE_TOO_LARGE,
            codes::TASK_BUSY,
            codes::STORE_FULL,
            codes::AUDIT_QUOTA,
            codes::TOO_MANY,
        ],
    ),
    (Code::AlreadyExists, &[codes::NAME_TAKEN, codes::REQUEST_ANSWERED]),
    (Code::Aborted, &[codes::CONFLICT, codes::WORKER_RELIEVED]),
    (Code::DataLoss, &[codes::STORE_CORRUPT, codes::PAYLOAD_ERASED, codes::AUDIT_MISMATCH]),
    (
        Code::Unavailable,
        &[codes::SHUTTING_DOWN, codes::STORE_FAILED, codes::AUDIT_UNWITNESSED, codes::READS_ONLY, codes::ISSUER_UNAVAILABLE],
    ),
];

/// The gRPC code of a code. Several codes share one: callers tell them apart by `ErrorInfo.reason`.
fn grpc(code: codes::Code) -> Code {
    TABLE.iter().find(|(_, ours)| ours.contains(&code)).map_or(Code::Internal, |(grpc, _)| *grpc)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_status_has_four_parts() {
        let failure = Failure::new(codes::POLICY_DENIED, "task `x` may not be read")
            .why("no rule permits it")
            .next("scalbotics policy explain dec_1")
            .decision("dec_1")
            .retry_after(Duration::from_secs(2));
        let reference = Reference { request: "req_1".into(), trace: "4bf9".into() };
        let status = status(&failure, &reference);
        assert_eq!((status.code(), status.message()), (Code::PermissionDenied, "task `x` may not be read"));
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("POLICY_DENIED", DOMAIN));
        for (key, value) in
            [("why", "no rule permits it"), ("next", "scalbotics policy explain dec_1"), ("trace", "4bf9"), ("decision", "dec_1")]
        {
            assert_eq!(info.metadata.get(key).map(String::as_str), Some(value), "{key}");
        }
        assert_eq!(details.request_info().unwrap().request_id, "req_1");
        assert_eq!(details.help().unwrap().links[0].url, "errors/POLICY_DENIED");
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(2)));
    }

    #[test]
    fn what_is_refused_is_not_sent_back() {
        let long = "\u{9b}\u{1}".repeat(350_000);
        let failure = Failure::new(codes::INVALID_ARGUMENT, long.clone()).why(long.clone()).next(long);
        let status = status(&failure, &Reference::default());
        let mut headers = http::HeaderMap::new();
        status.add_header(&mut headers).unwrap();
        let len: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        assert!(len < 12 << 10, "{len}");
        assert!(status.message().ends_with("… (1050000 bytes)"), "{}", status.message());
        let details = status.get_error_details();
        let why = &details.error_info().unwrap().metadata["why"];
        assert!(why.len() > 1_500 && why.starts_with("\u{9b}\u{1}"), "{}", why.len());
    }

    #[test]
    fn what_the_library_says_gets_a_code_of_ours() {
        let cases = [
            (Status::out_of_range("message of 5 bytes is too long"), codes::MESSAGE_TOO_LARGE),
            (Status::resource_exhausted("no room"), codes::MESSAGE_TOO_LARGE),
            (Status::not_found("service not registered"), codes::NOT_FOUND),
            (Status::unimplemented("gzip is not spoken"), codes::INVALID_ARGUMENT),
            (Status::internal("malformed"), codes::INVALID_ARGUMENT),
        ];
        for (bare, wanted) in cases {
            let mut headers = http::HeaderMap::new();
            bare.add_header(&mut headers).unwrap();
            assert!(is_bare(&headers), "{bare}");
            let failure = dressed(&headers);
            assert_eq!((failure.code(), failure.parts().why.as_str()), (wanted, bare.message()));
        }
    }

    #[test]
    fn only_faults_of_the_daemon_are_internal() {
        let starting = [
            "CONFIG_INVALID",
            "KEYSTORE_UNUSABLE",
            "TRUST_UNUSABLE",
            "CERTIFICATE_UNUSABLE",
            "REPOSITORY_UNREADABLE",
            "DESIRED_STATE_REFUSED",
        ];
        let anchored = ["DATA_OLDER", "DATA_FORKED", "ANCHOR_UNUSABLE"];
        let more = ["DATA_IN_USE", "DATA_UNUSABLE", "ADDRESS_IN_USE", "SANDBOX_UNUSABLE", "DEV_FAILED", "INTERNAL"];
        let verbs = [
            "WITNESS_UNUSABLE",
            "EXPORT_FAILED",
            "BACKUP_FAILED",
            "BACKUP_UNUSABLE",
            "RESTORE_FAILED",
            "RESTORE_UNFINISHED",
            "TENANT_UNFOUNDED",
        ];
        for code in codes::ALL {
            let named = [&starting[..], &anchored, &more, &verbs].iter().any(|names| names.contains(&code.name()));
            let internal = code.name().starts_with("SETUP_") || named;
            assert_eq!(grpc(*code) == Code::Internal, internal, "{}", code.name());
        }
    }
}
