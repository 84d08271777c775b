//! Errors of the services as their callers may read them. What only an operator may read is logged.

use std::error::Error;

use scalbotics_core::in_words;
use scalbotics_core::ports::{StoreError, VerifyError};
use scalbotics_runtime::task::{Error as TaskError, SubmitError};
use scalbotics_runtime::{ChangeError, DecisionError, approval, evidence, people, secret};

use crate::rpc::authenticate::AFTER_SUSPENSION;
use crate::rpc::codes::{self, Code};
use crate::rpc::failure::Failure;

/// The store's.
pub(in crate::rpc) fn store_failure(error: &StoreError) -> Failure {
    let (code, next) = match error {
        StoreError::Conflict { .. } => (codes::CONFLICT, "try again"),
        StoreError::Revoked { .. } => (codes::AGENT_NOT_ACTIVE, "scalbotics agent list"),
        StoreError::Taken { .. } => (codes::CONFLICT, "choose another name"),
        StoreError::Full => (codes::STORE_FULL, "free space on the daemon's host; it goes on by itself"),
        StoreError::Unwitnessed => (codes::AUDIT_UNWITNESSED, "scalbotics status"),
        StoreError::Quota { .. } => (codes::AUDIT_QUOTA, "try again later, or raise limits.audit_bytes_per_day"),
        StoreError::Closing | StoreError::Superseded => (codes::SHUTTING_DOWN, "try again in a minute"),
        StoreError::Corrupt { .. } => (codes::STORE_CORRUPT, "scalbotics doctor"),
        StoreError::Failed { .. } => (codes::STORE_FAILED, "scalbotics doctor"),
    };
    tracing::warn!(error = in_words(error), "store refused");
    Failure::new(code, error.to_string()).next(next)
}

/// A change's that was not made.
pub(in crate::rpc) fn change_failure(error: &ChangeError) -> Failure {
    match error {
        ChangeError::KeyReused => reused(),
        ChangeError::Note { source } => Failure::internal("note a change", source),
        ChangeError::Store(error) => store_failure(error),
    }
}

/// The people service's; `name` is the human's, service's or agent's as the caller gave it.
pub(in crate::rpc) fn people_failure(error: &people::Error, name: &str) -> Failure {
    use people::Error as Refused;
    let refuse = |code: Code| Failure::new(code, error.to_string());
    match error {
        Refused::NotFound { .. } => Failure::not_found(name),
        Refused::Taken { .. } => refuse(codes::NAME_TAKEN).next("choose another name"),
        Refused::Gone { .. } => refuse(codes::NAME_TAKEN)
            .why("old records and old tokens would count for somebody who is not there any more")
            .next("register them anew under another name"),
        Refused::LastAdmin { .. } => refuse(codes::CONFLICT)
            .why("nobody would be left who may administer the tenant: bind somebody else to `admins` first")
            .next("scalbotics human list"),
        Refused::Enrolment { source, .. } => refuse(codes::ENROLMENT_REFUSED)
            .why(in_words(source))
            .next("have an approver-admin sign it anew: `scalboticsd enroll --help`"),
        Refused::Older { .. } => refuse(codes::ENROLMENT_REFUSED)
            .why("an older one would bring back a key that was replaced, perhaps because it was stolen")
            .next("have an approver-admin sign it anew: `scalboticsd enroll --help`"),
        Refused::Ahead { .. } => refuse(codes::ENROLMENT_REFUSED)
            .why("the clock of the machine that signed is ahead of the daemon's by more than five minutes")
            .next("set the clock, and have it signed anew: `scalboticsd enroll --help`"),
        Refused::TooManyGroups { .. } => refuse(codes::INVALID_ARGUMENT).next("take groups away that are not needed any more"),
        Refused::HumanGroup { .. } => refuse(codes::INVALID_ARGUMENT)
            .why("it is a group of humans, who answer in person for what they decide about others")
            .next("give it a group such as `operators`"),
        Refused::KeyTaken { kind, .. } => {
            let next = if *kind == "service" {
                "make a key pair of its own with `scalbotics service keygen ~/its-own.pem`, and give the file that ends with .pub"
            } else {
                "have them make a key pair of their own with `scalbotics human keygen ~/own.pem`, and give the file that ends with .pub"
            };
            refuse(codes::INVALID_ARGUMENT)
                .why("whoever holds it would go on under one name when they are stopped under the other")
                .next(next)
        }
        Refused::TooMany { kind, .. } => refuse(codes::TOO_MANY)
            .why("rows of those who were offboarded stay, since their names and keys are never used again")
            .next(format!("scalbotics {kind} list")),
        Refused::Unnamed { source } => Failure::internal("make a name", source),
        Refused::Lifetime => refuse(codes::INVALID_ARGUMENT).next("say a shorter time, and renew the grant before its end"),
        Refused::NotSponsor => refuse(codes::INVALID_ARGUMENT).next("ask a human to add it"),
        Refused::Stopped => refuse(codes::PRINCIPAL_SUSPENDED)
            .why("who asks was suspended or offboarded while the call was on its way")
            .next(AFTER_SUSPENSION),
        Refused::Change(error) => change_failure(error),
    }
}

/// The secret service's; `name` is the secret's as the caller gave it.
pub(in crate::rpc) fn secret_failure(error: &secret::Error, name: &str) -> Failure {
    use secret::Error as Refused;
    let refuse = |code: Code| Failure::new(code, error.to_string());
    match error {
        Refused::NotFound { .. } => Failure::not_found(name),
        Refused::Taken { name } => refuse(codes::NAME_TAKEN).next(format!("scalbotics secret rotate {name}")),
        Refused::Raced { .. } => refuse(codes::CONFLICT).next("scalbotics secret list"),
        Refused::TooMany => refuse(codes::TOO_MANY).next("scalbotics secret list"),
        Refused::Length { .. } => refuse(codes::INVALID_ARGUMENT).next("give the value on standard input, 1 to 65536 bytes"),
        Refused::Cipher(source) => Failure::internal("seal a secret", source),
        Refused::Change(error) => change_failure(error),
    }
}

/// A decision's that cannot be read.
pub(in crate::rpc) fn decision_failure(error: &DecisionError) -> Failure {
    match error {
        DecisionError::Store(error) => store_failure(error),
        DecisionError::Cipher(_) | DecisionError::Form { .. } => corrupt(error),
    }
}

/// That of an export of evidence; `name` is the task's as the caller gave it.
pub(in crate::rpc) fn evidence_failure(error: &evidence::Error, name: &str) -> Failure {
    use evidence::Error as Refused;
    match error {
        Refused::NotFound { .. } => Failure::not_found(name),
        Refused::Unnumbered { .. } => Failure::new(codes::EVIDENCE_UNAVAILABLE, error.to_string())
            .why("an older version wrote them, and nobody could see whether one is left out")
            .next("scalbotics audit verify"),
        Refused::TooLong { .. } => {
            Failure::new(codes::EVIDENCE_UNAVAILABLE, error.to_string()).next("take the payloads out: `--without payloads`")
        }
        Refused::Store(error) => store_failure(error),
        Refused::Corrupt { .. } | Refused::Cipher(_) => corrupt(error),
        Refused::Sign(source) => Failure::internal("sign the head of the audit log", source),
    }
}

/// A submission's.
pub(in crate::rpc) fn submit_failure(error: &SubmitError) -> Failure {
    let list = |names: &[scalbotics_core::tenant::Name]| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let refuse = |code: Code| Failure::new(code, error.to_string());
    match error {
        SubmitError::NotSponsor => {
            refuse(codes::INVALID_ARGUMENT).next("submit it as a human, or as a service with a grant that is not over")
        }
        SubmitError::CommitGone { .. } => refuse(codes::TASK_STATE)
            .why("a retry runs under the versions of the first run")
            .next("submit it anew; `scalbotics task run --help` tells how"),
        SubmitError::NothingInForce => refuse(codes::NOTHING_IN_FORCE).next("scalbotics repo status"),
        SubmitError::UnknownAgent { .. } => refuse(codes::NOT_FOUND).next("scalbotics agent list"),
        SubmitError::AgentNotActive { .. } => refuse(codes::AGENT_NOT_ACTIVE).next("scalbotics agent list"),
        SubmitError::UnknownWorkflow { agent, known, .. } => {
            let why = if known.is_empty() { "it has no workflow".to_owned() } else { format!("it has {}", list(known)) };
            refuse(codes::INVALID_ARGUMENT).why(why).next(format!("scalbotics agent show {agent}"))
        }
        SubmitError::NoPath { agent, asked } => {
            let why = if asked.is_empty() {
                "it has no workflow, and no model is configured".to_owned()
            } else {
                format!("none of its workflows matches: {}", list(asked))
            };
            refuse(codes::NO_PATH).why(why).next(format!(
                "name one of the workflows that `scalbotics agent show {agent}` lists by --workflow; or let a model drive it: `model: \
                 {{ route: [ID] }}` in agents/{agent}.yaml and the model in models/ID.yaml, which `scalbotics config schema model` describes"
            ))
        }
        SubmitError::Input { source, workflow } => refuse(codes::INPUT_INVALID)
            .why(in_words(source))
            .next(format!("give what `input` of workflows/{workflow}.yaml in the repository asks for")),
        SubmitError::Foreseen { source, workflow } => refuse(codes::INPUT_INVALID)
            .why(in_words(source))
            .next(format!("give an input that the steps of workflows/{workflow}.yaml in the repository take")),
        SubmitError::TooFewCalls { .. } => refuse(codes::INVALID_ARGUMENT)
            .why("it would stop half way")
            .next("allow more calls: by --max-calls, or in the agent's budget"),
        SubmitError::Stuck { agent, source } => {
            refuse(codes::INVALID_ARGUMENT).why(source.words.clone()).next(format!("scalbotics agent show {agent}"))
        }
        SubmitError::TooFewTokens { .. } => refuse(codes::INVALID_ARGUMENT)
            .why("the most that an answer may take is held before it is asked for")
            .next("allow more tokens: by --max-tokens, or in the agent's budget; or shorten the agent's files"),
        SubmitError::InputForm(source) => refuse(codes::INVALID_ARGUMENT).why(in_words(source)).next("correct the input"),
        SubmitError::ToolNotGranted { agent, .. } => {
            refuse(codes::TOOL_NOT_GRANTED).next(format!("scalbotics agent show {agent}"))
        }
        SubmitError::Envelope(source) => {
            refuse(codes::INVALID_ARGUMENT).why(in_words(source)).next("stay within the limit; longer matter belongs into files")
        }
        SubmitError::KeyReused => reused(),
        SubmitError::Draining => draining(),
        SubmitError::Store(error) => store_failure(error),
        SubmitError::Cipher(source) => Failure::internal("seal a payload", source),
        SubmitError::Rejected(source) => refuse(codes::TASK_STATE).why(in_words(source)).next("scalbotics task list"),
        SubmitError::Corrupt { .. } => corrupt(error),
    }
}

/// An operation's on a task; `name` is the task's as the caller gave it.
pub(in crate::rpc) fn task_failure(error: &TaskError, name: &str) -> Failure {
    let refuse = |code: Code| Failure::new(code, error.to_string());
    match error {
        TaskError::NotFound { .. } => Failure::not_found(name),
        TaskError::Rejected { task, source } => {
            refuse(codes::TASK_STATE).why(in_words(source)).next(format!("scalbotics task show {task}"))
        }
        TaskError::NotRetryable { task, .. } => refuse(codes::TASK_STATE).next(format!("scalbotics task show {task}")),
        TaskError::NoResult { task, .. } => refuse(codes::TASK_STATE).next(format!("scalbotics task show {task}")),
        TaskError::Resubmit { source, .. } => submit_failure(source),
        TaskError::Erased { .. } => refuse(codes::PAYLOAD_ERASED),
        TaskError::Unreadable { .. } => corrupt(error),
        TaskError::TooLong { .. } => refuse(codes::INVALID_ARGUMENT).next("say it in fewer words"),
        TaskError::KeyReused => reused(),
        TaskError::Busy { .. } => refuse(codes::TASK_BUSY).next("try again in a second"),
        TaskError::Draining => draining(),
        TaskError::Store { source, .. } => store_failure(source),
    }
}

/// The approval service's; `name` is the approval's as the caller gave it.
pub(in crate::rpc) fn approval_failure(error: &approval::Error, name: &str) -> Failure {
    use approval::Error as Refused;
    let refuse = |code: Code| Failure::new(code, error.to_string());
    match error {
        Refused::NotFound { .. } => Failure::not_found(name),
        Refused::NotHuman | Refused::NotActive => refuse(codes::PRINCIPAL_SUSPENDED).next("ask an administrator of the tenant"),
        Refused::OwnCall { approval, decision } => refuse(codes::SELF_APPROVAL)
            .why("policy does not permit you `approval.self_approval`")
            .next(format!("ask another person to run `scalbotics approval show {approval}`"))
            .decision(decision.to_string()),
        Refused::Form(source) => refuse(codes::STATEMENT_REFUSED).why(in_words(source)),
        Refused::Shape { .. } | Refused::ReasonLen { .. } => refuse(codes::STATEMENT_REFUSED),
        Refused::Differs { approval } => {
            let next = format!("scalbotics approval show {approval}");
            refuse(codes::STATEMENT_REFUSED)
                .why("the bytes that were signed are not those that the daemon would rebuild")
                .next(next)
        }
        Refused::Signature(source @ VerifyError::NotEnrolled { .. }) => {
            refuse(codes::APPROVER_NOT_ENROLLED).why(in_words(source))
        }
        Refused::Signature(source @ VerifyError::Signature { .. }) => refuse(codes::STATEMENT_REFUSED).why(in_words(source)),
        Refused::Answered { approval, .. } | Refused::NotWaiting { approval } => {
            refuse(codes::APPROVAL_STATE).next(format!("scalbotics approval show {approval}"))
        }
        Refused::Erased { .. } => refuse(codes::PAYLOAD_ERASED),
        Refused::Unreadable { .. } => corrupt(error),
        Refused::KeyReused => reused(),
        Refused::Busy { .. } => refuse(codes::TASK_BUSY).next("try again in a second"),
        Refused::Draining => draining(),
        Refused::Cipher(source) => Failure::internal("seal a statement", source),
        Refused::Store(error) => store_failure(error),
    }
}

fn reused() -> Failure {
    Failure::new(codes::REQUEST_ID_REUSED, "the request id is refused").next("use a new request id for a new request")
}

fn draining() -> Failure {
    Failure::new(codes::SHUTTING_DOWN, "nothing new is taken on").next("try again in a minute")
}

fn corrupt(error: &dyn Error) -> Failure {
    tracing::error!(error = in_words(error), "stored data does not fit");
    Failure::new(codes::STORE_CORRUPT, "what is stored cannot be read").next("scalbotics doctor")
}
