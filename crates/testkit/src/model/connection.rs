//! One connection: requests in, steps out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::server::Shared;
use super::{Asked, Step};

/// Longest body that is read, in bytes; the adapter's largest request fits with room.
const BODY_LEN_MAX: usize = 8 << 20;

/// Most lines of a head.
const HEAD_LINES_MAX: usize = 100;

/// Serves requests until the client leaves or a script closes the connection.
pub(super) async fn serve(stream: TcpStream, number: usize, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some(asked) = request(&mut read, number).await? {
        for step in shared.answer(asked) {
            if !perform(step, &mut read, &mut write).await? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Does one step; says whether the connection goes on.
async fn perform(step: Step, read: &mut BufReader<OwnedReadHalf>, write: &mut OwnedWriteHalf) -> io::Result<bool> {
    match step {
        Step::Send(bytes) => write.write_all(&bytes).await?,
        Step::Drip(bytes, ms) => {
            for byte in bytes {
                write.write_all(&[byte]).await?;
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
        }
        Step::Stall => {
            // The client sends nothing while it waits, so this ends when it leaves.
            let _left = read.read_u8().await;
            return Ok(false);
        }
        Step::Forever(bytes) => loop {
            write.write_all(&bytes).await?;
            tokio::task::yield_now().await;
        },
        Step::Close => return Ok(false),
    }
    Ok(true)
}

async fn request(read: &mut BufReader<OwnedReadHalf>, connection: usize) -> io::Result<Option<Asked>> {
    let mut line = String::new();
    if read.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = std::collections::BTreeMap::new();
    for _ in 0..HEAD_LINES_MAX {
        let mut line = String::new();
        read.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let len = headers.get("content-length").and_then(|len| len.parse::<usize>().ok()).unwrap_or(0);
    let mut body = vec![0; len.min(BODY_LEN_MAX)];
    read.read_exact(&mut body).await?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Ok(Some(Asked { method, path, headers, body, connection }))
}
