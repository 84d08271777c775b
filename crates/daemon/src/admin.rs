//! The admin listener: `/healthz`, `/readyz` and `/metrics` over plain HTTP/1.1, for the host itself; and what verifiers of certificates fetch,
//! which is signed or public: `/bundle.pem`, `/bundle.json`, `/crl/…`; and of access tokens: `/.well-known/openid-configuration`, `/jwks.json`.
//!
//! **Boundary:** nothing here changes anything or shows anything of a tenant.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use scalbotics_core::identity::AuthorityId;
use scalbotics_identity::holder::trust_bundle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::issuer_document;
use crate::open_metrics;
use crate::rpc::Context;

/// Connections at one time: a scraper, a probe, a person, and some that hang.
const CONNECTIONS_MAX: usize = 32;

/// What there is.
const PATHS: &str = "there are /healthz, /readyz, /metrics, /bundle.pem, /bundle.json, /crl/root.crl, /crl/AUTHORITY.crl, \
     /.well-known/openid-configuration and /jwks.json\n";

/// Time for the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection is closed after this long, whatever it does.
const CONNECTION_MAX: Duration = Duration::from_secs(60);

/// How long the listener waits after an error of accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until the drain is over or things have to stop at once: a probe wants to see the drain.
pub(crate) async fn serve(listener: TcpListener, context: Arc<Context>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let supervisor = context.supervisor.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            () = supervisor.draining() => return,
            accepted = listener.accept() => accepted,
        };
        match (accepted, Arc::clone(&places).try_acquire_owned()) {
            (Ok((tcp, _)), Ok(place)) => {
                let context = Arc::clone(&context);
                supervisor.spawn("admin connection", async move {
                    connection(tcp, context).await;
                    drop(place);
                });
            }
            (Ok(_), Err(_)) => {}
            (Err(error), _) => {
                tracing::warn!(%error, "admin connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(tcp: TcpStream, context: Arc<Context>) {
    let supervisor = context.supervisor.clone();
    let service = service_fn(move |request| {
        let context = Arc::clone(&context);
        async move { Ok::<_, Infallible>(answer(&request, &context).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(tcp), service));
    tokio::select! {
        biased;
        _ended = connection.as_mut() => return,
        () = supervisor.draining() => {}
        () = tokio::time::sleep(CONNECTION_MAX) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ended = tokio::time::timeout(HEADER_TIMEOUT, connection).await;
}

async fn answer(request: &Request<Incoming>, context: &Context) -> Response<Full<Bytes>> {
    if request.method() != Method::GET {
        return text(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET\n".to_owned());
    }
    match request.uri().path() {
        "/healthz" => match context.store.fatal().borrow().as_ref() {
            None => text(StatusCode::OK, "text/plain", "ok\n".to_owned()),
            Some(_) => text(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "the store writes no more\n".to_owned()),
        },
        "/readyz" => {
            let ready = context.states.current(&context.installation.tenant).is_some() && !context.supervisor.is_draining();
            let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            let mut lines = context.reasons(&context.installation.tenant);
            lines.insert(0, if ready { "ready" } else { "not ready" }.to_owned());
            text(status, "text/plain", lines.join("\n") + "\n")
        }
        "/metrics" => {
            let rights = *context.store.rights().borrow();
            let ends = context.authorities.ends((context.ports.svids.as_ref(), rights), context.ports.clock.now()).await;
            // Without the book there is no series of what nobody knows; the rest is told all the same.
            let ends = open_metrics::certificate_ends(&ends.unwrap_or_default());
            let clock = open_metrics::clock(context.clock.alarm().as_deref());
            let (runtime, rpc) = (context.runtime_metrics.samples(), context.metrics.samples());
            let samples = runtime.iter().chain(&rpc).chain(&ends).chain([&clock]);
            text(StatusCode::OK, open_metrics::CONTENT_TYPE, open_metrics::encode(samples))
        }
        "/bundle.pem" => text(StatusCode::OK, "application/x-pem-file", context.bundle.clone()),
        "/bundle.json" => match trust_bundle::to_jwks(&context.bundle) {
            Ok(jwks) => text(StatusCode::OK, "application/json", jwks),
            Err(error) => {
                tracing::error!(%error, "trust bundle cannot be written");
                text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "the trust bundle cannot be written\n".to_owned())
            }
        },
        issuer_document::DISCOVERY => {
            let place = issuer_document::place(request.headers());
            text(
                StatusCode::OK,
                "application/json",
                issuer_document::discovery(context.installation.trust_domain.as_str(), &place),
            )
        }
        issuer_document::KEYS => text(StatusCode::OK, "application/json", issuer_document::keys(context.issuer.public())),
        path => match list(path, context).await {
            Some(list) => respond(StatusCode::OK, "application/pkix-crl", list),
            None => text(StatusCode::NOT_FOUND, "text/plain", PATHS.to_owned()),
        },
    }
}

/// The list of revoked certificates of a path: `/crl/root.crl`, or that of an authority by its id.
async fn list(path: &str, context: &Context) -> Option<Bytes> {
    let name = path.strip_prefix("/crl/")?.strip_suffix(".crl")?;
    if name == "root" {
        return context.authorities.root_crl().map(Bytes::from);
    }
    let id = AuthorityId::parse(name).ok()?;
    // The number is read first: a change after it makes another list.
    let rights = *context.store.rights().borrow();
    context.authorities.list(&id, (context.ports.svids.as_ref(), rights), context.ports.clock.now()).await
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    respond(status, content_type, Bytes::from(body))
}

fn respond(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
