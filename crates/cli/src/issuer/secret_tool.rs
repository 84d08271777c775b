//! The program `secret-tool` of libsecret, which speaks to the desktop's keyring (the Secret Service of freedesktop.org).

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::error::cut;

/// The program, looked for on `PATH`.
const PROGRAM: &str = "secret-tool";

/// Longest secret that it takes, in bytes: it cuts a longer one off, and says that all is well.
pub(super) const SECRET_LEN_MAX: usize = 8_191;

/// Longest answer that is read, in bytes.
const ANSWER_LEN_MAX: u64 = 64 << 10;

/// What it answered.
pub(super) struct Answer {
    /// Whether it says that it went well.
    pub(super) is_ok: bool,
    /// What it printed, which may be a secret.
    pub(super) stdout: Zeroizing<Vec<u8>>,
    /// What it complains about, cut.
    pub(super) complaint: String,
}

/// Why there is no answer of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// There is no such program.
    #[error("there is no program `{PROGRAM}` on PATH; Debian and Ubuntu have it in the package libsecret-tools")]
    Missing,
    /// It cannot be run.
    #[error("the program `{PROGRAM}` cannot be run")]
    Run(#[from] std::io::Error),
    /// It did not end in time.
    #[error("`{PROGRAM}` did not end within {0} s: the keyring may wait for somebody who unlocks it")]
    TooLate(u64),
    /// It prints too much.
    #[error("`{PROGRAM}` prints more than {ANSWER_LEN_MAX} bytes")]
    TooLong,
}

/// Runs it with these words, and a secret as its standard input: other users of the machine see what a program is called with.
///
/// # Cancel safety
/// Cancel safe: the program is killed, and has done what it was asked for or not.
pub(super) async fn run(words: &[&str], secret: &[u8], limit: Duration) -> Result<Answer, Error> {
    let mut command = Command::new(PROGRAM);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that whatever it has started can be ended with it.
    command.process_group(0).kill_on_drop(true);
    let is_missing = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    let mut child = command.spawn().map_err(|error| if is_missing(&error) { Error::Missing } else { Error::Run(error) })?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let answered = tokio::time::timeout(limit, talk(&mut child, secret)).await;
    let answered = answered.unwrap_or_else(|_| Err(Error::TooLate(limit.as_secs())));
    if answered.is_err() {
        // It has not been waited for, so that the number is nobody else's.
        if let Some(group) = group {
            let _gone = kill_process_group(group, Signal::KILL);
        }
        let _ended = child.kill().await;
    }
    answered
}

async fn talk(child: &mut Child, secret: &[u8]) -> Result<Answer, Error> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let told = async {
        if let Some(mut stdin) = stdin {
            // Who does not listen says so by its exit code, or by what it has kept.
            let _deaf = stdin.write_all(secret).await;
        }
        Ok(())
    };
    let ((), stdout, stderr) = tokio::try_join!(told, read(stdout), read(stderr))?;
    let is_ok = child.wait().await?.success();
    let complaint = String::from_utf8_lossy(&stderr);
    Ok(Answer { is_ok, stdout, complaint: cut(complaint.trim()) })
}

/// All of it, within the limit.
async fn read(from: Option<impl AsyncRead + Unpin>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let Some(from) = from else { return Ok(Zeroizing::default()) };
    let mut bytes = Zeroizing::new(Vec::new());
    let read = from.take(ANSWER_LEN_MAX + 1).read_to_end(&mut bytes).await?;
    if u64::try_from(read).is_ok_and(|read| read <= ANSWER_LEN_MAX) { Ok(bytes) } else { Err(Error::TooLong) }
}
