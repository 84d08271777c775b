//! HTTP/1.1 in front of a judge: `POST /add-checkpoint`, within limits.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use scalbotics_core::audit::proof_text::TEXT_LEN_MAX;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::judge::{Judge, Reply};
use crate::clock::{Source, System};

/// Connections at one time.
const CONNECTIONS_MAX: usize = 128;

/// Time for the head of a request, and for its body.
const READ_MAX: Duration = Duration::from_secs(10);

/// A connection is closed after this long, whatever it does; logs come every ten seconds and may keep theirs.
const CONNECTION_MAX: Duration = Duration::from_secs(600);

/// How long the listener waits after an error of accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `ended`.
pub(super) async fn serve(listener: TcpListener, judge: Arc<Judge>, ended: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut ended = std::pin::pin!(ended);
    loop {
        let accepted = tokio::select! {
            biased;
            () = ended.as_mut() => break,
            _over = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match (accepted, Arc::clone(&places).try_acquire_owned()) {
            (Ok((tcp, _)), Ok(place)) => {
                let judge = Arc::clone(&judge);
                connections.spawn(async move {
                    connection(tcp, judge).await;
                    drop(place);
                });
            }
            (Ok(_), Err(_)) => {}
            (Err(error), _) => {
                tracing::warn!(%error, "connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.shutdown().await;
}

async fn connection(tcp: TcpStream, judge: Arc<Judge>) {
    let service = service_fn(move |request| {
        let judge = Arc::clone(&judge);
        async move { Ok::<_, Infallible>(response(answer(request, judge).await)) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(READ_MAX);
    let served = builder.serve_connection(TokioIo::new(tcp), service);
    let _ended = tokio::time::timeout(CONNECTION_MAX, served).await;
}

async fn answer(request: Request<Incoming>, judge: Arc<Judge>) -> Reply {
    if request.uri().path() != "/add-checkpoint" {
        return Reply::refused(404, "there is /add-checkpoint");
    }
    if request.method() != Method::POST {
        return Reply::refused(405, "only POST");
    }
    let body = tokio::time::timeout(READ_MAX, Limited::new(request.into_body(), TEXT_LEN_MAX).collect()).await;
    let body = match body {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return Reply::refused(413, format_args!("the request was cut off, or has more than {TEXT_LEN_MAX} bytes")),
        Err(_) => return Reply::refused(408, "the request did not come in time"),
    };
    let now_s = u64::try_from(System.wall_ms()).unwrap_or_default() / 1_000;
    let judged = tokio::task::spawn_blocking(move || judge.answer(&body, now_s)).await;
    judged.unwrap_or_else(|_| Reply::refused(500, "the witness has a fault"))
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    if reply.status == 405 {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}
