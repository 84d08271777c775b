//! Scripted answers.

use std::collections::VecDeque;

use clap::Parser;

use super::*;
use crate::setup::initialize::missing;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    flags: Initialize,
}

fn flags(words: &str) -> Initialize {
    Program::parse_from(std::iter::once("initialize").chain(words.split_whitespace())).flags
}

/// Answers in order; an answer with a fault is asked for again, as a terminal does, and without any left the questions end.
struct Script {
    answers: VecDeque<&'static str>,
    asked: Vec<String>,
}

impl Script {
    fn of(answers: &[&'static str]) -> Self {
        Self { answers: answers.iter().copied().collect(), asked: Vec::new() }
    }

    fn next(&mut self, label: &str) -> Result<&'static str, Error> {
        self.asked.push(label.to_owned());
        self.answers.pop_front().ok_or(Error::Interrupted)
    }
}

impl Answers for Script {
    fn line(&mut self, question: &Question<'_>) -> Result<String, Error> {
        loop {
            let said = self.next(question.label)?;
            let said = if said.is_empty() { question.default.unwrap_or_default() } else { said };
            if (question.fault)(said).is_none() {
                return Ok(said.to_owned());
            }
        }
    }

    fn choice(&mut self, label: &str, options: &[&str]) -> Result<usize, Error> {
        let said = self.next(label)?;
        Ok(options.iter().position(|option| option.starts_with(said)).unwrap_or_else(|| panic!("{label}: {said}")))
    }

    fn hidden(&mut self, label: &str, _: &str) -> Result<Secret, Error> {
        self.next(label).map(|said| Secret::new(said.as_bytes().to_vec()))
    }

    fn show(&mut self, text: &str) {
        self.asked.push(text.to_owned());
    }

    fn yes(&mut self, label: &str) -> Result<bool, Error> {
        self.next(label).map(|said| said == "y")
    }
}

#[test]
fn everything_that_is_missing_is_asked_for_and_faults_are_asked_again() {
    let mut script =
        Script::of(&["local", "not a domain!", "acme.example", "a repository", "ann", "ann", "bob", "their", "", "y"]);
    let done = complete(flags(""), &mut script).unwrap();
    assert!(missing(&done).is_empty());
    assert_eq!((done.trust_domain.as_deref(), done.git, done.issuer), (Some("acme.example"), None, None));
    assert_eq!(done.approver.unwrap().as_str(), "bob");
    assert_eq!(done.agent.unwrap().as_str(), "clerk");
    assert!(script.answers.is_empty(), "{:?}", script.asked);
}

#[test]
fn enterprise_asks_for_remote_and_issuer_and_what_was_given_is_not_asked_for() {
    let answers = ["http://git.example/x", "https://git.example/x.git", "GitLab", "glpat-1", "https://id.example", "y"];
    let mut script = Script::of(&answers);
    let given = "--mode enterprise --trust-domain acme.example --admin ann --approver bob --agent runner";
    assert_eq!(missing(&flags(given)), ["--git", "--issuer"]);
    let done = complete(flags(given), &mut script).unwrap();
    assert!(missing(&done).is_empty());
    assert_eq!(done.git.as_deref(), Some("https://git.example/x.git"));
    assert_eq!(done.git_provider.map(Provider::user), Some("oauth2"));
    assert_eq!(done.git_token.unwrap().expose(), b"glpat-1");
    assert_eq!(done.issuer.as_deref(), Some("https://id.example"));
    assert!(script.answers.is_empty(), "{:?}", script.asked);
}

#[test]
fn an_end_at_any_question_is_an_end() {
    let all =
        ["enterprise", "acme.example", "https://git.example/x.git", "other", "t", "ann", "bob", "https://id.example", "", "y"];
    for given in 0..all.len() {
        let error = complete(flags(""), &mut Script::of(&all[..given])).unwrap_err();
        assert!(matches!(error, Error::Interrupted), "{given}: {error}");
        assert_eq!(error.exit(), 130);
    }
    let last = [&all[..all.len() - 1], &["n"]].concat();
    assert!(matches!(complete(flags(""), &mut Script::of(&last)), Err(Error::Interrupted)));
    assert!(complete(flags(""), &mut Script::of(&all)).is_ok());
}
