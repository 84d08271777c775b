//! Threads of the store: SQLite blocks, so what takes long never runs on the async runtime's threads (decisions/0014, 0017).

use std::io;
use std::thread::{Builder, JoinHandle};

/// Stack of a thread, in bytes: SQLite's deepest call chains and our encoding stay far below.
const STACK_LEN: usize = 512 << 10;

/// Starts a named thread.
pub(super) fn start(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).stack_size(STACK_LEN).spawn(body)
}
