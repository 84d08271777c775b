//! What workers say.

use scalbotics_core::worker::{CallWarrant, Cut, End};
use scalbotics_proto::v1;
use scalbotics_proto::v1::ended::How;
use scalbotics_proto::v1::report::Became;
use scalbotics_runtime::worker::{Ended, Key, Word};

use crate::rpc::failure::Failure;

/// The attempt that a warrant is for.
pub(in crate::rpc) const fn key_of(warrant: &CallWarrant) -> Key {
    Key { effect: warrant.effect, attempt: warrant.attempt }
}

/// The name of an attempt.
pub(in crate::rpc) fn attempt_name(key: &Key) -> v1::AttemptName {
    v1::AttemptName { effect: key.effect.to_string(), attempt: key.attempt }
}

/// A report.
pub(in crate::rpc) fn report(report: v1::Report) -> Result<(Key, Word), Failure> {
    let name = report.attempt.ok_or_else(|| Failure::invalid("report.attempt", "it is missing"))?;
    let effect = name.effect.parse();
    let effect =
        effect.map_err(|error: scalbotics_core::ids::Error| Failure::invalid("report.attempt.effect", error.to_string()))?;
    let word = match report.became {
        Some(Became::NotBegun(reason)) => Word::NotBegun { reason },
        Some(Became::Unknown(v1::Unknown {})) => Word::Unknown,
        Some(Became::Ended(ended)) => Word::Ended(end(ended)?),
        None => return Err(Failure::invalid("report", "it says nothing")),
    };
    Ok((Key { effect, attempt: name.attempt }, word))
}

fn end(ended: v1::Ended) -> Result<Ended, Failure> {
    let how = match ended.how {
        Some(How::Exited(code)) => End::Exited(code),
        Some(How::Killed(signal)) => End::Killed(signal),
        Some(How::Cut(word)) => {
            let refused = || Failure::invalid("report.ended.cut", "it is not `timed_out`, `stopped` or `endless`");
            End::Cut(Cut::of(&word).ok_or_else(refused)?)
        }
        None => return Err(Failure::invalid("report.ended", "it says nothing")),
    };
    Ok(Ended { how, stdout: ended.stdout, total: ended.stdout_bytes, stderr: ended.stderr })
}
