//! What `--wait` waits for.

use clap::{Args, ValueEnum};
use scalbotics_proto::v1::TaskStatus;

/// Until when a task is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Until {
    /// It has ended, in whatever way.
    #[value(aliases = ["true", "1"])]
    Ended,
    /// It is being worked on.
    Working,
    /// It waits for a person.
    InputRequired,
    /// It waits until its human has logged in again.
    AuthRequired,
    /// It reached its goal.
    Completed,
    /// It ended without reaching it.
    Failed,
    /// It was ended by request.
    Canceled,
}

impl Until {
    /// Whether a task in this status is what was waited for, before it has ended.
    pub(super) const fn is_met_by(self, status: TaskStatus) -> bool {
        matches!(
            (self, status),
            (Self::Working, TaskStatus::Working)
                | (Self::InputRequired, TaskStatus::InputRequired)
                | (Self::AuthRequired, TaskStatus::AuthRequired)
                | (Self::Completed, TaskStatus::Completed)
                | (Self::Failed, TaskStatus::Failed)
                | (Self::Canceled, TaskStatus::Canceled)
        )
    }

    /// As it is written.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ended => "ENDED",
            Self::Working => "WORKING",
            Self::InputRequired => "INPUT_REQUIRED",
            Self::AuthRequired => "AUTH_REQUIRED",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
        }
    }
}

/// `--wait[=STATE]`
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WaitArgs {
    /// Follow on while it waits for a person: to its end, or until it is WORKING, `INPUT_REQUIRED`, `AUTH_REQUIRED`, COMPLETED, FAILED or CANCELED;
    /// --timeout says how long. A wait for a login ends it with exit code 4.
    #[arg(
        long,
        value_name = "STATE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "ENDED",
        ignore_case = true,
        value_enum,
        hide_possible_values = true
    )]
    pub(super) wait: Option<Until>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_met_by_themselves() {
        for until in Until::value_variants() {
            let met = (0..=8).filter_map(|n| TaskStatus::try_from(n).ok()).filter(|status| until.is_met_by(*status));
            let met: Vec<&str> = met.map(|status| status.as_str_name().trim_start_matches("TASK_STATUS_")).collect();
            let wanted = [until.word()];
            assert_eq!(met, if *until == Until::Ended { &[][..] } else { &wanted });
            assert_eq!(Until::from_str(&until.word().to_lowercase(), true).unwrap(), *until);
        }
    }
}
