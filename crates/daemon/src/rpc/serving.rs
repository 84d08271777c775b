//! What every listener does: accepts until the drain begins, and follows a connection to its end.
//!
//! **Invariant:** a connection without a call is told to end, and not waited for much longer, whatever its other end does or does not say.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use scalbotics_runtime::Supervisor;

/// How long a listener waits after an error of accept: most are "too many open files", which ends by itself.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Who holds the counter of a connection's calls beside the calls: its service, and whoever follows it.
const HELD_ALWAYS: usize = 2;

/// How long a connection without a call is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Until its first call.
    pub(super) first: Duration,
    /// Between two calls.
    pub(super) idle: Duration,
    /// Once it was told to end; calls that still run have theirs to go on.
    pub(super) farewell: Duration,
}

/// Hands on what `next` accepts, and what it fails with, until the drain begins.
pub(super) async fn accept<T, F>(supervisor: &Supervisor, mut next: impl FnMut() -> F, mut take: impl FnMut(io::Result<T>))
where
    F: Future<Output = io::Result<T>>,
{
    loop {
        let accepted = tokio::select! {
            biased;
            () = supervisor.draining() => return,
            accepted = next() => accepted,
        };
        let failed = accepted.is_err();
        take(accepted);
        if failed {
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// Follows a connection until it ends, or is not waited for any longer. `calls` counts the calls that began on it; each one that runs, and each
/// stream that is open, holds a clone, and so does the connection's service. `end` tells the connection to take no more.
///
/// # Errors
/// What the connection ended with.
pub(super) async fn follow<C, E>(
    connection: C,
    end: fn(Pin<&mut C>),
    calls: Arc<AtomicU64>,
    supervisor: &Supervisor,
    patience: Patience,
) -> Result<(), E>
where
    C: Future<Output = Result<(), E>>,
{
    let mut connection = std::pin::pin!(connection);
    let (mut told, mut seen, mut wait) = (false, 0, patience.first);
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended,
            () = supervisor.killing() => return Ok(()),
            () = supervisor.draining(), if !told => {
                (told, wait) = (true, patience.farewell);
                end(connection.as_mut());
            }
            () = tokio::time::sleep(wait) => {
                let begun = calls.load(Ordering::Relaxed);
                let is_quiet = begun == seen && Arc::strong_count(&calls) <= HELD_ALWAYS;
                seen = begun;
                if is_quiet && told {
                    return Ok(());
                }
                if is_quiet {
                    end(connection.as_mut());
                }
                told |= is_quiet;
                wait = if told { patience.farewell } else { patience.idle };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use tokio::time::Instant;

    use super::*;

    const PATIENCE: Patience =
        Patience { first: Duration::from_secs(10), idle: Duration::from_secs(60), farewell: Duration::from_secs(2) };

    /// A connection whose other end says nothing, ever, and whose service holds the counter.
    struct Silent {
        _service: Arc<AtomicU64>,
    }

    impl Future for Silent {
        type Output = io::Result<()>;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            Poll::Pending
        }
    }

    /// Seconds until such a connection is left.
    async fn left_after(calls: Arc<AtomicU64>, supervisor: &Supervisor) -> u64 {
        let begun = Instant::now();
        let silent = Silent { _service: Arc::clone(&calls) };
        follow(silent, |_| {}, calls, supervisor, PATIENCE).await.unwrap();
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_left() {
        let supervisor = Supervisor::new(Arc::default());
        assert_eq!(left_after(Arc::default(), &supervisor).await, 10 + 2);
        // One call, which is over: a whole look without another one.
        assert_eq!(left_after(Arc::new(AtomicU64::new(1)), &supervisor).await, 10 + 60 + 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_runs_keeps_its_connection() {
        let supervisor = Supervisor::new(Arc::default());
        let calls = Arc::new(AtomicU64::new(1));
        let call = Arc::clone(&calls);
        supervisor.spawn("call", async move {
            tokio::time::sleep(Duration::from_secs(500)).await;
            drop(call);
        });
        assert_eq!(left_after(calls, &supervisor).await, 10 + 9 * 60 + 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_leaves_who_has_no_call_and_a_kill_everybody() {
        let supervisor = Supervisor::new(Arc::default());
        supervisor.spawn("what the drain waits for", std::future::pending());
        let call = Arc::new(AtomicU64::new(1));
        let quiet = left_after(Arc::default(), &supervisor);
        let busy = left_after(Arc::clone(&call), &supervisor);
        let (quiet, busy, _) = tokio::join!(quiet, busy, supervisor.drain(Duration::from_secs(5)));
        assert_eq!((quiet, busy), (2, 5));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_accepted_is_told_and_a_drain_ends_the_listener() {
        let supervisor = Supervisor::new(Arc::default());
        let (mut rest, mut heard) = (vec![Ok(2), Err(io::Error::other("too many files")), Ok(1)], Vec::new());
        let next = || {
            let next = rest.pop();
            async {
                match next {
                    Some(next) => next,
                    None => std::future::pending().await,
                }
            }
        };
        let listener = accept(&supervisor, next, |accepted: io::Result<u8>| heard.push(accepted.ok()));
        let drain = async {
            tokio::time::sleep(ACCEPT_PAUSE * 2).await;
            supervisor.drain(Duration::from_secs(1)).await
        };
        tokio::join!(listener, drain);
        assert_eq!(heard, [Some(1), None, Some(2)]);
    }
}
