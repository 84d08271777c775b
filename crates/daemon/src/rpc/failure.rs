//! What a call fails with, in words for the caller: a code, what, why, and the next step. [`super::status`] gives it a gRPC code.

use std::time::Duration;

use super::codes::{self, Code};

/// A failed call; boxed, since it travels in every result and is rare.
#[derive(Debug, Clone)]
pub struct Failure(Box<Parts>);

/// The parts of a failure.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The code.
    pub code: Code,
    /// What was attempted on what.
    pub what: String,
    /// Why it failed.
    pub why: String,
    /// The next step; a command where there is one.
    pub next: String,
    /// The decision behind a denial.
    pub decision: Option<String>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure with its code's meaning for a reason, and its code's page for the next step.
    #[must_use]
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            what: what.into(),
            why: code.meaning().to_owned(),
            next: format!("read the page errors/{} of the documentation", code.name()),
            decision: None,
            retry_after: None,
        }))
    }

    /// The same with a reason of its own.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.0.why = why.into();
        self
    }

    /// The same with the next step.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.0.next = next.into();
        self
    }

    /// The same with the decision behind it.
    #[must_use]
    pub fn decision(mut self, decision: impl Into<String>) -> Self {
        self.0.decision = Some(decision.into());
        self
    }

    /// The same with the time after which trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// A field of the request that is refused.
    #[must_use]
    pub fn invalid(field: &str, why: impl Into<String>) -> Self {
        Self::new(codes::INVALID_ARGUMENT, format!("`{field}` is refused"))
            .why(why)
            .next(format!("correct `{field}` and call again"))
    }

    /// An object that is absent or foreign: one text for both.
    #[must_use]
    pub fn not_found(name: &str) -> Self {
        let name: String = name.chars().take(200).collect();
        let next = what_there_is(&name);
        Self::new(codes::NOT_FOUND, format!("`{name}` does not exist")).next(next)
    }

    /// A fault of the daemon; what is wrong is logged, not said.
    #[must_use]
    pub fn internal(what: &'static str, error: &dyn std::fmt::Display) -> Self {
        tracing::error!(what, %error, "internal fault");
        Self::new(codes::INTERNAL, "the daemon could not do it").next("scalbotics doctor")
    }

    /// The parts.
    #[must_use]
    pub const fn parts(&self) -> &Parts {
        &self.0
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.0.code
    }
}

/// The command that shows which objects of a name's collection there are; it depends on nothing but the name's form, so that a
/// foreign object looks like an absent one.
fn what_there_is(name: &str) -> &'static str {
    match name.split('/').nth(2) {
        Some("agents") => "scalbotics agent list",
        Some("approvals") => "scalbotics approval list",
        Some("decisions") => "scalbotics audit tail",
        Some("holds") => "scalbotics admin hold list",
        Some("humans") => "scalbotics human list",
        Some("services") => "scalbotics service list",
        Some("teams") => "scalbotics team list",
        Some("secrets") => "scalbotics secret list",
        Some("tasks") => "scalbotics task list",
        Some("tools") => "scalbotics tool list",
        Some(_) | None => "scalbotics whoami",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_next_step() {
        for code in codes::ALL {
            assert!(!Failure::new(*code, "x").parts().next.is_empty(), "{}", code.name());
        }
        for (name, next) in [
            ("tenants/acme/agents/ghost", "scalbotics agent list"),
            ("tenants/other/tools/ghost", "scalbotics tool list"),
            ("tenants/other", "scalbotics whoami"),
            ("", "scalbotics whoami"),
        ] {
            assert_eq!(Failure::not_found(name).parts().next, next, "{name}");
        }
    }
}
