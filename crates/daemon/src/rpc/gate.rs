//! The layers in front of every handler, in this order: connection limits (in [`super::server`]) → authenticate → principal
//! limits → audit scope → authorize → handler.
//!
//! Authorization needs the decoded message and so stands in the handler; the gate refuses to let a success out of a handler
//! that was not authorized and audited ([`Call::is_settled`]), so that it cannot be forgotten.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use scalbotics_core::ids::RequestId;
use scalbotics_core::rpc::RateClass;
use scalbotics_core::task::TraceContext;
use scalbotics_identity::holder::svid::Svid;
use scalbotics_runtime::audit::Unauthenticated;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service as _;
use tracing::Instrument as _;

use super::call::{Call, Identity};
use super::codes;
use super::context::Context;
use super::failure::Failure;
use super::held::Held;
use super::intake::{Counted, Intake, Pace, PutDown};
use super::limits::{Slot, Whose};
use super::methods::{self, ATTEND, Admission, Row};
use super::possession::ProvedKeys;
use super::probe;
use super::status::{Reference, dressed, is_bare, outcome, status, succeeded};
use super::strangers::Stranger;
use super::time_limit::TimeLimit;
use crate::covering;

/// The response header that names the request.
const REQUEST_HEADER: &str = "x-request-id";

/// What every content type of gRPC begins with.
const GRPC_CONTENT: &str = "application/grpc";

/// One connection, as its calls see it.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    /// The other end.
    pub(super) peer: SocketAddr,
    /// The client certificate that it presented.
    pub(super) certificate: Option<Arc<Svid>>,
    /// Counts its calls, and is held by each call and open stream.
    pub(super) begun: Arc<AtomicU64>,
    /// Whether anybody is known to be behind it.
    pub(super) stranger: Arc<Stranger>,
    /// The keys that were proved on it.
    pub(super) proved: Arc<ProvedKeys>,
    /// What half messages hold, of all connections.
    pub(super) intake: Arc<Intake>,
}

/// The way of one connection's calls to the handlers.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    routes: Routes,
    context: Arc<Context>,
    connection: Connection,
}

impl Gate {
    /// A gate of a connection.
    #[must_use]
    pub(super) const fn new(routes: Routes, context: Arc<Context>, connection: Connection) -> Self {
        Self { routes, context, connection }
    }

    /// Takes one call through all layers.
    pub(super) async fn call(self, request: Request<Incoming>) -> Response<Body> {
        let begun = Instant::now();
        self.connection.begun.fetch_add(1, Ordering::Relaxed);
        if let Some(refusal) = not_grpc(&request) {
            return refusal;
        }
        let id = RequestId::from_u128(self.context.ports.ids.next());
        let trace = given_trace(request.headers()).unwrap_or_else(|| TraceContext::begin(self.context.ports.ids.salt()));
        let trace_id = trace.trace_id.clone();
        let row = methods::find(request.uri().path());
        let method = row.map_or("unknown", |row| row.method.path);
        let span = tracing::info_span!("rpc", request = %id, trace = trace_id.as_str(), method);
        let context = Arc::clone(&self.context);
        let answered = async {
            let reference = Reference { request: id.to_string(), trace: trace_id.clone() };
            let answer = async {
                let limit = TimeLimit::of(request.headers(), begun)?;
                let work = async {
                    let (call, slot) = self.admit(row, (id, trace), &request).await?;
                    Ok::<_, Failure>(self.handle(call, (slot, limit), request).await)
                };
                tokio::select! {
                    biased;
                    response = work => response,
                    late = limit.passed() => Err(late),
                }
            };
            let mut response = answer.await.unwrap_or_else(|failure: Failure| status(&failure, &reference).into_http());
            if let Ok(value) = HeaderValue::from_str(&reference.request) {
                response.headers_mut().insert(REQUEST_HEADER, value);
            }
            let ok = succeeded(response.headers());
            context.metrics.answered(ok, begun.elapsed());
            let elapsed_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::info!(outcome = outcome(response.headers()), elapsed_us, "call answered");
            response
        };
        covering::answering(answered).instrument(span).await
    }

    /// Everything that comes before the message is read.
    async fn admit(
        &self,
        row: Option<&'static Row>,
        (request, trace): (RequestId, TraceContext),
        head: &Request<Incoming>,
    ) -> Result<(Arc<Call>, Option<Slot>), Failure> {
        let row = row.ok_or_else(|| Failure::new(codes::METHOD_UNKNOWN, "there is no such method").next("scalbotics version"))?;
        let open = row.admission == Admission::Open;
        if self.context.supervisor.is_draining() && !open {
            return Err(Failure::new(codes::SHUTTING_DOWN, "no new call is taken").next("try again in a minute"));
        }
        let identity = match row.admission {
            Admission::Open => None,
            Admission::Login => {
                self.limit(Whose::Address(self.connection.peer.ip()), row.method.rate)?;
                None
            }
            Admission::Policy | Admission::Token => Some(self.identify(head).await?),
        };
        let mut slot = None;
        if let Some(identity) = &identity {
            self.connection.stranger.becomes_known();
            covering::caller_is(&identity.principal.tenant);
            let uid = identity.principal.uid;
            self.limit(Whose::Principal(uid), row.method.rate)?;
            if row.method.rate == RateClass::Stream {
                slot = Some(self.context.limits.open_stream(uid)?);
            }
        }
        let call = Call { row, request, trace, identity, decided: OnceLock::new(), audited: AtomicBool::new(false) };
        Ok((Arc::new(call), slot))
    }

    async fn identify(&self, head: &Request<Incoming>) -> Result<Identity, Failure> {
        if cfg!(feature = "probe") {
            probe::authentications(|| self.authenticate(head.headers(), head.uri().path())).await;
        }
        let identified = self.authenticate(head.headers(), head.uri().path()).await;
        let numbers = &self.context.metrics.authentications;
        if identified.is_ok() {
            let by_certificate = self.connection.certificate.is_some() && !head.headers().contains_key(AUTHORIZATION);
            if by_certificate { numbers.certificates.add(1) } else { numbers.tokens.add(1) }
        }
        identified.inspect_err(|failure| {
            if let Some(kind) = self.kind_of(failure, head) {
                self.context.auditor.unauthenticated(kind);
                numbers.refused(kind, failure.code());
            }
            // The reason is ours, never a byte of the token.
            tracing::info!(code = failure.code().name(), why = failure.parts().why.as_str(), "call not authenticated");
        })
    }

    async fn authenticate(&self, headers: &HeaderMap, path: &str) -> Result<Identity, Failure> {
        match &self.connection.certificate {
            Some(certificate) if !headers.contains_key(AUTHORIZATION) => self.context.authenticate_certificate(certificate).await,
            Some(_) | None => self.context.authenticate(headers, path, &self.connection).await,
        }
    }

    /// What kind of failed authentication it is; a store that cannot be read is none.
    fn kind_of(&self, failure: &Failure, head: &Request<Incoming>) -> Option<Unauthenticated> {
        let refused = [
            codes::UNAUTHENTICATED,
            codes::TOKEN_EXPIRED,
            codes::PRINCIPAL_SUSPENDED,
            codes::TENANT_SUSPENDED,
            codes::GRANT_OVER,
            codes::CLOCK_UNTRUSTED,
        ];
        if !refused.contains(&failure.code()) {
            return None;
        }
        let given = head.headers().contains_key(AUTHORIZATION);
        Some(match (given, &self.connection.certificate) {
            (_, Some(_)) => Unauthenticated::Certificate,
            (false, None) => Unauthenticated::Missing,
            (true, None) => Unauthenticated::Token,
        })
    }

    fn limit(&self, whose: Whose, class: RateClass) -> Result<(), Failure> {
        let taken = self.context.limits.take(whose, class, Instant::now());
        taken.inspect_err(|_| self.context.metrics.limited(class))
    }

    async fn handle(
        mut self,
        call: Arc<Call>,
        (slot, limit): (Option<Slot>, TimeLimit),
        mut request: Request<Incoming>,
    ) -> Response<Body> {
        request.extensions_mut().insert(Arc::clone(&call));
        let (is_open, intake) = (call.row.is_open(), Arc::clone(&self.connection.intake));
        let pace = if call.row.method.path == ATTEND.method.path {
            let put_down = PutDown::default();
            request.extensions_mut().insert(put_down.clone());
            Pace::Long(put_down)
        } else if is_open {
            Pace::AnyTime
        } else {
            Pace::Once
        };
        let response = match self.routes.call(request.map(|body| Counted::new(body, intake, pace))).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if succeeded(response.headers()) && !call.is_settled() {
            let fault = Failure::internal("handler answered without permission or audit", &call.row.method.path);
            return status(&fault, &call.reference()).into_http();
        }
        if is_bare(response.headers()) {
            return status(&dressed(response.headers()), &call.reference()).into_http();
        }
        match (slot, succeeded(response.headers())) {
            (Some(slot), true) => {
                let kept = (slot, self.connection.begun);
                response.map(|body| Held::body(body, kept, limit, call, self.context))
            }
            (Some(_) | None, _) => response,
        }
    }
}

/// The trace that the caller says; two headers, like one that is none, say nothing.
fn given_trace(headers: &HeaderMap) -> Option<TraceContext> {
    let mut given = headers.get_all(TraceContext::HEADER).iter();
    let (one, more) = (given.next()?, given.next());
    if more.is_some() { None } else { TraceContext::parse(one.to_str().ok()?) }
}

/// The answer to what is no gRPC at all, such as a browser's question.
fn not_grpc<B>(request: &Request<B>) -> Option<Response<Body>> {
    let content = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let code = match (request.method() == Method::POST, content.starts_with(GRPC_CONTENT)) {
        (true, true) => return None,
        (true, false) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        (false, _) => StatusCode::METHOD_NOT_ALLOWED,
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    Some(response)
}
