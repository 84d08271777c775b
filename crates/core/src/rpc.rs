//! The method table's row: what every RPC is to policy, limits and audit. The rows themselves stand in the daemon.

/// How a call of a method is audited (semantics §9.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audit {
    /// The record is durable before the answer: mutations, effects, sensitive reads.
    Awaited,
    /// The record may be lost in a crash within a second: other reads.
    Batched,
}

/// Which bucket of the principal's rate limit a call takes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RateClass {
    /// Cheap reads.
    Read,
    /// Mutations.
    Write,
    /// Long-lived streams, limited in number at one time.
    Stream,
    /// Credentials: the tightest.
    Login,
}

/// One row of the method table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// The gRPC path, as `/scalbotics.v1.TaskService/SubmitTask`.
    pub path: &'static str,
    /// The policy action, as `task.submit`; `None` only for login, which comes before any principal.
    pub action: Option<&'static str>,
    /// The entity type of the resource.
    pub resource: &'static str,
    /// Rate class.
    pub rate: RateClass,
    /// Audit column.
    pub audit: Audit,
}
