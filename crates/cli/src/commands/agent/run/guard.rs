//! The guard of one program: the command line itself, started once more by the worker. It begins the program if there is still time, waits for
//! it, and kills it with everything of its process group when it ends, or when the worker has gone: a worker that was killed leaves nothing
//! running.
//!
//! The two speak over one socket, which is the guard's standard input: a job comes, one answer goes back, and its end means stop.

use std::collections::BTreeMap;
use std::io::{self, Read, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::boot;

/// The first argument by which the command line is a guard.
pub(crate) const GUARD: &str = "worker-guard";

/// Longest message between worker and guard, in bytes: the arguments of a call twice, escaped.
const FRAME_MAX: u32 = 32 << 20;

/// What a guard is to do.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    /// Program and arguments.
    pub(super) argv: Vec<String>,
    /// The whole environment.
    pub(super) env: BTreeMap<String, String>,
    /// What the program reads: canonical JSON.
    pub(super) input: String,
    /// The first moment of the machine's clock at which it may not begin any more.
    pub(super) begin_before_ms: u64,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// It did not begin.
    NotBegun(String),
    /// It began, in the process group of this number; one of the others follows.
    Begun(i32),
    /// It ended by itself.
    Exited(i32),
    /// A signal ended it.
    Killed(i32),
}

/// A message as bytes: its length and JSON.
pub(super) fn frame(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let text = serde_json::to_vec(message)?;
    let len = u32::try_from(text.len()).ok().filter(|len| *len <= FRAME_MAX);
    let len = len.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the call is too long for a program"))?;
    Ok([&len.to_be_bytes()[..], &text].concat())
}

/// Reads a message.
fn read_frame<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut len = [0; 4];
    from.read_exact(&mut len)?;
    let len = u32::from_be_bytes(len);
    if len > FRAME_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "message is too long"));
    }
    let mut text = Vec::new();
    from.take(len.into()).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Reads what a guard has said, as far as it is whole.
pub(super) fn answers_of(mut bytes: &[u8]) -> Vec<Answer> {
    std::iter::from_fn(|| read_frame(&mut bytes).ok()).collect()
}

/// Kills what is left of a program whose guard is gone.
pub(super) fn kill_group(group: i32) {
    if let Some(group) = Pid::from_raw(group) {
        let _nobody_left = kill_process_group(group, Signal::KILL);
    }
}

/// Is the guard of one program.
pub(crate) fn guard() -> ExitCode {
    match guarded() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _closed = writeln!(io::stderr(), "a worker starts its guards itself, and nobody else does: {error}");
            ExitCode::FAILURE
        }
    }
}

fn guarded() -> io::Result<()> {
    let mut worker = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let job: Job = read_frame(&mut worker)?;
    let answer = match begin(&job) {
        Ok(child) => {
            let group = Answer::Begun(i32::try_from(child.id()).unwrap_or_default());
            // A worker that is gone already is noticed below.
            let _told = frame(&group).and_then(|group| worker.write_all(&group));
            attend(child, job.input, worker.try_clone()?)?
        }
        Err(why) => Answer::NotBegun(why),
    };
    worker.write_all(&frame(&answer)?)
}

/// Begins the program, in a process group of its own.
fn begin(job: &Job) -> Result<Child, String> {
    let (program, arguments) = job.argv.split_first().ok_or("there is no program")?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(&job.env).current_dir("/").stdin(Stdio::piped()).process_group(0);
    if boot::now_ms() >= job.begin_before_ms {
        return Err("the worker was without its stream, or the call waited too long".to_owned());
    }
    command.spawn().map_err(|error| format!("`{program}` does not start: {error}"))
}

/// Waits for the program, or for the worker's end, and leaves nothing of its process group.
fn attend(mut child: Child, input: String, worker: UnixStream) -> io::Result<Answer> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let group = group.ok_or_else(|| io::Error::other("a child without a number"))?;
    // Set once the program was waited for: its number may then be another's.
    let reaped = Arc::new(Mutex::new(false));
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read what it was given is its own business.
        std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    }
    let shared = Arc::clone(&reaped);
    std::thread::spawn(move || {
        let mut worker = worker;
        // Nothing more comes, so this returns when the worker has gone or closes its end.
        let _ended = io::copy(&mut worker, &mut io::sink());
        let reaped = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if !*reaped {
            let _gone = kill_process_group(group, Signal::KILL);
        }
    });
    // The number stays the program's until it is waited for below.
    waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let mut reaped = reaped.lock().unwrap_or_else(PoisonError::into_inner);
    let _nobody_left = kill_process_group(group, Signal::KILL);
    *reaped = true;
    Ok(answer(child.wait()?))
}

fn answer(status: ExitStatus) -> Answer {
    match (status.code(), status.signal()) {
        (Some(code), _) => Answer::Exited(code),
        (None, Some(signal)) => Answer::Killed(signal),
        (None, None) => Answer::Killed(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(argv: &[&str], begin_before_ms: u64) -> Job {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        Job { argv, env: BTreeMap::new(), input: String::new(), begin_before_ms }
    }

    #[test]
    fn sem_8_1_nothing_begins_after_its_moment() {
        let refused = begin(&job(&["/bin/true"], boot::now_ms())).unwrap_err();
        assert!(refused.contains("without its stream"), "{refused}");
        let mut begun = begin(&job(&["/bin/true"], boot::now_ms() + 10_000)).unwrap();
        begun.wait().unwrap();
        let absent = begin(&job(&["/nonexistent"], boot::now_ms() + 10_000)).unwrap_err();
        assert!(absent.contains("does not start"), "{absent}");
    }

    #[tokio::test]
    async fn the_whole_group_ends_with_the_worker_and_with_the_program() {
        let (worker, guard) = UnixStream::pair().unwrap();
        let child = begin(&job(&["/bin/sh", "-c", "sleep 60 & sleep 60"], u64::MAX)).unwrap();
        drop(worker);
        assert_eq!(attend(child, String::new(), guard).unwrap(), Answer::Killed(9));
        let (_worker, guard) = UnixStream::pair().unwrap();
        let child = begin(&job(&["/bin/sh", "-c", "sleep 60 & exit 3"], u64::MAX)).unwrap();
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        assert_eq!(attend(child, String::new(), guard).unwrap(), Answer::Exited(3));
        // The killed `sleep` may be nobody's yet, but it does not run.
        let gone = async {
            while rustix::process::test_kill_process_group(group).is_ok() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(5), gone).await.expect("what the program left was killed");
    }

    #[test]
    fn a_message_is_whole_or_none() {
        let both = [Answer::Begun(7), Answer::Exited(3)];
        let (begun, ended) = (frame(&both[0]).unwrap(), frame(&both[1]).unwrap());
        let bytes = [begun.as_slice(), &ended].concat();
        assert_eq!(answers_of(&bytes), both);
        for len in 0..bytes.len() {
            let whole = usize::from(len >= begun.len());
            assert_eq!(answers_of(bytes.get(..len).unwrap()), both.get(..whole).unwrap(), "{len}");
        }
        assert_eq!(answers_of(&[0xff; 8]), []);
    }
}
