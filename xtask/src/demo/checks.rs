//! What was promised and looked at.

use std::process::ExitCode;

use crate::say;

/// Promises, each with what became of it.
#[derive(Debug, Default)]
pub(super) struct Checks(Vec<(String, Outcome)>);

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Kept,
    Broken,
    NotMade,
}

impl Checks {
    /// Notes whether a promise was kept.
    pub(super) fn that(&mut self, promise: &str, kept: bool) {
        let outcome = if kept { Outcome::Kept } else { Outcome::Broken };
        if !kept {
            say::line(&format!("    NOT AS PROMISED: {promise}"));
        }
        self.0.push((promise.to_owned(), outcome));
    }

    /// Notes a promise that was not kept.
    pub(super) fn failed(&mut self, promise: &str) {
        self.that(promise, false);
    }

    /// Notes a promise that nobody looked at.
    pub(super) fn not_made(&mut self, promise: &str) {
        self.0.push((promise.to_owned(), Outcome::NotMade));
    }

    /// How many promises were kept, were broken, and were not looked at.
    fn counts(&self) -> (usize, usize, usize) {
        let count = |outcome: &Outcome| self.0.iter().filter(|(_, is)| is == outcome).count();
        (count(&Outcome::Kept), count(&Outcome::Broken), count(&Outcome::NotMade))
    }

    /// The last line.
    pub(super) fn verdict(&self) -> String {
        let (kept, broken, not_made) = self.counts();
        format!("demo: {kept} checks held, {broken} failed, {not_made} not run")
    }

    /// Prints those that were not kept, or all of them; a failure if one was broken, if nothing was looked at, or if `all` have to be
    /// and one was not.
    pub(super) fn summary(&self, all: bool) -> ExitCode {
        say::line("");
        for (promise, outcome) in self.0.iter().filter(|(_, outcome)| all || *outcome != Outcome::Kept) {
            let word = match outcome {
                Outcome::Kept => "ok     ",
                Outcome::Broken => "FAILED ",
                Outcome::NotMade => "not run",
            };
            say::line(&format!("  {word} {promise}"));
        }
        say::line(&self.verdict());
        let (kept, broken, not_made) = self.counts();
        let is_good = broken == 0 && kept > 0 && (not_made == 0 || !all);
        if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use super::Checks;

    #[test]
    fn only_kept_promises_are_a_success() {
        let said = |checks: &Checks, all| format!("{:?}", checks.summary(all));
        let (good, bad) = (format!("{:?}", ExitCode::SUCCESS), format!("{:?}", ExitCode::FAILURE));
        let mut checks = Checks::default();
        assert_eq!(said(&checks, false), bad);
        checks.not_made("a");
        assert_eq!(said(&checks, false), bad);
        checks.that("b", true);
        assert_eq!((said(&checks, false), said(&checks, true)), (good, bad.clone()));
        checks.failed("c");
        assert_eq!(said(&checks, false), bad);
    }
}
