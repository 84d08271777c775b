//! One program under its guard: begun, read, and ended in time.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use futures_util::FutureExt as _;
use scalbotics_core::worker::{Cut, End};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::boot;
use super::guard::{Answer, GUARD, Job, answers_of, frame, kill_group};

/// This program, also where its file was replaced meanwhile.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// How long a program that may have sent a request has to answer when it is told to stop (semantics §4.3).
const STOP_GRACE: Duration = Duration::from_secs(5);

/// How long a killed program's output is waited for: a process that left the group may hold it open for good.
const DRAIN_MAX: Duration = Duration::from_millis(500);

/// Bytes of standard error that are kept.
const STDERR_BYTES_MAX: u64 = 16 << 10;

/// Bytes that are read at a time.
const BUFFER: usize = 16 << 10;

/// The signal that nobody catches.
const SIGKILL: i32 = 9;

/// Longest answer of a guard, in bytes.
const ANSWER_MAX: u64 = 4 << 10;

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Became {
    /// It did not begin, and never will.
    NotBegun(String),
    /// Its program ended.
    Ended {
        how: End,
        stdout: Vec<u8>,
        /// Bytes of standard output in all, as far as they were read.
        total: u64,
        stderr: Vec<u8>,
    },
}

/// What a program is told while it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Control {
    /// To go on.
    #[default]
    GoOn,
    /// To end once it has had its time to answer.
    Stop,
    /// To end at once.
    Kill,
}

/// What a program may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How long it may run, in milliseconds.
    pub(super) time_ms: u64,
    /// Bytes of standard output; more ends it.
    pub(super) output_bytes: u64,
}

/// What was read of a stream.
#[derive(Debug, Default)]
struct Captured {
    bytes: Vec<u8>,
    total: u64,
}

/// Carries a job out.
pub(super) async fn carry_out(job: Job, limits: Limits, control: watch::Receiver<Control>) -> Became {
    match guarded(job, limits, control).await {
        Ok(became) => became,
        Err(error) => Became::NotBegun(format!("the worker cannot start programs: {error}")),
    }
}

/// Begins the guard; an error means that nothing began.
fn begin() -> io::Result<(Child, UnixStream)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut command = Command::new(OWN_PROGRAM);
    command.arg(GUARD).env_clear().current_dir("/").process_group(0);
    command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok((command.spawn()?, UnixStream::from_std(ours)?))
}

async fn guarded(job: Job, limits: Limits, control: watch::Receiver<Control>) -> io::Result<Became> {
    let bytes = frame(&job)?;
    let (mut child, guard) = begin()?;
    let (answers, mut orders) = guard.into_split();
    // The guard begins nothing before it has the whole job.
    orders.write_all(&bytes).await?;
    let (mut stdout, mut stderr) = (Captured::default(), Captured::default());
    let mut answer = Vec::new();
    let cut = {
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let endless = async { read(out, &mut stdout, limits.output_bytes, true).await };
        let said = async { read(err, &mut stderr, STDERR_BYTES_MAX, false).await };
        let mut endless = std::pin::pin!(endless.fuse());
        let mut said = std::pin::pin!(said.fuse());
        let mut answers = answers.take(ANSWER_MAX);
        let mut answered = std::pin::pin!(answers.read_to_end(&mut answer));
        let mut end = std::pin::pin!(ending(limits, control));
        let cut = loop {
            tokio::select! {
                biased;
                is_endless = &mut endless => if is_endless { break Some(Cut::Endless) },
                _ = &mut answered => break None,
                cut = &mut end => break Some(cut),
                _ = &mut said => {}
            }
        };
        if cut.is_some() {
            // Its end is the guard's order to kill everything.
            drop(orders);
            let _answered = tokio::time::timeout(STOP_GRACE, &mut answered).await;
        }
        let rest = async { tokio::join!(&mut endless, &mut said) };
        let _drained = tokio::time::timeout(DRAIN_MAX, rest).await;
        cut
    };
    let _reaped = tokio::time::timeout(DRAIN_MAX, child.wait()).await;
    let answers = answers_of(&answer);
    let how = match (answers.as_slice(), cut) {
        ([Answer::NotBegun(why)], _) => return Ok(Became::NotBegun(why.clone())),
        // What wrote without end has not ended well, whatever it says.
        (_, Some(Cut::Endless)) => End::Cut(Cut::Endless),
        // It ended by itself before it could be cut: its word counts.
        ([.., Answer::Exited(code)], _) => End::Exited(*code),
        (_, Some(cut)) => End::Cut(cut),
        ([.., Answer::Killed(signal)], None) => End::Killed(*signal),
        // Somebody killed the guard, and the program goes on without it.
        ([Answer::Begun(group), ..], None) => {
            kill_group(*group);
            End::Killed(SIGKILL)
        }
        (_, None) => End::Killed(SIGKILL),
    };
    Ok(Became::Ended { how, stdout: stdout.bytes, total: stdout.total, stderr: stderr.bytes })
}

/// Returns when the program has to end, and why.
fn ending(limits: Limits, mut control: watch::Receiver<Control>) -> impl Future<Output = Cut> {
    let end_ms = boot::now_ms().saturating_add(limits.time_ms);
    async move {
        let stopped = async {
            // A desk that is gone stops everything.
            let told = control.wait_for(|control| *control != Control::GoOn).await.map(|told| *told);
            if matches!(told, Ok(Control::Stop)) {
                let killed = control.wait_for(|control| *control == Control::Kill);
                let _grace_over = tokio::time::timeout(STOP_GRACE, killed).await;
            }
        };
        tokio::select! {
            biased;
            () = stopped => Cut::Stopped,
            () = boot::sleep_until(end_ms) => Cut::TimedOut,
        }
    }
}

/// Reads to the end and keeps the head; where `is_limit` it stops as soon as there is more than may be, and says `true`.
async fn read(from: Option<impl AsyncRead + Unpin>, into: &mut Captured, max: u64, is_limit: bool) -> bool {
    let Some(mut from) = from else { return false };
    let mut buffer = vec![0; BUFFER];
    loop {
        let Ok(len @ 1..) = from.read(&mut buffer).await else { return false };
        let room = usize::try_from(max.saturating_sub(into.bytes.len() as u64)).unwrap_or(usize::MAX);
        into.bytes.extend(buffer.iter().take(len.min(room)));
        into.total = into.total.saturating_add(len as u64);
        if is_limit && into.total > max {
            return true;
        }
    }
}
