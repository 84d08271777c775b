//! Who calls a service of the runtime, and through which request.

use scalbotics_core::ids::RequestId;
use scalbotics_core::policy::Decision;
use scalbotics_core::principal::{Chain, Principal};
use scalbotics_core::secret::Secret;
use scalbotics_core::service::{self, Sponsor};
use scalbotics_core::task::TraceContext;

/// Who calls a service, and through which request.
///
/// A service that answers `Ok` to a mutation has written the call's one audit record in the commit that did it
/// (semantics §1.2), with `request`, `trace` and `decision`; refusals, reads and replayed answers are the caller's to audit.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who calls; the only source of the tenant.
    pub principal: Principal,
    /// For whom a service calls; none for a human.
    pub sponsor: Option<Sponsor>,
    /// The token by which they call, as they sent it; none for the daemon itself.
    pub token: Option<Secret>,
    /// The request.
    pub request: RequestId,
    /// Its trace.
    pub trace: Option<TraceContext>,
    /// The decision that let the request in.
    pub decision: Option<Decision>,
    /// The client's `request_id`: makes a repeated mutation the same mutation for 24 h (semantics §9.1).
    pub repeat_key: Option<String>,
}

impl Caller {
    /// The chain that the caller stands at the end of: a human alone, or a service behind its sponsor.
    #[must_use]
    pub fn chain(&self) -> Chain {
        service::chain(&self.principal, self.sponsor.as_ref())
    }
}
