//! One thing that a rule has to say.

use std::fmt;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Printed; the run passes.
    Warning,
    /// Printed; the run fails.
    Failure,
}

/// A place and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Path from the root of the repository, with `/`.
    pub(crate) path: String,
    /// Line from 1; 0 when the finding is about the whole file.
    pub(crate) line: usize,
    /// One lowercase sentence: what is wrong and what to do.
    pub(crate) message: String,
    /// Failure or warning.
    pub(crate) weight: Weight,
}

impl Finding {
    /// A finding that fails the run.
    pub(crate) fn failure(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into(), weight: Weight::Failure }
    }

    /// A finding that is only printed.
    pub(crate) fn warning(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, ..Self::failure(path, line, message) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.weight {
            Weight::Warning => "warning: ",
            Weight::Failure => "",
        };
        if self.line == 0 {
            write!(f, "{}: {mark}{}", self.path, self.message)
        } else {
            write!(f, "{}:{}: {mark}{}", self.path, self.line, self.message)
        }
    }
}
