//! Names, by the conventions of Prometheus: unit last, `_total` on counters.

/// Tasks made durable.
pub const TASKS_SUBMITTED: &str = "scalbotics_tasks_submitted_total";
/// Tasks that ended, by `status`.
pub const TASKS_ENDED: &str = "scalbotics_tasks_ended_total";
/// Tasks that are driven now.
pub const TASKS_RUNNING: &str = "scalbotics_tasks_running";
/// Tasks that wait for a free place.
pub const TASKS_QUEUED: &str = "scalbotics_tasks_queued";
/// Attempts of calls, by `outcome`.
pub const CALL_ATTEMPTS: &str = "scalbotics_call_attempts_total";
/// Duration of one attempt, in seconds.
pub const CALL_DURATION: &str = "scalbotics_call_duration_seconds";
/// Duration of one commit of a task, in seconds.
pub const COMMIT_DURATION: &str = "scalbotics_commit_duration_seconds";
/// Commits that were refused for lack of room.
pub const COMMITS_FULL: &str = "scalbotics_commits_refused_full_total";
/// Decisions about tool calls, by `ruling`.
pub const CALL_DECISIONS: &str = "scalbotics_call_decisions_total";
/// Duration of one decision about a tool call, in seconds.
pub const DECISION_DURATION: &str = "scalbotics_call_decision_duration_seconds";
/// Requests to models, by `outcome`.
pub const MODEL_REQUESTS: &str = "scalbotics_model_requests_total";
/// Tokens of models' answers, by `type`: what `gen_ai.client.token.usage` counts.
pub const MODEL_TOKENS: &str = "scalbotics_model_tokens_total";
/// Duration of one request to a model, in seconds: what `gen_ai.client.operation.duration` measures.
pub const MODEL_DURATION: &str = "scalbotics_model_request_duration_seconds";
/// Answers of a model, by `model`.
pub const MODEL_ANSWERS: &str = "scalbotics_model_answers_total";
/// Requests that a model did not answer, by `model`.
pub const MODEL_MISSES: &str = "scalbotics_model_misses_total";
/// Tokens of prompts that a model answered, by `model`.
pub const MODEL_INPUT_TOKENS: &str = "scalbotics_model_input_tokens_total";
/// Tokens of a model's answers, by `model`.
pub const MODEL_OUTPUT_TOKENS: &str = "scalbotics_model_output_tokens_total";
/// What a model's answers cost by its price table, in micro units of the currency, by `model`.
pub const MODEL_COST: &str = "scalbotics_model_cost_micros_total";
/// Approvals, by `event`.
pub const APPROVALS: &str = "scalbotics_approvals_total";
/// Waits of tasks until their human has logged in again, by `event`.
pub const LOGIN_WAITS: &str = "scalbotics_task_login_waits_total";
/// Effects that became IN_DOUBT.
pub const EFFECTS_IN_DOUBT: &str = "scalbotics_effects_in_doubt_total";
/// Looks at the repository, by `result`.
pub const RECONCILIATIONS: &str = "scalbotics_reconciliations_total";
/// Audit records that wait for their batch.
pub const AUDIT_QUEUED: &str = "scalbotics_audit_records_queued";
/// Audit records that were refused because the queue was full.
pub const AUDIT_REFUSED: &str = "scalbotics_audit_records_refused_total";
/// Signed checkpoints.
pub const CHECKPOINTS: &str = "scalbotics_audit_checkpoints_total";
/// Checkpoints of the installation log that were offered to a keeper outside of this host, by `result`.
pub const CHECKPOINTS_OUTSIDE: &str = "scalbotics_audit_checkpoints_outside_total";
/// Fetches of the keys of outside issuers, by `result`.
pub const ISSUER_KEYS: &str = "scalbotics_issuer_key_fetches_total";
/// Streams of events that are open.
pub const WATCHERS: &str = "scalbotics_task_watchers";
/// Workers that attend.
pub const WORKERS: &str = "scalbotics_workers";
/// Background tasks that panicked.
pub const BACKGROUND_PANICS: &str = "scalbotics_background_panics_total";
/// Certificates of agents, by `event`.
pub const SVIDS: &str = "scalbotics_svids_total";
/// Join tokens, by `event`.
pub const JOIN_TOKENS: &str = "scalbotics_join_tokens_total";
/// Join tokens that were refused, by `reason`.
pub const JOIN_TOKENS_REFUSED: &str = "scalbotics_join_tokens_refused_total";
/// What happened to identities, by `event`.
pub const IDENTITY_EVENTS: &str = "scalbotics_identity_events_total";
