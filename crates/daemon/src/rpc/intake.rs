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

/// How the messages of a call come.
#[derive(Debug, Clone)]
pub(super) enum Pace {
    /// One at the beginning, within [`TIME_MAX`].
    Once,
    /// Small ones at any time.
    AnyTime,
    /// Large ones at any time, each within [`TIME_MAX`]; the first is small, and is read before others are taken.
    Long(PutDown),
}

/// Says that what a long call has sent so far was read, and is not held any more.
#[derive(Debug, Clone, Default)]
pub(super) struct PutDown(Arc<AtomicBool>);

impl PutDown {
    /// All that has come was read.
    pub(super) fn all(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn taken(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// A body that counts what it holds, and gives it back when it is dropped.
#[derive(Debug)]
pub(super) struct Counted<B> {
    inner: B,
    intake: Arc<Intake>,
    held: usize,
    /// `None` where nothing is waited for.
    late: Option<Pin<Box<Sleep>>>,
    long: Option<Long>,
}

/// A call whose messages come over a long time.
#[derive(Debug)]
struct Long {
    put_down: PutDown,
    /// Whether its first message was read.
    has_begun: bool,
}

impl<B> Counted<B> {
    /// The body of one call.
    pub(super) fn new(inner: B, intake: Arc<Intake>, pace: Pace) -> Self {
        match pace {
            Pace::Once => Self::within(inner, intake, Some(TIME_MAX)),
            Pace::AnyTime => Self::within(inner, intake, None),
            Pace::Long(put_down) => {
                let mut body = Self::within(inner, intake, None);
                body.long = Some(Long { put_down, has_begun: false });
                body
            }
        }
    }

    fn within(inner: B, intake: Arc<Intake>, time: Option<Duration>) -> Self {
        Self { inner, intake, held: 0, late: time.map(|time| Box::pin(tokio::time::sleep(time))), long: None }
    }

    /// Forgets what was read meanwhile.
    fn put_down(&mut self) {
        if let Some(long) = self.long.as_mut().filter(|long| long.put_down.taken()) {
            long.has_begun = true;
            self.late = None;
            self.intake.held.fetch_sub(std::mem::take(&mut self.held), Ordering::Relaxed);
        }
    }

    /// Counts bytes that arrived.
    fn take(&mut self, len: usize) -> Result<(), Status> {
        self.held = self.held.saturating_add(len);
        let all = self.intake.held.fetch_add(len, Ordering::Relaxed).saturating_add(len);
        if self.held > FREE_BYTES && (all > HELD_MAX || self.long.as_ref().is_some_and(|long| !long.has_begun)) {
            return Err(status::no_room());
        }
        if self.long.is_some() && self.held > 0 && self.late.is_none() {
            self.late = Some(Box::pin(tokio::time::sleep(TIME_MAX)));
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
        self.put_down();
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
        Counted::new(StreamBody::new(futures_util::stream::iter(frames)), Arc::clone(intake), Pace::Once)
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
        let mut body = Counted::new(frames, Arc::clone(&intake), Pace::Long(put_down.clone()));
        assert_eq!(body.frame().await.unwrap().unwrap_err().code(), Code::ResourceExhausted, "the first one is small");
        put_down.all();
        for _ in 0..5 {
            body.frame().await.unwrap().unwrap();
            put_down.all();
        }
        assert_eq!(intake.held.load(Ordering::Relaxed), HELD_MAX / 2);
        body.frame().await.unwrap().unwrap();
        assert!(body.frame().await.unwrap().is_ok(), "the last one and this");
        drop(body);
        assert_eq!(intake.held.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_message_of_a_long_call_is_not_waited_for_and_a_pause_is() {
        let (intake, put_down) = (Arc::new(Intake::default()), PutDown::default());
        let (half, never) = (Ok::<_, Status>(Frame::data(Bytes::from(vec![0; 9]))), futures_util::stream::pending());
        let frames = StreamBody::new(futures_util::StreamExt::chain(futures_util::stream::iter([half]), never));
        let mut body = Counted::new(frames, Arc::clone(&intake), Pace::Long(put_down.clone()));
        body.frame().await.unwrap().unwrap();
        put_down.all();
        assert!(tokio::time::timeout(2 * TIME_MAX, body.frame()).await.is_err(), "it was read, and nothing is half");
        body.take(1).unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap_err().code(), Code::InvalidArgument);
    }

    #[tokio::test]
    async fn a_message_that_does_not_come_is_not_waited_for() {
        let intake = Arc::new(Intake::default());
        let never = || StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, Status>>());
        let mut late = Counted::within(never(), Arc::clone(&intake), Some(Duration::ZERO));
        assert_eq!(late.frame().await.unwrap().unwrap_err().code(), Code::InvalidArgument);
        assert!(Counted::new(never(), intake, Pace::AnyTime).frame().now_or_never().is_none());
    }
}
