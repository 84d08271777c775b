//! How a program of a worker ended, as the worker says it and the daemon hears it.

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal.
    Killed(i32),
    /// By the worker, which says why.
    Cut(Cut),
}

/// Why a worker ended a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Its time was over.
    TimedOut,
    /// It was told to stop.
    Stopped,
    /// It wrote more than it may.
    Endless,
}

impl Cut {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::TimedOut, Self::Stopped, Self::Endless];

    /// Its word on the wire and in what a worker prints.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::TimedOut => "timed_out",
            Self::Stopped => "stopped",
            Self::Endless => "endless",
        }
    }

    /// The one of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cut| cut.word() == word)
    }
}
