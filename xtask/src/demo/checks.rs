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

    /// Prints all of them; a failure if one was broken, or if there are none.
    pub(super) fn summary(&self) -> ExitCode {
        say::line("\nChecked:");
        for (promise, outcome) in &self.0 {
            let word = match outcome {
                Outcome::Kept => "ok     ",
                Outcome::Broken => "FAILED ",
                Outcome::NotMade => "not run",
            };
            say::line(&format!("  {word} {promise}"));
        }
        let count = |outcome: &Outcome| self.0.iter().filter(|(_, is)| is == outcome).count();
        let (kept, broken) = (count(&Outcome::Kept), count(&Outcome::Broken));
        say::line(&format!("demo: {kept} checks held, {broken} failed"));
        if broken == 0 && kept > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use super::Checks;

    #[test]
    fn only_kept_promises_are_a_success() {
        let said = |checks: &Checks| format!("{:?}", checks.summary());
        let (good, bad) = (format!("{:?}", ExitCode::SUCCESS), format!("{:?}", ExitCode::FAILURE));
        let mut checks = Checks::default();
        assert_eq!(said(&checks), bad);
        checks.not_made("a");
        assert_eq!(said(&checks), bad);
        checks.that("b", true);
        assert_eq!(said(&checks), good);
        checks.failed("c");
        assert_eq!(said(&checks), bad);
    }
}
