//! The body of a request on its way in: bounded in time, and in the bytes that unfinished messages hold together.
//!
//! A message is put together in memory before its handler sees it, so half a message costs memory for as long as its sender
//! likes. **Invariant:** what all half messages hold stays below [`HELD_MAX`] and a little for each call, and none waits
//! longer than [`TIME_MAX`].

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;
use tonic::Status;

use super::status;

/// Bytes that the messages of all calls may hold together: some of the largest at one time.
const HELD_MAX: usize = 64 << 20;

/// Bytes that a call may always hold, so that the large messages of some do not stop the small ones of others.
const FREE_BYTES: usize = 8 << 10;

/// Time for one message to arrive; 4 MiB over a slow line need that long.
const TIME_MAX: Duration = Duration::from_secs(30);

/// What the messages of all calls hold.
#[derive(Debug, Default)]
pub(super) struct Intake {
    held: AtomicUsize,
}

/// A body that counts what it holds, and gives it back when it is dropped.
#[derive(Debug)]
pub(super) struct Counted<B> {
    inner: B,
    intake: Arc<Intake>,
    held: usize,
    /// `None` where messages may come at any time.
    late: Option<Pin<Box<Sleep>>>,
    put_down: Option<PutDown>,
}

/// Says that what a long call has sent so far was read, and is not held any more.
#[derive(Debug, Clone, Default)]
pub(super) struct PutDown(Arc<AtomicBool>);

impl PutDown {
    /// All that has come was read.
    pub(super) fn all(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<B> Counted<B> {
    /// The body of one call; with `put_down` for one whose messages come over a long time: it holds what came after that was last told.
    pub(super) fn new(inner: B, intake: Arc<Intake>, put_down: Option<PutDown>) -> Self {
        let time = put_down.is_none().then_some(TIME_MAX);
        let mut body = Self::within(inner, intake, time);
        body.put_down = put_down;
        body
    }

    fn within(inner: B, intake: Arc<Intake>, time: Option<Duration>) -> Self {
        Self { inner, intake, held: 0, put_down: None, late: time.map(|time| Box::pin(tokio::time::sleep(time))) }
    }

    /// Counts bytes that arrived.
    fn take(&mut self, len: usize) -> Result<(), Status> {
        if self.put_down.as_ref().is_some_and(|put_down| put_down.0.swap(false, Ordering::Relaxed)) {
            self.intake.held.fetch_sub(std::mem::take(&mut self.held), Ordering::Relaxed);
        }
        self.held = self.held.saturating_add(len);
        let all = self.intake.held.fetch_add(len, Ordering::Relaxed).saturating_add(len);
        if self.held > FREE_BYTES && all > HELD_MAX {
            return Err(status::no_room());
        }
        Ok(())
    }
}

impl<B> Drop for Counted<B> {
    fn drop(&mut self) {
        self.intake.held.fetch_sub(self.held, Ordering::Relaxed);
    }
}

impl<B> Body for Counted<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let len = frame.data_ref().map_or(0, Bytes::len);
                Poll::Ready(Some(self.take(len).map(|()| frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(status::broken(error.into())))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => match self.late.as_mut().map(|late| late.as_mut().poll(context)) {
                Some(Poll::Ready(())) => Poll::Ready(Some(Err(status::late()))),
                Some(Poll::Pending) | None => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use http_body_util::{BodyExt as _, StreamBody};
    use tonic::Code;

    use super::*;

    type Frames = StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Status>>>>;

    fn body(intake: &Arc<Intake>, lens: &[usize]) -> Counted<Frames> {
        let frames: Vec<_> = lens.iter().map(|len| Ok(Frame::data(Bytes::from(vec![0; *len])))).collect();
        Counted::new(StreamBody::new(futures_util::stream::iter(frames)), Arc::clone(intake), None)
    }

    #[tokio::test]
    async fn all_messages_together_are_bounded_and_small_ones_always_fit() {
        let intake = Arc::new(Intake::default());
        let mut large = body(&intake, &[HELD_MAX, 1]);
        large.frame().await.unwrap().unwrap();
        assert_eq!(large.frame().await.unwrap().unwrap_err().code(), Code::ResourceExhausted);
        body(&intake, &[FREE_BYTES]).frame().await.unwrap().unwrap();
        assert_eq!(body(&intake, &[FREE_BYTES + 1]).frame().await.unwrap().unwrap_err().code(), Code::ResourceExhausted);
        drop(large);
        assert_eq!(intake.held.load(Ordering::Relaxed), 0);
        body(&intake, &[FREE_BYTES + 1]).frame().await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_long_call_holds_what_was_not_read_yet() {
        let intake = Arc::new(Intake::default());
        let frames = [HELD_MAX / 2; 8].map(|len| Ok::<_, Status>(Frame::data(Bytes::from(vec![0; len]))));
        let put_down = PutDown::default();
        let frames = StreamBody::new(futures_util::stream::iter(frames));
        let mut body = Counted::new(frames, Arc::clone(&intake), Some(put_down.clone()));
        for _ in 0..6 {
            body.frame().await.unwrap().unwrap();
            put_down.all();
        }
        assert_eq!(intake.held.load(Ordering::Relaxed), HELD_MAX / 2);
        body.frame().await.unwrap().unwrap();
        assert!(body.frame().await.unwrap().is_ok(), "the last one and this");
        drop(body);
        assert_eq!(intake.held.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_message_that_does_not_come_is_not_waited_for() {
        let intake = Arc::new(Intake::default());
        let never = || StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, Status>>());
        let mut late = Counted::within(never(), Arc::clone(&intake), Some(Duration::ZERO));
        assert_eq!(late.frame().await.unwrap().unwrap_err().code(), Code::InvalidArgument);
        assert!(Counted::new(never(), intake, Some(PutDown::default())).frame().now_or_never().is_none());
    }
}
