//! Destructive verbs ask for the name of what they destroy; `--yes` answers, and without a terminal nobody is asked.

use std::io::{BufRead, IsTerminal as _, Write as _};

use super::escape;
use crate::codes;
use crate::failure::{Exit, Failure};

/// Longest line that is read from the person, in bytes; names are shorter.
const LINE_LEN_MAX: u64 = 1_024;

/// Whether a person is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Confirm {
    /// `--yes`: the answer is given.
    pub(crate) yes: bool,
    /// `--no-input`: nobody is asked.
    pub(crate) no_input: bool,
}

impl Confirm {
    /// Shows the plan and asks for `name`, unless the answer is given already.
    pub(crate) fn ask(self, plan: &str, name: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if self.no_input || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return Err(Failure::new(Exit::Usage, codes::NOT_CONFIRMED, format!("not confirmed: {plan}"))
                .why("there is nobody to ask, so the answer must be a flag")
                .next("run it again with --yes"));
        }
        let mut stderr = anstream::stderr().lock();
        let asked = write!(stderr, "{}\ntype {} to go on: ", escape(plan), escape(name)).and_then(|()| stderr.flush());
        asked.map_err(|error| Failure::internal("the question cannot be asked", &error))?;
        answered(&mut std::io::stdin().lock(), plan, name)
    }
}

fn answered(input: &mut impl BufRead, plan: &str, name: &str) -> Result<(), Failure> {
    let mut line = String::new();
    let read = std::io::Read::take(input, LINE_LEN_MAX).read_line(&mut line);
    if read.is_ok() && line.trim() == name {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, codes::NOT_CONFIRMED, format!("not confirmed: {plan}"))
        .why("another text than the name was typed; nothing was changed")
        .next("run it again and type the name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_confirms() {
        for (typed, wanted) in [("old\n", true), ("old", true), ("\n", false), ("y\n", false), ("older\n", false), ("", false)] {
            assert_eq!(answered(&mut typed.as_bytes(), "x", "old").is_ok(), wanted, "{typed:?}");
        }
    }

    #[test]
    fn without_a_person_a_flag_is_needed() {
        assert!(Confirm { yes: true, no_input: true }.ask("x", "old").is_ok());
        let failure = Confirm { yes: false, no_input: true }.ask("x", "old").unwrap_err();
        assert_eq!((failure.exit, failure.code.as_str()), (Exit::Usage, "CLI_NOT_CONFIRMED"));
    }
}
