//! How long payloads are kept, by class.

use super::Class;
use crate::time::Span;

/// How long payloads are kept after their task ended; `None` keeps them until somebody erases them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// Goals, inputs and tokens.
    pub goals: Option<Span>,
    /// Arguments, and decisions about calls.
    pub arguments: Option<Span>,
    /// Results, outputs and failures.
    pub results: Option<Span>,
    /// Reasons that people gave.
    pub reasons: Option<Span>,
    /// Questions to models.
    pub prompts: Option<Span>,
    /// Decisions about calls of the API; these count from the call.
    pub decisions: Option<Span>,
}

impl Keep {
    /// How long payloads of a class are kept: what repeats other matter goes with the first of it.
    #[must_use]
    pub fn of(&self, class: Class) -> Option<Span> {
        let least = |spans: &[Option<Span>]| spans.iter().flatten().copied().min();
        match class {
            Class::Goals => self.goals,
            Class::Arguments => self.arguments,
            Class::Results => self.results,
            Class::Reasons => self.reasons,
            Class::Decisions => self.decisions,
            Class::Prompts => least(&[self.prompts, self.goals, self.arguments, self.results]),
            Class::Answers => least(&[self.results, self.arguments]),
            Class::Statements => least(&[self.reasons, self.arguments]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_other_matter_is_kept_no_longer_than_that() {
        let days = |days: u64| Some(Span::from_ms(days * 86_400_000));
        let keep = Keep { goals: days(30), results: days(10), reasons: days(400), prompts: days(90), ..Keep::default() };
        for (class, wanted) in [
            (Class::Goals, days(30)),
            (Class::Arguments, None),
            (Class::Results, days(10)),
            (Class::Prompts, days(10)),
            (Class::Answers, days(10)),
            (Class::Statements, days(400)),
            (Class::Decisions, None),
        ] {
            assert_eq!(keep.of(class), wanted, "{class:?}");
        }
    }
}
