//! From one standing to another.

use scalbotics_core::agent::Standing;

use crate::identity::Event;

/// What an administrator does to somebody's standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// May not act until resumed.
    Suspend,
    /// May act again; what was void stays void.
    Resume,
    /// Never acts again, and the name is never used again.
    Offboard,
}

/// What becomes of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    /// They are so already.
    Same,
    /// They were offboarded, and stay so.
    Gone,
    /// This is their standing and epoch from now on.
    To(Standing, u64),
}

impl Move {
    /// Where it leads from a standing and epoch: what takes rights away raises the epoch.
    pub(super) const fn from(self, standing: Standing, epoch: u64) -> Moved {
        match (self, standing) {
            (Self::Suspend, Standing::Suspended) | (Self::Resume, Standing::Active) | (Self::Offboard, Standing::Offboarded) => {
                Moved::Same
            }
            (Self::Suspend | Self::Resume, Standing::Offboarded) => Moved::Gone,
            (Self::Suspend, Standing::Active) => Moved::To(Standing::Suspended, epoch.saturating_add(1)),
            (Self::Resume, Standing::Suspended) => Moved::To(Standing::Active, epoch),
            (Self::Offboard, Standing::Active | Standing::Suspended) => Moved::To(Standing::Offboarded, epoch.saturating_add(1)),
        }
    }

    /// What has happened by it.
    pub(super) const fn event(self) -> Event {
        match self {
            Self::Suspend => Event::Suspended,
            Self::Resume => Event::Resumed,
            Self::Offboard => Event::Offboarded,
        }
    }

    /// The action on a human.
    pub(super) const fn of_human(self) -> &'static str {
        match self {
            Self::Suspend => "human.suspend",
            Self::Resume => "human.resume",
            Self::Offboard => "human.offboard",
        }
    }

    /// The action on a service.
    pub(super) const fn of_service(self) -> &'static str {
        match self {
            Self::Suspend => "service.suspend",
            Self::Resume => "service.resume",
            Self::Offboard => "service.offboard",
        }
    }

    /// The action on an agent.
    pub(super) const fn of_agent(self) -> &'static str {
        match self {
            Self::Suspend => "agent.suspend",
            Self::Resume => "agent.resume",
            Self::Offboard => "agent.offboard",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sem_4_3_what_takes_away_raises_the_epoch_and_nobody_comes_back() {
        use Standing::{Active, Offboarded, Suspended};
        for (step, from, wanted) in [
            (Move::Suspend, Active, Moved::To(Suspended, 8)),
            (Move::Suspend, Suspended, Moved::Same),
            (Move::Suspend, Offboarded, Moved::Gone),
            (Move::Resume, Active, Moved::Same),
            (Move::Resume, Suspended, Moved::To(Active, 7)),
            (Move::Resume, Offboarded, Moved::Gone),
            (Move::Offboard, Active, Moved::To(Offboarded, 8)),
            (Move::Offboard, Suspended, Moved::To(Offboarded, 8)),
            (Move::Offboard, Offboarded, Moved::Same),
        ] {
            assert_eq!(step.from(from, 7), wanted, "{step:?} {from:?}");
        }
    }
}
