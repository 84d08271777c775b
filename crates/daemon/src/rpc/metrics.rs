//! Numbers of the API: calls by rate class and outcome, connections, refused handshakes.

use std::time::Duration;

use scalbotics_core::rpc::RateClass;
use scalbotics_runtime::metrics::{Counter, Gauge, Histogram, Sample, Shown};

use super::authentications::Authentications;

/// Calls that were answered, by `outcome`.
pub const CALLS: &str = "scalbotics_rpc_calls_total";
/// Duration of a call until its first answer, in seconds.
pub const CALL_DURATION: &str = "scalbotics_rpc_duration_seconds";
/// Calls refused by a limit, by `class`.
pub const LIMITED: &str = "scalbotics_rpc_limited_total";
/// Calls that were authenticated, by `kind` of what they brought.
pub const AUTHENTICATED: &str = "scalbotics_rpc_authenticated_total";
/// Calls and logins that were not authenticated, by `kind` of what they brought and by `reason`.
pub const UNAUTHENTICATED: &str = "scalbotics_rpc_unauthenticated_total";
/// When certificates end, in seconds since 1970, by `kind`: `root`, `issuing`, `daemon`, and `agent` for the first agent that will have none.
pub const CERTIFICATE_END: &str = "scalbotics_certificate_end_timestamp_seconds";
/// Whether the clock stepped forward and is not believed: 1, else 0.
pub const CLOCK_UNTRUSTED: &str = "scalbotics_clock_untrusted";
/// Logins that got a token, by `way`.
pub const LOGINS: &str = "scalbotics_logins_total";
/// Logins by an outside issuer that were refused, by `reason`.
pub const LOGINS_REFUSED: &str = "scalbotics_logins_refused_total";

/// Why a login by an outside issuer is refused, in words of few.
const REASONS: [&str; 14] = [
    "malformed",
    "type",
    "issuer",
    "unknown_key",
    "signature",
    "audience",
    "claims",
    "tenant",
    "time",
    "proof",
    "replayed",
    "issuer_unavailable",
    "suspended",
    "other",
];
/// Streams that are open.
pub const STREAMS: &str = "scalbotics_rpc_streams";
/// Connections that are open.
pub const CONNECTIONS: &str = "scalbotics_connections";
/// Connections that were refused, by `reason`.
pub const CONNECTIONS_REFUSED: &str = "scalbotics_connections_refused_total";
/// Processes that asked the Workload API who they are, by `result`.
pub const WORKLOAD_PROCESSES: &str = "scalbotics_workload_processes_total";
/// SVIDs that the Workload API handed out, by `kind`.
pub const WORKLOAD_SVIDS: &str = "scalbotics_workload_svids_total";

/// Numbers of the API.
#[derive(Debug, Default)]
pub struct Counters {
    /// [`CALLS`] ok
    pub ok: Counter,
    /// [`CALLS`] failed
    pub failed: Counter,
    /// [`CALL_DURATION`]
    pub duration: Histogram,
    /// [`LIMITED`] read
    pub limited_read: Counter,
    /// [`LIMITED`] write
    pub limited_write: Counter,
    /// [`LIMITED`] stream
    pub limited_stream: Counter,
    /// [`LIMITED`] login
    pub limited_login: Counter,
    /// Who was authenticated, and who was not.
    pub authentications: Authentications,
    /// [`LOGINS`] assertion
    pub logins_assertion: Counter,
    /// [`LOGINS`] outside_token
    pub logins_outside: Counter,
    /// [`LOGINS_REFUSED`], in the order of the reasons
    logins_refused: [Counter; REASONS.len()],
    /// [`STREAMS`]
    pub streams: Gauge,
    /// [`CONNECTIONS`]
    pub connections: Gauge,
    /// [`CONNECTIONS_REFUSED`] limit
    pub refused_limit: Counter,
    /// [`CONNECTIONS_REFUSED`] handshake
    pub refused_handshake: Counter,
    /// [`WORKLOAD_PROCESSES`] known
    pub workload_known: Counter,
    /// [`WORKLOAD_PROCESSES`] unknown
    pub workload_unknown: Counter,
    /// [`WORKLOAD_SVIDS`] x509
    pub workload_x509: Counter,
    /// [`WORKLOAD_SVIDS`] jwt
    pub workload_jwt: Counter,
}

impl Counters {
    /// Counts a call that was answered.
    pub fn answered(&self, ok: bool, duration: Duration) {
        if ok {
            self.ok.add(1)
        } else {
            self.failed.add(1)
        }
        self.duration.observe(duration);
    }

    /// Counts a call that a limit refused.
    pub fn limited(&self, class: RateClass) {
        match class {
            RateClass::Read => self.limited_read.add(1),
            RateClass::Write => self.limited_write.add(1),
            RateClass::Stream => self.limited_stream.add(1),
            RateClass::Login => self.limited_login.add(1),
        }
    }

    /// Counts a login by an outside issuer that was refused, by a word of few; every other word is `other`.
    pub fn login_refused(&self, reason: &str) {
        let known = REASONS.iter().position(|known| *known == reason).unwrap_or(REASONS.len() - 1);
        if let Some(counter) = self.logins_refused.get(known) {
            counter.add(1);
        }
    }

    /// All series, those of one name side by side.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample<'_>> {
        let counter = |name, label: Option<(&'static str, &'static str)>, counter: &Counter| Sample {
            name,
            labels: label.into_iter().map(|(key, value)| (key, value.into())).collect(),
            shown: Shown::Counter(counter.get()),
        };
        let gauge = |name, gauge: &Gauge| Sample { name, labels: Vec::new(), shown: Shown::Gauge(gauge.get()) };
        let refused = REASONS.iter().zip(&self.logins_refused);
        let mut samples = vec![
            counter(CALLS, Some(("outcome", "ok")), &self.ok),
            counter(CALLS, Some(("outcome", "failed")), &self.failed),
            Sample { name: CALL_DURATION, labels: Vec::new(), shown: Shown::Histogram(&self.duration) },
            counter(LIMITED, Some(("class", "read")), &self.limited_read),
            counter(LIMITED, Some(("class", "write")), &self.limited_write),
            counter(LIMITED, Some(("class", "stream")), &self.limited_stream),
            counter(LIMITED, Some(("class", "login")), &self.limited_login),
            counter(LOGINS, Some(("way", "assertion")), &self.logins_assertion),
            counter(LOGINS, Some(("way", "outside_token")), &self.logins_outside),
            gauge(STREAMS, &self.streams),
            gauge(CONNECTIONS, &self.connections),
            counter(CONNECTIONS_REFUSED, Some(("reason", "limit")), &self.refused_limit),
            counter(CONNECTIONS_REFUSED, Some(("reason", "handshake")), &self.refused_handshake),
            counter(WORKLOAD_PROCESSES, Some(("result", "known")), &self.workload_known),
            counter(WORKLOAD_PROCESSES, Some(("result", "unknown")), &self.workload_unknown),
            counter(WORKLOAD_SVIDS, Some(("kind", "x509")), &self.workload_x509),
            counter(WORKLOAD_SVIDS, Some(("kind", "jwt")), &self.workload_jwt),
        ];
        samples.extend(self.authentications.samples());
        samples.extend(refused.map(|(reason, count)| counter(LOGINS_REFUSED, Some(("reason", *reason)), count)));
        samples
    }
}
