//! The daemon's side: starts the helpers, feeds and reads them, and ends them.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::OwnedReadHalf;
use zeroize::Zeroizing;

use super::capture::{Stopped, drain};
use super::job::Job;
use super::outcome::{Captured, Finished, Outcome, Refusal};
use super::pair::{NEXT_HELPER, Pair};
use super::ready::Ready;
use super::scope::{Leftover, Scope};
use super::wire::{self, Report};

/// Time between the end of the lifeline and the signal that needs no cooperation; init acts on the former within a millisecond.
const END_GRACE: Duration = Duration::from_secs(2);

/// Names of the mount points in the run directory: of the scratch directory, and of the copies of pinned files.
const SCRATCH: &str = "scratch";
const COPIES: &str = "pinned";

/// Name of the directory of helpers without a job, in the run directory.
const READY: &str = "ready";

/// Bytes of reports; a refusal is the longest and names one path.
const REPORT_BYTES_MAX: u64 = 64 * 1024;

/// Runs programs in sandboxes.
#[derive(Debug)]
pub struct Sandbox {
    exe: PathBuf,
    run_dir: PathBuf,
    scratch: PathBuf,
    copies: PathBuf,
    ready: Option<Ready>,
}

impl Sandbox {
    /// Prepares the directory of lock files, mode 0700, and the mount points in it.
    ///
    /// `exe` is a program whose `main` hands `sandbox …` to [`super::sandbox_main`]: `/proc/self/exe` for the daemon.
    /// `run_dir` is absolute and belongs to one daemon.
    ///
    /// # Errors
    /// When the directories cannot be made.
    pub fn open(exe: PathBuf, run_dir: &Path) -> io::Result<Self> {
        for mount_point in [SCRATCH, COPIES] {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(run_dir.join(mount_point))?;
        }
        // Helpers run in `/`, and links in the path would confuse rules on paths.
        let run_dir = run_dir.canonicalize()?;
        // What the daemon itself was started with, a careless shell's files say, would reach every tool. It opens none such itself.
        close_fds::set_fds_cloexec(3, &[]);
        Ok(Self { exe, scratch: run_dir.join(SCRATCH), copies: run_dir.join(COPIES), run_dir, ready: None })
    }

    /// Keeps a pair of helpers ready for the next job for a minute after each one: a job then waits for one program to start
    /// instead of three. They hold no secret and have no network; two processes more while they wait.
    ///
    /// # Errors
    /// When the directory of their lock files cannot be made or emptied.
    pub fn with_helpers_ready(self) -> io::Result<Self> {
        let ready = Ready::open(self.exe.clone(), self.run_dir.join(READY))?;
        Ok(Self { ready: Some(ready), ..self })
    }

    /// Runs a job to the end of all its processes, or kills them when `stop` returns. Each scope runs once.
    ///
    /// # Cancel safety
    /// Dropping the future ends the lifeline: everything is killed within milliseconds, and [`Sandbox::leftovers`] tells when
    /// that is done. Whether the tool had an effect is then unknown.
    pub async fn run(&self, scope: &Scope, job: &Job, stop: impl Future<Output = ()>) -> Finished {
        match self.start(scope, job).await {
            Ok(live) => {
                let finished = live.finish(self, scope, job, stop).await;
                if let Some(ready) = &self.ready {
                    ready.prepare();
                }
                finished
            }
            Err(refusal) => {
                self.close(scope);
                Finished::never(refusal)
            }
        }
    }

    /// Whether processes of an attempt live; [`Leftover::Dead`] also closes the attempt, so that none can start later.
    ///
    /// # Errors
    /// When the lock file cannot be examined; then nothing is proven.
    pub fn leftovers(&self, scope: &Scope) -> io::Result<Leftover> {
        scope.settle(&self.run_dir)
    }

    /// Kills what lives of an attempt, waits up to some seconds for its end, and answers as [`Sandbox::leftovers`]. Blocking.
    ///
    /// # Errors
    /// When a process can be neither examined nor killed.
    pub fn kill(&self, scope: &Scope) -> io::Result<Leftover> {
        scope.kill(&self.run_dir)
    }

    async fn start(&self, scope: &Scope, job: &Job) -> Result<Live, Refusal> {
        let message = wire::encode(job, self.scratch.clone(), self.copies.clone())?;
        let waiting = match &self.ready {
            Some(ready) if !job.network => ready.take(scope, &self.run_dir).await,
            Some(_) | None => None,
        };
        if let Some(pair) = waiting {
            return Ok(Live { pair, message });
        }
        let begun = scope.begin(&self.run_dir);
        begun.map_err(|error| Refusal::of_file("begin the attempt", &error, NEXT_HELPER))?;
        let pair = Pair::start(&self.exe, &scope.file(&self.run_dir), job.network)?;
        Ok(Live { pair, message })
    }

    /// Closes an attempt whose processes are known or believed to be dead; whether it is so is in the answer.
    fn close(&self, scope: &Scope) -> bool {
        match scope.settle(&self.run_dir) {
            Ok(leftover) => leftover == Leftover::Dead,
            Err(error) => {
                tracing::warn!(%error, ?scope, "the lock of a sandbox could not be examined");
                false
            }
        }
    }
}

/// A pair of helpers, and the job that it gets.
struct Live {
    pair: Pair,
    message: Zeroizing<Vec<u8>>,
}

impl Live {
    async fn finish(mut self, sandbox: &Sandbox, scope: &Scope, job: &Job, stop: impl Future<Output = ()>) -> Finished {
        let (mut stdout, mut stderr, mut reports) = (Captured::default(), Captured::default(), Vec::new());
        let (out, err) = (self.pair.child.stdout.take(), self.pair.child.stderr.take());
        // Dropping `lifeline` shuts the socket's way down, which ends the sandbox; the way up stays for its last words.
        let (mut from, mut lifeline) = self.pair.control.into_split();
        let work = async {
            let send = async {
                // A helper that refuses does not read on; what it has to say comes in the reports.
                let _ = lifeline.write_all(&self.message).await;
                Ok(())
            };
            tokio::try_join!(
                send,
                read_reports(&mut from, &mut reports),
                drain(out, job.limits.stdout_bytes, &mut stdout),
                drain(err, job.limits.stderr_bytes, &mut stderr),
            )
        };
        let cut = tokio::select! {
            biased;
            done = work => match done {
                Ok(_) => None,
                Err(Stopped::Overrun) => Some(Outcome::OutputLimit),
                Err(Stopped::Io(error)) => {
                    tracing::warn!(%error, ?scope, "reading from a sandbox failed");
                    Some(Outcome::Lost)
                }
            },
            () = stop => Some(Outcome::Stopped),
            () = tokio::time::sleep(job.limits.wall) => Some(Outcome::TimedOut),
        };
        drop(lifeline);
        let last_words = async {
            let _ = read_reports(&mut from, &mut reports).await;
            self.pair.child.wait().await
        };
        let ended = matches!(tokio::time::timeout(END_GRACE, last_words).await, Ok(Ok(_)));
        let dead = (ended && sandbox.close(scope)) || force(sandbox, scope).await;
        let outcome = judge(&reports, cut, dead);
        Finished { outcome, stdout, stderr }
    }
}

/// Reads what the helpers report until both are gone.
async fn read_reports(from: &mut OwnedReadHalf, into: &mut Vec<u8>) -> Result<(), Stopped> {
    let kept = u64::try_from(into.len()).unwrap_or(u64::MAX);
    match from.take(REPORT_BYTES_MAX.saturating_sub(kept)).read_to_end(into).await {
        // A helper that ends with unread bytes resets the socket; that is an end too.
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
        Err(error) => Err(Stopped::Io(error)),
    }
}

/// Kills without cooperation, off the runtime's threads. Answers whether everything is proven dead.
async fn force(sandbox: &Sandbox, scope: &Scope) -> bool {
    let (scope, run_dir) = (scope.clone(), sandbox.run_dir.clone());
    let killed = tokio::task::spawn_blocking(move || scope.kill(&run_dir)).await;
    matches!(killed, Ok(Ok(Leftover::Dead)))
}

fn judge(reports: &[u8], cut: Option<Outcome>, dead: bool) -> Outcome {
    let reports = reports.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Report>(line).ok());
    let reports = reports.collect::<Vec<_>>();
    match (reports.last(), cut) {
        (Some(Report::Refused(refusal)), _) => Outcome::NeverStarted(refusal.clone()),
        (Some(Report::Changed(path)), _) => Outcome::Changed(path.clone()),
        // The line is written before the tool is started, so without it, and with everything dead, it never was.
        (None | Some(Report::Ready), _) if dead => Outcome::NeverStarted(Refusal::new(
            "start the sandbox",
            "its helper ended, or was ended at the time limit, before the tool was started",
            "look for out-of-memory kills on the host, or allow the tool more time",
        )),
        (_, Some(cut)) if dead => cut,
        (Some(Report::Exited(code)), None) => Outcome::Exited { code: *code },
        (Some(Report::Signaled(signal)), None) => Outcome::Killed { signal: *signal },
        (Some(Report::ProcessLimit), None) => Outcome::ProcessLimit,
        (Some(_) | None, _) => Outcome::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reports: &str, cut: Option<Outcome>, dead: bool, want: &Outcome) {
        assert_eq!(&judge(reports.as_bytes(), cut, dead), want, "{reports:?}");
    }

    #[test]
    fn never_started_is_only_said_when_it_is_known() {
        let never = judge(b"", None, true);
        assert!(matches!(never, Outcome::NeverStarted(_)));
        check("", Some(Outcome::TimedOut), true, &never);
        check("", None, false, &Outcome::Lost);
        check("\"starting\"\n", None, true, &Outcome::Lost);
        check("\"starting\"\n", Some(Outcome::TimedOut), true, &Outcome::TimedOut);
        check("\"starting\"\n", Some(Outcome::TimedOut), false, &Outcome::Lost);
        check("\"starting\"\n{\"exited\":3}\n", None, true, &Outcome::Exited { code: 3 });
        check("{\"changed\":\"/p\"}\n", None, true, &Outcome::Changed("/p".into()));
        check("\"starting\"\n{\"signaled\":9}\n", None, true, &Outcome::Killed { signal: 9 });
        check("\"starting\"\n\"process_limit\"\n", None, true, &Outcome::ProcessLimit);
        check("\"ready\"\n", Some(Outcome::Stopped), true, &never);
        check("\"ready\"\n", None, false, &Outcome::Lost);
        check("garbage\n\"star", None, true, &never);
    }
}
