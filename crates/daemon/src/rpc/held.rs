//! The body of an open stream: it keeps its place, and is cut when its caller may not see more or the daemon drains.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hyper::body::{Body as HttpBody, Frame};
use scalbotics_core::principal::Uid;
use tonic::body::Body;

use super::call::Call;
use super::codes;
use super::context::Context;
use super::failure::Failure;
use super::limits::Slot;
use super::methods::ATTEND;
use super::status::trailers;
use super::time_limit::TimeLimit;

/// How often the standing of a stream's caller is read where nobody's rights change: what time ends is cut within a second
/// (security row 5).
const STANDING_EVERY: Duration = Duration::from_millis(400);

/// The body of an open stream.
pub(super) struct Held {
    inner: Body,
    cut: BoxFuture<'static, Failure>,
    call: Arc<Call>,
    context: Arc<Context>,
    ended: bool,
    _kept: (Slot, Arc<AtomicU64>),
}

impl Held {
    /// Holds `inner` with its place and its connection's counter, until the caller's time is over.
    pub(super) fn body(
        inner: Body,
        kept: (Slot, Arc<AtomicU64>),
        limit: TimeLimit,
        call: Arc<Call>,
        context: Arc<Context>,
    ) -> Body {
        context.metrics.streams.rise();
        let standing = until_cut(Arc::clone(&call), Arc::clone(&context));
        let cut = async move {
            tokio::select! {
                biased;
                failure = standing => failure,
                late = limit.passed() => late,
            }
        };
        let cut = cut.boxed();
        Body::new(Self { inner, cut, call, context, ended: false, _kept: kept })
    }
}

/// Returns when the stream has to end, and why.
async fn until_cut(call: Arc<Call>, context: Arc<Context>) -> Failure {
    let mut rights = context.store.rights();
    loop {
        tokio::select! {
            biased;
            () = drained(&call, &context) => {
                return Failure::new(codes::SHUTTING_DOWN, "the stream is cut").next("open it again in a minute");
            }
            // Somebody's rights are others: at once. A store that is closing tells nobody any more, and the time is looked at as before.
            Ok(()) = rights.changed() => {}
            () = tokio::time::sleep(STANDING_EVERY) => {}
        }
        let standing = match call.identity() {
            Ok(identity) => context.standing(identity).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = standing {
            return failure;
        }
    }
}

/// Returns when the drain cuts the stream: at its beginning, but that of a worker only once nothing is waited for from it.
async fn drained(call: &Call, context: &Context) {
    context.supervisor.draining().await;
    if call.row.method.path != ATTEND.method.path {
        return;
    }
    let Ok(Uid::Agent(agent)) = call.identity().map(|identity| identity.principal.uid) else { return };
    tokio::select! {
        biased;
        () = context.supervisor.killing() => {}
        () = context.workers.idle(agent) => {}
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Poll::Ready(failure) = self.cut.as_mut().poll(poller) {
            self.ended = true;
            return Poll::Ready(Some(Ok(Frame::trailers(trailers(&failure, &self.call.reference())))));
        }
        Pin::new(&mut self.inner).poll_frame(poller)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.context.metrics.streams.fall();
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("call", &self.call.request).finish_non_exhaustive()
    }
}
