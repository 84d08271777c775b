//! A person at a terminal, who answers the questions. What is asked stands on stderr.

use std::io::{IsTerminal as _, Write as _};

use inquire::validator::Validation;
use inquire::{Confirm, InquireError, Password, PasswordDisplayMode, Select, Text};
use scalbotics_core::secret::Secret;

use super::Error;
use super::ask::{Answers, Question};

/// Whether somebody is there to be asked.
pub(super) fn is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// A person at the terminal of this process.
#[derive(Debug)]
pub(super) struct Person;

impl Answers for Person {
    fn line(&mut self, question: &Question<'_>) -> Result<String, Error> {
        let fault = question.fault;
        let text = Text::new(question.label).with_help_message(question.help).with_validator(move |text: &str| {
            Ok(fault(text).map_or(Validation::Valid, |fault| Validation::Invalid(fault.into())))
        });
        let text = match question.default {
            Some(default) => text.with_default(default),
            None => text,
        };
        text.prompt().map_err(ended)
    }

    fn choice(&mut self, label: &str, options: &[&str]) -> Result<usize, Error> {
        let select = Select::new(label, options.to_vec()).without_filtering().with_help_message("arrows move, enter takes");
        select.raw_prompt().map(|chosen| chosen.index).map_err(ended)
    }

    fn hidden(&mut self, label: &str, help: &str) -> Result<Secret, Error> {
        let password = Password::new(label).with_help_message(help).with_display_mode(PasswordDisplayMode::Hidden);
        let text = password.without_confirmation().prompt().map_err(ended)?;
        Ok(Secret::new(text.trim().as_bytes().to_vec()))
    }

    fn show(&mut self, text: &str) {
        // A closed stderr shows no question either.
        let _closed = writeln!(std::io::stderr().lock(), "{text}");
    }

    fn yes(&mut self, label: &str) -> Result<bool, Error> {
        Confirm::new(label).with_default(true).prompt().map_err(ended)
    }
}

fn ended(error: InquireError) -> Error {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => Error::Interrupted,
        error
        @ (InquireError::NotTTY | InquireError::InvalidConfiguration(_) | InquireError::IO(_) | InquireError::Custom(_)) => {
            Error::Terminal { source: Box::new(error) }
        }
    }
}
