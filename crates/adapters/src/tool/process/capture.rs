//! Reading an output stream to its end while keeping its head.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::job::OUTPUT_OVERRUN_MAX;
use super::outcome::Captured;

/// Bytes read at once; the size of a pipe.
const BLOCK_BYTES: usize = 64 * 1024;

/// Why reading ended before the stream did.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The stream passed what anyone would write on purpose.
    Overrun,
    /// Reading failed, which a pipe never does.
    Io(io::Error),
}

/// Reads to the end, keeps the first `keep` bytes and counts the rest, so that a tool which writes a little too much can end.
pub(super) async fn drain(from: Option<impl AsyncRead + Unpin>, keep: u64, into: &mut Captured) -> Result<(), Stopped> {
    let Some(mut from) = from else { return Ok(()) };
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let got = from.read(&mut block).await.map_err(Stopped::Io)?;
        if got == 0 {
            return Ok(());
        }
        let kept = u64::try_from(into.bytes.len()).unwrap_or(u64::MAX);
        let room = usize::try_from(keep.saturating_sub(kept)).unwrap_or(usize::MAX);
        into.bytes.extend_from_slice(block.get(..got.min(room)).unwrap_or_default());
        into.total = into.total.saturating_add(u64::try_from(got).unwrap_or(u64::MAX));
        if into.total > keep.saturating_mul(OUTPUT_OVERRUN_MAX) {
            return Err(Stopped::Overrun);
        }
    }
}
