//! What was checked, step by step.

use crate::Refusal;

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It holds; the words say what.
    Ok(String),
    /// It does not hold.
    Refused(Refusal),
    /// It could not be checked; the words say why.
    NotChecked(String),
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// What it came to.
    pub outcome: Outcome,
}

/// All steps, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The steps.
    pub steps: Vec<Step>,
}

/// What a step found that holds, and what of it could not be checked.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) said: String,
    pub(crate) not_checked: Vec<String>,
}

impl Found {
    pub(crate) fn new(said: impl Into<String>) -> Self {
        Self { said: said.into(), not_checked: Vec::new() }
    }
}

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, found: Result<Found, Refusal>) {
        let mut step = |outcome| self.steps.push(Step { name, outcome });
        match found {
            Ok(Found { said, not_checked }) => {
                if !said.is_empty() {
                    step(Outcome::Ok(said));
                }
                not_checked.into_iter().for_each(|why| step(Outcome::NotChecked(why)));
            }
            Err(refusal) => step(Outcome::Refused(refusal)),
        }
    }

    /// The first refusal; none means that the evidence holds.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.steps.iter().find_map(|step| match &step.outcome {
            Outcome::Refused(refusal) => Some(refusal),
            Outcome::Ok(_) | Outcome::NotChecked(_) => None,
        })
    }

    /// The report for people: a line a step, and the verdict.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            let (mark, said) = match &step.outcome {
                Outcome::Ok(said) => ("ok", said.clone()),
                Outcome::Refused(refusal) => ("REFUSED", refusal.to_string()),
                Outcome::NotChecked(why) => ("not checked", why.clone()),
            };
            text.push_str(&format!("{mark:<12} {:<13} {}\n", step.name, printable(&said)));
        }
        let verdict = if self.refusal().is_some() { "REFUSED" } else { "verified" };
        text.push_str(verdict);
        text.push('\n');
        text
    }

    /// The report for programs: one JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let step = |step: &Step| {
            let name = quoted(step.name);
            match &step.outcome {
                Outcome::Ok(said) => format!(r#"{{"outcome":"ok","said":{},"step":{name}}}"#, quoted(said)),
                Outcome::NotChecked(why) => format!(r#"{{"outcome":"not_checked","step":{name},"why":{}}}"#, quoted(why)),
                Outcome::Refused(Refusal { reason, place, what }) => format!(
                    r#"{{"outcome":"refused","place":{},"reason":{},"step":{name},"what":{}}}"#,
                    quoted(place),
                    quoted(reason),
                    quoted(what)
                ),
            }
        };
        let steps: Vec<String> = self.steps.iter().map(step).collect();
        format!(r#"{{"steps":[{}],"verified":{}}}"#, steps.join(","), self.refusal().is_none())
    }
}

/// A stranger's text without what a terminal would act on.
fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_debug().collect::<Vec<_>>() } else { vec![c] }).collect()
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
