//! What a worker says became of an attempt, and what that means.

use scalbotics_core::tool::{Definition, EffectClass, NotDone, Outcome, Verification, said};
use scalbotics_core::worker::{Cut, End};

/// What a worker says of an attempt.
#[derive(Clone, PartialEq, Eq)]
pub enum Word {
    /// It did not begin, and never will.
    NotBegun {
        /// Why.
        reason: String,
    },
    /// It ended.
    Ended(Ended),
    /// Nobody knows: another process attends, or nobody answers.
    Unknown,
}

/// How a program of a worker ended.
#[derive(Clone, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub how: End,
    /// The head of standard output.
    pub stdout: Vec<u8>,
    /// Bytes of standard output in all, as far as they were read.
    pub total: u64,
    /// The head of standard error.
    pub stderr: Vec<u8>,
}

impl std::fmt::Debug for Word {
    /// Prints the kind and sizes, never the bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotBegun { .. } => f.write_str("NotBegun"),
            Self::Ended(ended) => write!(f, "{ended:?}"),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}

impl std::fmt::Debug for Ended {
    /// Prints the kind and sizes, never the bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ended({:?}, {} bytes)", self.how, self.stdout.len())
    }
}

/// What a word means for a call that was to be carried out.
pub(super) fn outcome(tool: &Definition, word: Word) -> Outcome {
    match word {
        Word::NotBegun { reason } => {
            let reason = format!("its worker did not begin it: {}", said(reason.as_bytes()).trim_start_matches("; it said: "));
            Outcome::NeverLeft { reason: NotDone::Unavailable { reason } }
        }
        Word::Unknown => Outcome::Unknown { reason: "its worker was lost".to_owned() },
        Word::Ended(ended) => of_end(tool, held(tool, ended)),
    }
}

/// What a worker may say at most: its own limits are its word, and room for an outcome was kept by the tool's.
fn held(tool: &Definition, mut ended: Ended) -> Ended {
    ended.total = ended.total.max(ended.stdout.len() as u64);
    ended.stdout.truncate(usize::try_from(tool.outcome_len_max()).unwrap_or(usize::MAX));
    ended
}

fn of_end(tool: &Definition, Ended { how, stdout, total, stderr }: Ended) -> Outcome {
    let ended = |what: String| {
        // A tool without an effect has just failed; any other may have had its effect before it was ended.
        let reason = what + &said(&stderr);
        match tool.effect {
            EffectClass::Pure => Outcome::Failed { reason },
            EffectClass::Keyed | EffectClass::Verifiable | EffectClass::Opaque => Outcome::Unknown { reason },
        }
    };
    match how {
        End::Exited(0) => match tool.check_output(&stdout, total) {
            Ok(()) => Outcome::Landed { truncated: total > stdout.len() as u64, output: stdout },
            // It said that it succeeded, so to call this a failure of the effect would be wrong for any but a pure tool.
            Err(reason) => ended(format!("the tool exited with 0, but {reason}")),
        },
        End::Exited(code) => Outcome::Failed { reason: format!("the tool exited with {code}") + &said(&stderr) },
        End::Killed(signal) => ended(format!("the tool was killed by signal {signal}")),
        End::Cut(Cut::TimedOut) => ended("the tool was killed at its time limit".to_owned()),
        End::Cut(Cut::Stopped) => ended("the tool was killed because the task stops".to_owned()),
        End::Cut(Cut::Endless) => ended("the tool was killed because it wrote without end".to_owned()),
    }
}

/// What a word means for a question whether a call landed.
pub(super) fn verification(tool: &Definition, word: Word) -> (Verification, Option<Vec<u8>>) {
    let Word::Ended(ended) = word else { return (Verification::Unknown, None) };
    let Ended { how, stdout, total, .. } = held(tool, ended);
    match how {
        End::Exited(0) => {
            let is_good = !stdout.is_empty() && tool.check_output(&stdout, total).is_ok();
            (Verification::Landed, is_good.then_some(stdout))
        }
        End::Exited(1) => (Verification::NotLanded, None),
        End::Exited(_) | End::Killed(_) | End::Cut(_) => (Verification::Unknown, None),
    }
}
