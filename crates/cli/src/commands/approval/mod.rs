//! `approval`: what a person is asked, and the signed answer.

mod answer;
mod enroll;
mod show;
mod verb;

pub(crate) use verb::{Verb, run};
