//! Threads that read, each with its own connection; and one connection for looking up single rows on the caller's thread.
//!
//! A look-up by key of a small, hot table takes some microseconds, a way to another thread and back many times as long, and each
//! call of a tool makes several (decisions/0014). Whoever finds the connection taken goes the long way.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use scalbotics_core::ports::StoreError;
use tokio::sync::{mpsc, oneshot};

use super::threads;

/// Reads that may wait; a caller beyond that waits itself.
const QUEUE_LEN: usize = 256;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The reading threads.
#[derive(Debug)]
pub(super) struct Readers {
    near: Mutex<Connection>,
    queue: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts a thread for each of `connections`; `near` is for look-ups.
    pub(super) fn start(near: Connection, connections: Vec<Connection>) -> std::io::Result<Self> {
        let (queue, reads) = mpsc::channel::<Read>(QUEUE_LEN);
        let reads = Arc::new(Mutex::new(reads));
        let one = |(number, conn): (usize, Connection)| {
            let reads = Arc::clone(&reads);
            threads::start(&format!("store-read-{number}"), move || run(&conn, &reads))
        };
        let threads = connections.into_iter().enumerate().map(one).collect::<std::io::Result<Vec<_>>>()?;
        Ok(Self { near: Mutex::new(near), queue: Some(queue), threads })
    }

    /// Looks up a single row by its key: at once where the near connection is free and answers, else on one of the threads.
    pub(super) async fn look_up<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let near = match self.near.try_lock() {
            Ok(conn) => read(&conn).ok(),
            Err(_taken_or_poisoned) => None,
        };
        match near {
            Some(found) => Ok(found),
            None => self.run(read).await,
        }
    }

    /// Runs `read` on one of the threads.
    pub(super) async fn run<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let boxed: Read = Box::new(move |conn| {
            // A caller that went away does not want it any more.
            let _gone = reply.send(read(conn));
        });
        let queue = self.queue.as_ref().ok_or(StoreError::Closing)?;
        queue.send(boxed).await.map_err(|_| StoreError::Closing)?;
        answer.await.map_err(|_| StoreError::Closing)?
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
    }
}

fn run(conn: &Connection, reads: &Mutex<mpsc::Receiver<Read>>) {
    loop {
        // Whoever holds the lock waits for the next read; the others wait for the lock.
        let read = reads.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(read) = read else { return };
        read(conn);
    }
}
