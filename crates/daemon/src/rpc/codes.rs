//! Every error code, with its meaning in one line. Each has a page in `docs/errors/`; a code is never used for something else.

/// An error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    name: &'static str,
    meaning: &'static str,
}

impl Code {
    /// The code as callers see it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// What it means, one sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.meaning
    }
}

macro_rules! codes {
    ($($name:ident $text:literal $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $name: Code = Code { name: $text, meaning: $meaning };
        )*

        /// All codes.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    // Who calls.
    UNAUTHENTICATED "UNAUTHENTICATED" "the call has no access token, or one that does not count";
    TOKEN_EXPIRED "TOKEN_EXPIRED" "the access token is over";
    ASSERTION_REFUSED "ASSERTION_REFUSED" "the login assertion does not count";
    OUTSIDE_ISSUER_ONLY "OUTSIDE_ISSUER_ONLY" "people log in by the outside issuer here, not by a key of their own";
    SUBJECT_TOKEN_USED "SUBJECT_TOKEN_USED" "a token that says the same was exchanged before";
    SUBJECT_TOKEN_REFUSED "SUBJECT_TOKEN_REFUSED" "the token of the outside issuer, or the proof that comes with it, does not count";
    ISSUER_UNAVAILABLE "ISSUER_UNAVAILABLE" "the keys of the outside issuer cannot be had";
    GRANT_OVER "GRANT_OVER" "the standing grant of the service is over";
    PRINCIPAL_SUSPENDED "PRINCIPAL_SUSPENDED" "the caller is suspended, or was since the token was made";
    TENANT_SUSPENDED "TENANT_SUSPENDED" "the caller's tenant is suspended";
    JOIN_REFUSED "JOIN_REFUSED" "the join token does not count";
    // Whether they may.
    POLICY_DENIED "POLICY_DENIED" "policy denies the call";
    POLICY_ERROR "POLICY_ERROR" "policy could not be evaluated, which denies";
    WORKLOAD_UNKNOWN "WORKLOAD_UNKNOWN" "the process is no agent's workload, or the agent may not act";
    NOTHING_IN_FORCE "NOTHING_IN_FORCE" "no commit of the repository was ever good, so nothing is permitted";
    // What they ask for.
    NOT_FOUND "NOT_FOUND" "there is no such object in the tenant";
    INVALID_ARGUMENT "INVALID_ARGUMENT" "a field of the request is malformed or over its limit";
    METHOD_UNKNOWN "METHOD_UNKNOWN" "the daemon has no such method";
    NAME_TAKEN "NAME_TAKEN" "the name belongs to another object of the tenant";
    TOO_MANY "TOO_MANY" "the tenant has as many of them as it may have";
    AUTHORITY_STATE "AUTHORITY_STATE" "the state of the issuing CA does not allow it";
    REQUEST_ID_REUSED "REQUEST_ID_REUSED" "the request id was used for another request";
    REQUEST_ANSWERED "REQUEST_ANSWERED" "the request was answered before, and the answer holds a secret that is not kept";
    // Tasks.
    AGENT_NOT_ACTIVE "AGENT_NOT_ACTIVE" "the agent is suspended or offboarded";
    NO_PATH "NO_PATH" "none of the agent's workflows serves the goal";
    INPUT_INVALID "INPUT_INVALID" "the input does not conform to the workflow";
    TOOL_NOT_GRANTED "TOOL_NOT_GRANTED" "the workflow uses a tool that the agent does not have";
    TASK_STATE "TASK_STATE" "the task's state does not allow it";
    TASK_BUSY "TASK_BUSY" "too many requests about one task at one time";
    PAYLOAD_ERASED "PAYLOAD_ERASED" "what the task refers to was erased";
    // Privacy.
    LEGAL_HOLD "LEGAL_HOLD" "a legal hold is on it, so it is not erased";
    HUMAN_ACTIVE "HUMAN_ACTIVE" "the human may still act, so nothing of theirs is erased";
    // Approvals.
    APPROVAL_STATE "APPROVAL_STATE" "the approval request is not waiting any more";
    STATEMENT_REFUSED "STATEMENT_REFUSED" "the signed statement is not that of this request, or its signature does not count";
    ENROLMENT_REFUSED "ENROLMENT_REFUSED" "the enrolment statement does not count";
    APPROVER_NOT_ENROLLED "APPROVER_NOT_ENROLLED" "the caller has no enrolled approval key";
    SELF_APPROVAL "SELF_APPROVAL" "who asked may not approve";
    // Limits.
    RATE_LIMITED "RATE_LIMITED" "too many calls in a short time";
    STREAMS_EXHAUSTED "STREAMS_EXHAUSTED" "too many open streams of one principal";
    CONNECTIONS_EXHAUSTED "CONNECTIONS_EXHAUSTED" "too many connections";
    AUDIT_QUOTA "AUDIT_QUOTA" "the tenant has written the audit bytes of its day";
    AUDIT_UNWITNESSED "AUDIT_UNWITNESSED" "too many audit records are in no checkpoint that a witness cosigned: calls of tier 2 wait";
    READS_ONLY "READS_ONLY" "no witness has confirmed the audit log since the start: only reads are answered";
    MESSAGE_TOO_LARGE "MESSAGE_TOO_LARGE" "the message, or all that are on their way, are too large";
    CALL_TIMED_OUT "CALL_TIMED_OUT" "the caller's time for the call is over";
    // The daemon's own state.
    STORE_FULL "STORE_FULL" "the disk is full: effects wait, nothing is lost";
    STORE_FAILED "STORE_FAILED" "the store could not do it";
    STORE_CORRUPT "STORE_CORRUPT" "what was stored cannot have been written by this program";
    CONFLICT "CONFLICT" "somebody else changed it first";
    WORKER_RELIEVED "WORKER_RELIEVED" "another process attends as the worker of the agent";
    SHUTTING_DOWN "SHUTTING_DOWN" "the daemon is ending and takes no new calls";
    CLOCK_UNTRUSTED "CLOCK_UNTRUSTED" "the clock stepped too far, so nothing is issued";
    INTERNAL "INTERNAL" "the daemon has a fault";
    // Starting.
    CONFIG_INVALID "CONFIG_INVALID" "the configuration is refused";
    KEYSTORE_UNUSABLE "KEYSTORE_UNUSABLE" "the keystore cannot be opened or lacks a key";
    TRUST_UNUSABLE "TRUST_UNUSABLE" "the trust file cannot be used";
    CERTIFICATE_UNUSABLE "CERTIFICATE_UNUSABLE" "the daemon cannot issue or serve its certificate";
    REPOSITORY_UNREADABLE "REPOSITORY_UNREADABLE" "the repository of desired state cannot be read";
    DESIRED_STATE_REFUSED "DESIRED_STATE_REFUSED" "the newest commit of desired state is refused";
    DATA_IN_USE "DATA_IN_USE" "another daemon serves this data";
    DATA_UNUSABLE "DATA_UNUSABLE" "the database cannot be opened";
    DATA_OLDER "DATA_OLDER" "the database is older than the anchor beside the keystore, or than what a witness saw";
    DATA_FORKED "DATA_FORKED" "the database has another history than the anchor beside the keystore, or than a witness saw";
    ANCHOR_UNUSABLE "ANCHOR_UNUSABLE" "the anchor of the database is missing or cannot be used";
    BACKUP_FAILED "BACKUP_FAILED" "the backup was not made";
    BACKUP_UNUSABLE "BACKUP_UNUSABLE" "the backup is damaged, of another installation, or not signed by its log key";
    RESTORE_FAILED "RESTORE_FAILED" "nothing was restored";
    RESTORE_UNFINISHED "RESTORE_UNFINISHED" "a restore was begun and is not done";
    ADDRESS_IN_USE "ADDRESS_IN_USE" "the address cannot be listened on";
    SANDBOX_UNUSABLE "SANDBOX_UNUSABLE" "the directories of the tool sandbox cannot be made";
    // Making an installation.
    SETUP_FLAGS "SETUP_FLAGS" "flags of initialize are missing or contradict what is there";
    TENANT_UNFOUNDED "TENANT_UNFOUNDED" "the key, the folder or the repository of a tenant could not be made";
    SETUP_FILE "SETUP_FILE" "a file of the installation could not be read or written";
    SETUP_KEYS "SETUP_KEYS" "a key, certificate or keystore could not be made or opened";
    SETUP_DESIRED "SETUP_DESIRED" "the files that were to be the first desired state would be refused";
    SETUP_GIT "SETUP_GIT" "git could not make the repository of desired state";
    SETUP_STORE "SETUP_STORE" "the first people could not be registered";
    DEV_FAILED "DEV_FAILED" "the dev installation broke while it ran";
    // Evidence.
    EVIDENCE_UNAVAILABLE "EVIDENCE_UNAVAILABLE" "no evidence can be made of the task";
    EXPORT_FAILED "EXPORT_FAILED" "a file of an export could not be written";
    WITNESS_UNUSABLE "WITNESS_UNUSABLE" "the witness could not be started, or not go on";
    AUDIT_MISMATCH "AUDIT_MISMATCH" "the audit log does not agree with itself or with its checkpoints";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_said_once() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), ALL.len());
        for code in ALL {
            assert!(!code.meaning().ends_with('.') && code.meaning().len() > 10, "{}", code.name());
        }
    }
}
