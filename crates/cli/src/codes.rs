//! Every error code that the command line itself gives. Each has a page in `docs/errors/`; a code is never used for something else.
//!
//! Codes of the daemon arrive with its answers and are shown as they come (`crates/daemon/src/rpc/codes.rs`).

use crate::failure::Exit;

/// An error code of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Code(&'static str);

impl Code {
    /// The code as people and scripts see it.
    pub(crate) const fn name(self) -> &'static str {
        self.0
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: Code = Code($text);)*

        /// All codes.
        #[cfg(test)]
        pub(crate) const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    /// The command line is wrong.
    USAGE "CLI_USAGE";
    /// Something that happens on no sound machine.
    BROKEN "CLI_INTERNAL";
    /// stdout cannot be written.
    STDOUT "CLI_STDOUT";
    /// Neither HOME nor XDG's variables name a directory.
    NO_HOME "CLI_NO_HOME";
    /// `contexts.toml` cannot be used.
    CONTEXTS "CLI_CONTEXTS";
    /// No context is selected, or the selected one does not exist.
    NO_CONTEXT "CLI_NO_CONTEXT";
    /// `--tenant` is not the context's tenant.
    TENANT "CLI_TENANT";
    /// The trust file cannot be used.
    TRUST "CLI_TRUST";
    /// The context's server is no `https://host:port`.
    SERVER "CLI_SERVER";
    /// Nobody of the trust domain answers there.
    UNREACHABLE "CLI_UNREACHABLE";
    /// An answer did not come within the time limit.
    TIMED_OUT "CLI_TIMED_OUT";
    /// The answer is not that of a ScalBotics daemon.
    PROTOCOL "CLI_PROTOCOL";
    /// Logging in failed on this side.
    LOGIN "CLI_LOGIN";
    /// The identity provider of the context cannot be used, or does not answer as one.
    ISSUER "CLI_ISSUER";
    /// A kept token cannot be used, kept or removed.
    TOKEN "CLI_TOKEN";
    /// The keyring of the desktop cannot be used, or still has what was to be forgotten.
    KEYRING "CLI_KEYRING";
    /// A private key cannot be used.
    KEY "CLI_KEY";
    /// The context has no usable approval key.
    NO_APPROVAL_KEY "CLI_NO_APPROVAL_KEY";
    /// An answer to an approval request cannot be signed.
    SIGN "CLI_SIGN";
    /// `scalboticsd` cannot be run.
    NO_DAEMON "CLI_NO_DAEMON";
    /// Man pages cannot be written.
    MAN "CLI_MAN";
    /// The person said no, or nobody was there to ask.
    NOT_CONFIRMED "CLI_NOT_CONFIRMED";
    /// A secret's value did not come.
    NO_VALUE "CLI_NO_VALUE";
    /// The repository of desired state cannot be written, or has it already.
    REPOSITORY "CLI_REPOSITORY";
    /// The task waits for a person.
    WAITING "WAITING";
    /// The task waits until its human has logged in again.
    LOGIN_REQUIRED "LOGIN_REQUIRED";
    /// The task was canceled.
    CANCELED "CANCELED";
    /// The task failed and says no code.
    FAILED "FAILED";
    /// The task was rejected and says no code.
    REJECTED "REJECTED";
    /// The task has no output.
    NO_OUTPUT "NO_OUTPUT";
    /// A check of `doctor` failed.
    DOCTOR "DOCTOR";
    /// The installation is not well.
    DEGRADED "DEGRADED";
    /// The agent was offboarded.
    AGENT_NOT_ACTIVE "AGENT_NOT_ACTIVE";
    /// The newest commit of desired state is refused.
    DESIRED_STATE_REFUSED "DESIRED_STATE_REFUSED";
    /// Evidence cannot be written.
    EVIDENCE "CLI_EVIDENCE";
    /// The audit log or its checkpoint is not sound.
    AUDIT_FAULT "AUDIT_FAULT";
    /// There is no such thing.
    NOT_FOUND "NOT_FOUND";
    /// Policy denies it.
    POLICY_DENIED "POLICY_DENIED";
    /// The daemon wants a token.
    UNAUTHENTICATED "UNAUTHENTICATED";
}

/// The code of a task that waited for a login in vain.
pub(crate) const LOGIN_MISSING: &str = "LOGIN_MISSING";

/// Codes that the daemon gives a task that ended without its goal, and how each shows in the exit code: what was denied is a denial.
pub(crate) const TASK_ENDS: &[(&str, Exit)] = &[
    ("POLICY_DENIED", Exit::Denied),
    ("POLICY_ERROR", Exit::Denied),
    ("APPROVAL_DENIED", Exit::Denied),
    ("AGENT_SUSPENDED", Exit::Denied),
    ("APPROVAL_EXPIRED", Exit::Failed),
    (LOGIN_MISSING, Exit::NotLoggedIn),
    ("TOOL_FAILED", Exit::Failed),
    ("WORKFLOW_FAILED", Exit::Failed),
    ("BUDGET_EXHAUSTED", Exit::Failed),
    ("DEADLINE_EXCEEDED", Exit::Failed),
    ("UNAVAILABLE", Exit::Failed),
    ("MODEL_FAILED", Exit::Failed),
    ("NO_PROGRESS", Exit::Failed),
    ("TURNS_EXHAUSTED", Exit::Failed),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_have_a_page() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), ALL.len());
        let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        for name in names.into_iter().chain(TASK_ENDS.iter().map(|(name, _)| *name)) {
            let page = std::fs::read_to_string(pages.join(format!("{name}.md"))).expect(name);
            assert_eq!(page.lines().next(), Some(format!("# {name}").as_str()));
            assert!(page.contains("\n## Why\n") && page.contains("\n## What to do\n"), "{name}");
        }
    }
}
