//! The server: a thread with a runtime of its own, so that any test can hold one.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::connection::serve;
use super::{Answer, Asked, Step};

/// What the server says when its script is over.
const OVER: &str = "the script is over";

/// Between two looks of [`ScriptedServer::wait_closed`], in milliseconds.
const LOOK_MS: u64 = 5;

/// Chooses the answer to a request.
type Choose = Box<dyn FnMut(&Asked) -> Answer + Send>;

/// A scripted model server on loopback. It ends when it is dropped.
pub struct ScriptedServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the server and whoever holds it see.
pub(super) struct Shared {
    choose: Mutex<Choose>,
    asked: Mutex<Vec<Asked>>,
    open: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

impl Shared {
    pub(super) fn answer(&self, asked: Asked) -> Vec<Step> {
        let answer = (self.choose.lock().unwrap_or_else(PoisonError::into_inner))(&asked);
        let steps = answer.steps(&asked);
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        steps
    }
}

impl std::fmt::Debug for ScriptedServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ScriptedServer {
    /// A server that gives these answers, one a request, then 500.
    ///
    /// # Errors
    /// When loopback cannot be listened to.
    pub fn start(script: impl IntoIterator<Item = Answer>) -> io::Result<Self> {
        let mut script: VecDeque<Answer> = script.into_iter().collect();
        Self::choosing(0, move |_| script.pop_front().unwrap_or_else(|| Answer::refuse(500, OVER)))
    }

    /// A server at a port, 0 for any free one, that chooses its answer by what it is asked.
    ///
    /// # Errors
    /// When the port cannot be listened to.
    pub fn choosing(port: u16, choose: impl FnMut(&Asked) -> Answer + Send + 'static) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            choose: Mutex::new(Box::new(choose)),
            asked: Mutex::default(),
            open: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            all: AtomicUsize::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("scripted-model".to_owned()).spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    _ = stopped => {}
                    _ = accept(listener, theirs) => {}
                }
            });
        })?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a model's file names as its base.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Every request so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connections: open now, most at one time, and all so far.
    #[must_use]
    pub fn connections(&self) -> (usize, usize, usize) {
        let of = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (of(&self.shared.open), of(&self.shared.most), of(&self.shared.all))
    }

    /// Looks until no connection is open, at most so long; says whether none is.
    pub async fn wait_closed(&self, most: Duration) -> bool {
        let looks = most.as_millis() / u128::from(LOOK_MS);
        for _ in 0..looks {
            if self.connections().0 == 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
        self.connections().0 == 0
    }

    /// Serves until the thread ends, which it does not by itself.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _gone = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// Counts a connection for as long as it is there.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        let open = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most.fetch_max(open, Ordering::SeqCst);
        let number = shared.all.fetch_add(1, Ordering::SeqCst);
        let (shared, counted) = (Arc::clone(&shared), Open(Arc::clone(&shared)));
        connections.spawn(async move {
            let _counted = counted;
            // A client that leaves is what many scripts want.
            let _left = serve(stream, number, shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}
