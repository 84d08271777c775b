//! The API's listener: TCP, TLS 1.3, HTTP/2 (and HTTP/1.1), each with limits, then the gate.
//!
//! **Invariant:** a connection that does nothing costs a place for a bounded time: the handshake, the first header and the
//! idle connection each have a deadline, and dead peers are found by pings.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use scalbotics_identity::holder::svid;
use scalbotics_runtime::audit::Unauthenticated;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::service::Routes;

use super::context::Context;
use super::gate::{Connection, Gate};
use super::intake::Intake;
use super::metrics::Counters;
use super::serving::{self, Patience};
use super::strangers::{Stranger, Strangers};

/// Time for the TLS handshake; a client on the other side of the world needs a second.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for the head of a request over HTTP/1.1.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Time between two pings of an HTTP/2 connection, and for their answer.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// A connection without a call for five minutes is closed; who says nothing at all is a stranger, who makes room. What was answered last
/// may still be on its way over a slow line.
const PATIENCE: Patience =
    Patience { first: Duration::from_secs(300), idle: Duration::from_secs(300), farewell: Duration::from_secs(30) };

/// Streams of one connection at one time; a console needs ten, and each may hold one message.
const STREAMS_MAX: u32 = 128;

/// Longest header list, in bytes: a token of 8 KiB and its company.
const HEADER_LIST_MAX: u32 = 32 << 10;

/// Streams that a peer may open and reset before the connection is ended (rapid reset, CVE-2023-44487).
const RESETS_MAX: usize = 20;

/// Streams that this side may end because of what a peer sent before the connection is ended (CVE-2025-8671). The rest of a request that was
/// refused before it was read counts too when it comes late, so a busy client that keeps to every rule has some.
const OWN_RESETS_MAX: usize = 1_024;

/// Bytes of a connection that wait to be sent, beyond which its handlers wait.
const SEND_BUFFER: usize = 256 << 10;

/// How long a new connection waits for the place of one that was told to leave.
const PLACE_WAIT: Duration = Duration::from_secs(1);

/// The API's listener.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
}

struct Shared {
    context: Arc<Context>,
    routes: Routes,
    acceptor: TlsAcceptor,
    strangers: Arc<Strangers>,
    intake: Arc<Intake>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("routes", &self.routes).finish_non_exhaustive()
    }
}

impl Server {
    /// A server on a bound listener with at most `connections` connections.
    #[must_use]
    pub fn new(listener: TcpListener, context: Arc<Context>, routes: Routes, acceptor: TlsAcceptor, connections: u32) -> Self {
        let connections = usize::try_from(connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(connections));
        let (strangers, intake) = (Strangers::new(connections), Arc::default());
        let shared = Arc::new(Shared { context, routes: routes.prepare(), acceptor, strangers, intake });
        Self { listener, shared, places }
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts until the drain begins.
    pub async fn serve(self) {
        let take = |accepted: io::Result<(TcpStream, SocketAddr)>| match accepted {
            Ok((tcp, peer)) => self.take(tcp, peer),
            Err(error) => {
                tracing::warn!(%error, "connection could not be accepted");
                // Most likely there are too many files, and strangers hold them.
                self.shared.strangers.evict();
            }
        };
        serving::accept(&self.shared.context.supervisor, || self.listener.accept(), take).await;
    }

    /// Takes the connection if there is a place, or if the oldest one that nobody is known behind can make room; else it is
    /// closed at once, so that the kernel's queue stays short.
    fn take(&self, tcp: TcpStream, peer: SocketAddr) {
        let (shared, places) = (Arc::clone(&self.shared), Arc::clone(&self.places));
        let Some(stranger) = shared.strangers.enter().map(Arc::new) else {
            shared.context.metrics.refused_limit.add(1);
            return;
        };
        self.shared.context.supervisor.spawn("connection", async move {
            let connection = async {
                match tokio::time::timeout(PLACE_WAIT, places.acquire_owned()).await {
                    Ok(Ok(place)) => shared.connection(tcp, peer, place, &stranger).await,
                    Ok(Err(_)) | Err(_) => shared.context.metrics.refused_limit.add(1),
                }
            };
            tokio::select! {
                biased;
                () = stranger.told_to_leave() => shared.context.metrics.refused_limit.add(1),
                () = connection => {}
            }
        });
    }
}

impl Shared {
    async fn connection(&self, tcp: TcpStream, peer: SocketAddr, _place: OwnedSemaphorePermit, stranger: &Arc<Stranger>) {
        let metrics = Arc::clone(&self.context.metrics);
        let handshake = async {
            tcp.set_nodelay(true)?;
            self.acceptor.accept(tcp).await
        };
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
            Ok(Ok(tls)) => {
                let _open = Open::new(metrics);
                self.serve(tls, peer, stranger).await;
            }
            Ok(Err(error)) => {
                metrics.refused_handshake.add(1);
                self.context.auditor.unauthenticated(Unauthenticated::Handshake);
                tracing::debug!(%peer, %error, "handshake failed");
            }
            Err(_) => {
                metrics.refused_handshake.add(1);
                self.context.auditor.unauthenticated(Unauthenticated::Handshake);
                tracing::debug!(%peer, "handshake timed out");
            }
        }
    }

    async fn serve(&self, tls: TlsStream<TcpStream>, peer: SocketAddr, stranger: &Arc<Stranger>) {
        let presented = tls.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let certificate = match presented.map(svid::read).transpose() {
            Ok(certificate) => certificate.map(Arc::new),
            // The handshake has read it before.
            Err(error) => {
                tracing::error!(%peer, %error, "a verified certificate cannot be read");
                return;
            }
        };
        let begun = Arc::new(AtomicU64::new(0));
        let (stranger, intake) = (Arc::clone(stranger), Arc::clone(&self.intake));
        let (begun_by_calls, proved) = (Arc::clone(&begun), Arc::default());
        let connection = Connection { peer, certificate, begun: begun_by_calls, stranger, proved, intake };
        let gate = Gate::new(self.routes.clone(), Arc::clone(&self.context), connection);
        let service = service_fn(move |request| {
            let gate = gate.clone();
            async move { Ok::<_, Infallible>(gate.call(request).await) }
        });
        let builder = builder();
        let connection = builder.serve_connection(TokioIo::new(tls), service);
        let end = auto::Connection::graceful_shutdown;
        if let Err(error) = serving::follow(connection, end, begun, &self.context.supervisor, PATIENCE).await {
            tracing::debug!(%peer, %error, "connection ended");
        }
    }
}

/// A connection in the count of open ones, however it ends.
struct Open(Arc<Counters>);

impl Open {
    fn new(metrics: Arc<Counters>) -> Self {
        metrics.connections.rise();
        Self(metrics)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fall();
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(usize::try_from(HEADER_LIST_MAX).unwrap_or(usize::MAX));
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(OWN_RESETS_MAX)
        .max_send_buf_size(SEND_BUFFER);
    builder
}
