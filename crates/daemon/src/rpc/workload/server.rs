//! The listener: HTTP/2 over a Unix socket, with limits; who connects is held by a descriptor from the first moment on.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use scalbotics_adapters::attest::Peer;
use scalbotics_proto::workload::spiffe_workload_api_server::SpiffeWorkloadApiServer;
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tonic::service::Routes;
use tower::Service as _;

use super::crowd::Crowd;
use super::expected::Expected;
use super::identities::Identities;
use super::lenient::Lenient;
use super::service::Workload;
use super::svids::Material;
use crate::rpc::context::Context;
use crate::rpc::intake::{Counted, Intake, Pace};
use crate::rpc::serving::{self, Patience};

/// Streams of one connection at one time; a client has four.
const STREAMS_MAX: u32 = 16;

/// Longest message, in bytes: a token and an audience.
const MESSAGE_MAX: usize = 16 << 10;

/// Longest header list, in bytes.
const HEADER_LIST_MAX: u32 = 8 << 10;

/// Streams that a peer may open and reset before the connection is ended (rapid reset, CVE-2023-44487).
const RESETS_MAX: usize = 20;

/// Streams that this side may end because of what a peer sent before the connection is ended (CVE-2025-8671). The rest of a request that was
/// refused before it was read counts too when it comes late, so a busy client that keeps to every rule has some.
const OWN_RESETS_MAX: usize = 1_024;

/// Bytes of a connection that wait to be sent.
const SEND_BUFFER: usize = 64 << 10;

/// Time between two pings of a connection, and for their answer.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// A connection that asks nothing is closed: whoever connects has something to ask, and everybody of the host may.
const PATIENCE: Patience =
    Patience { first: Duration::from_secs(10), idle: Duration::from_secs(60), farewell: Duration::from_secs(2) };

/// Connections of one user whose processes may be an agent, and of all such users: a worker has one or two.
const OF_A_USER_MAX: usize = 256;
const OF_USERS_MAX: usize = 768;

/// Connections of one user whose processes are no agent whatever is seen of them, and of all such users: everybody of the host may ask, and be told no.
const OF_A_STRANGER_MAX: usize = 8;
const OF_STRANGERS_MAX: usize = 256;

/// Files that all of this may hold open: a socket and a process each, and a few for each look.
pub(crate) const FILES_MAX: u64 = 2 * (OF_USERS_MAX + OF_STRANGERS_MAX) as u64 + 64;

/// Who calls; held by each call and each open stream.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) peer: Arc<Peer>,
    /// Counts the calls of its connection.
    calls: Arc<AtomicU64>,
}

/// The listener of the Workload API.
#[derive(Debug)]
pub(crate) struct Server {
    listener: UnixListener,
    path: PathBuf,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    context: Arc<Context>,
    routes: Routes,
    expected: Expected,
    users: Crowd,
    strangers: Crowd,
    intake: Arc<Intake>,
}

impl Server {
    /// A server on a bound socket, whose file is `path`.
    #[must_use]
    pub(crate) fn new(listener: UnixListener, path: PathBuf, context: Arc<Context>, material: Material) -> Self {
        let identities = Arc::new(Identities::new(Arc::clone(&context)));
        let service = SpiffeWorkloadApiServer::new(Workload::new(identities, material));
        let routes = Routes::new(service.max_decoding_message_size(MESSAGE_MAX)).prepare();
        let expected = Expected::new(context.states.board().clone());
        let users = Crowd::new(OF_A_USER_MAX, OF_USERS_MAX);
        let strangers = Crowd::new(OF_A_STRANGER_MAX, OF_STRANGERS_MAX);
        let shared = Arc::new(Shared { context, routes, expected, users, strangers, intake: Arc::default() });
        Self { listener, path, shared }
    }

    /// Accepts until the drain begins; then the socket's file is gone.
    pub(crate) async fn serve(self) {
        let take = |accepted: io::Result<(UnixStream, SocketAddr)>| match accepted {
            Ok((stream, _)) => self.take(stream),
            Err(error) => tracing::warn!(%error, "connection of the Workload API could not be accepted"),
        };
        serving::accept(&self.shared.context.supervisor, || self.listener.accept(), take).await;
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "socket of the Workload API could not be removed");
        }
    }

    /// Holds the process, and takes its connection if its user has a place left.
    fn take(&self, stream: UnixStream) {
        let metrics = &self.shared.context.metrics;
        let peer = match Peer::of(&stream) {
            Ok(peer) => Arc::new(peer),
            Err(error) => {
                metrics.workload_unknown.add(1);
                // Whoever connects and ends at once could fill the log.
                tracing::debug!(%error, "process that connected is not known");
                return;
            }
        };
        let is_expected = self.shared.expected.includes(peer.uid(), peer.gid());
        let crowd = if is_expected { &self.shared.users } else { &self.shared.strangers };
        let Some(place) = crowd.enter(peer.uid()) else {
            metrics.refused_limit.add(1);
            return;
        };
        let shared = Arc::clone(&self.shared);
        self.shared.context.supervisor.spawn("workload connection", async move {
            shared.connection(stream, peer).await;
            drop(place);
        });
    }
}

impl Shared {
    async fn connection(&self, stream: UnixStream, peer: Arc<Peer>) {
        let caller = Caller { peer, calls: Arc::default() };
        let calls = Arc::clone(&caller.calls);
        let service = service_fn(move |mut request: Request<Incoming>| {
            caller.calls.fetch_add(1, Ordering::Relaxed);
            request.extensions_mut().insert(caller.clone());
            let (mut routes, intake) = (self.routes.clone(), Arc::clone(&self.intake));
            async move {
                routes.call(request.map(|body| Counted::new(body, intake, Pace::Once))).await.map_err(|never: Infallible| never)
            }
        });
        let connection = builder().serve_connection(TokioIo::new(Lenient::new(stream)), service);
        let end = http2::Connection::graceful_shutdown;
        if let Err(error) = serving::follow(connection, end, calls, &self.context.supervisor, PATIENCE).await {
            tracing::debug!(%error, "connection of the Workload API ended");
        }
    }
}

fn builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
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
