//! Limits of a request, each with its unit and reason.

use std::time::Duration;

/// Time to connect, TLS included; a host that takes longer is not there.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(10);

/// The part of what is left of a call's time in which it has to be connected.
pub(super) const CONNECT_SHARE: f64 = 0.75;

/// Time to resolve a name; resolvers ask twice within it.
pub(super) const RESOLVE_MAX: Duration = Duration::from_secs(10);

/// Addresses of one name that are looked at; more are a mistake, or meant to take time.
pub(super) const ADDRESSES_MAX: usize = 64;

/// Redirects of one call that are followed; browsers stop at 20, services need two or three.
pub(super) const REDIRECTS_MAX: u32 = 5;

/// Headers of an answer.
pub(super) const ANSWER_HEADERS_MAX: usize = 128;

/// Bytes of the head of an answer, its names and values; what servers send is a tenth. The client itself stops reading one at
/// about half a megabyte.
pub(super) const HEAD_BYTES_MAX: usize = 64 << 10;

/// Bytes of one header's value that are passed on.
pub(super) const HEADER_SHOWN_MAX: usize = 2_048;

/// Bytes of a text as JSON; one that is longer, being full of control characters, is passed on as base64.
pub(super) const TEXT_JSON_MAX: usize = 3 << 20;

/// Time that a request which cannot be repeated gets to be answered when its task has to stop (semantics §4.3).
pub(super) const STOP_GRACE: Duration = Duration::from_secs(5);
