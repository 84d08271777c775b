//! `approval`: what a person is asked, and the signed answer.

mod answer;
mod enroll;
mod list;
mod show;
mod verb;

pub(crate) use verb::{Verb, run};
