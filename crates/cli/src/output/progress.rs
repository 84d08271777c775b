//! A line on stderr while an answer takes longer than a second; on a terminal only, and gone before anything else is printed.

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long nothing is said: a person does not wonder yet.
const SILENCE: Duration = Duration::from_secs(1);

/// Time between two changes of the line.
const TICK: Duration = Duration::from_secs(1);

/// Whether the line stands on the terminal.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Runs `work`; says every second that it is still being waited for, if `wanted` and stderr is a terminal.
pub(crate) async fn while_waiting<T>(wanted: bool, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    if !wanted || !std::io::stderr().is_terminal() {
        return work.await;
    }
    let mut seconds = SILENCE.as_secs();
    let mut pause = SILENCE;
    loop {
        tokio::select! {
            biased;
            done = &mut work => {
                clear();
                return done;
            }
            () = tokio::time::sleep(pause) => {}
        }
        show(seconds);
        pause = TICK;
        seconds = seconds.saturating_add(TICK.as_secs());
    }
}

fn show(seconds: u64) {
    let mut stderr = std::io::stderr().lock();
    let _closed_stderr = write!(stderr, "\rwaiting for the daemon, {seconds} s").and_then(|()| stderr.flush());
    SHOWN.store(true, Ordering::Relaxed);
}

/// Takes the line away.
pub(crate) fn clear() {
    if SHOWN.swap(false, Ordering::Relaxed) {
        let mut stderr = std::io::stderr().lock();
        let _closed_stderr = write!(stderr, "\r\u{1b}[2K").and_then(|()| stderr.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn the_answer_comes_through_and_no_line_stays() {
        for wanted in [false, true] {
            let work = async {
                tokio::time::sleep(Duration::from_secs(5)).await;
                7
            };
            assert_eq!(while_waiting(wanted, work).await, 7);
            assert!(!SHOWN.load(Ordering::Relaxed));
        }
    }
}
