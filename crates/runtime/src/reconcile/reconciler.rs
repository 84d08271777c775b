//! The loop that brings the repository's newest commit into force.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::desired::{Finding, FindingKind};
use scalbotics_core::in_words;
use scalbotics_core::ports::{AuditQuery, DesiredError, StoreError, is_served};
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::TenantId;
use tokio::sync::Notify;

use super::history::History;
use super::registration::register;
use super::{Followed, InForce, States, Status};
use crate::audit::Quota;
use crate::metrics::Metrics;
use crate::{Ports, Supervisor};

/// Time between two looks at the repository, in milliseconds; a look without news is one stat of a ref.
pub const POLL_MS: u64 = 3_000;

/// The same where each look asks a server, in milliseconds: what is urgent, `repo apply` brings at once.
pub const REMOTE_POLL_MS: u64 = 30_000;

/// The action under which commits stand in the audit log.
const ACTION: &str = "repository.load";

/// Records read at once when the last good commit is searched, and how many reads are made at most.
const SEARCH_PAGE: u64 = 1_000;
const SEARCH_PAGES_MAX: u64 = 100;

/// Brings the newest commit of one tenant's repository into force.
#[derive(Debug)]
pub struct Reconciler {
    ports: Ports,
    followed: Followed,
    metrics: Arc<Metrics>,
    quota: Arc<Quota>,
    states: States,
    history: Arc<History>,
    status: Mutex<Status>,
    looking: tokio::sync::Mutex<()>,
    poll: Duration,
    nudged: Notify,
}

impl Reconciler {
    /// A reconciler of one tenant's repository, the only one of its installation; nothing is in force yet.
    #[must_use]
    pub fn new(ports: Ports, followed: Followed, metrics: Arc<Metrics>) -> Arc<Self> {
        Self::among(&States::default(), ports, followed, (metrics, Arc::default()), POLL_MS)
    }

    /// One beside others, whose states come into force among theirs; it looks once in so many milliseconds. While `quota` has only reads
    /// served, no other commit comes into force than the one that was in force last (semantics §7.4).
    #[must_use]
    pub fn among(
        states: &States,
        ports: Ports,
        followed: Followed,
        (metrics, quota): (Arc<Metrics>, Arc<Quota>),
        poll_ms: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            history: states.follow(followed.clone()),
            states: states.clone(),
            ports,
            followed,
            metrics,
            quota,
            status: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
            poll: Duration::from_millis(poll_ms),
            nudged: Notify::new(),
        })
    }

    /// Whose repository it is.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.followed.tenant
    }

    /// The states in force and recent ones, among which this one's are.
    #[must_use]
    pub fn states(&self) -> States {
        self.states.clone()
    }

    /// What was last seen.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks once, and where the newest commit is refused or cannot be had brings the last good one into force; then polls in the background.
    pub async fn start(self: &Arc<Self>, supervisor: &Supervisor) -> Status {
        let is_served = self.is_served().await;
        let status = if is_served { self.look().await } else { self.status() };
        let is_refused = !status.findings.is_empty() || status.unreadable.is_some();
        if status.in_force.is_none() && (is_refused || !is_served || self.quota.is_read_only()) {
            self.restore_last_good().await;
        }
        let (this, owner) = (Arc::clone(self), supervisor.clone());
        supervisor.spawn_essential("reconciler", async move {
            loop {
                tokio::select! {
                    biased;
                    () = owner.draining() => return,
                    () = this.nudged.notified() => {}
                    () = tokio::time::sleep(this.poll) => {}
                }
                // Nothing of a suspended tenant comes into force; what is in force stays, so that its tasks end by the gate's word.
                if this.is_served().await {
                    this.look().await;
                }
            }
        });
        self.status()
    }

    /// Whether the tenant may act; where that cannot be read, it is looked at later.
    async fn is_served(&self) -> bool {
        is_served(self.ports.tenants.as_ref(), self.tenant()).await.unwrap_or(false)
    }

    /// Asks for a look now, without waiting for it (SIGHUP).
    pub fn nudge(&self) {
        self.nudged.notify_one();
    }

    /// Looks now; returns when the newest commit is in force or refused.
    pub async fn look(&self) -> Status {
        let _one_at_a_time = self.looking.lock().await;
        if self.quota.is_read_only() {
            // Agents would be registered, and a record written, in a database that may be an older one.
            return self.status();
        }
        match self.followed.source.head().await {
            Ok(head) => self.consider(head).await,
            Err(error) => self.unreadable(&error),
        }
        self.status()
    }

    async fn consider(&self, head: String) {
        let status = self.status();
        // A refused commit is not compiled again: its verdict does not change before the repository does.
        if status.unreadable.is_none() && status.head.as_ref() == Some(&head) {
            self.metrics.reconciled_unchanged.add(1);
            return;
        }
        match self.compile(&head).await {
            Ok(state) => self.adopt(head, state).await,
            Err(Refusal::Findings(findings)) => self.refuse(head, findings).await,
            Err(Refusal::Unreadable(error)) => self.unreadable(&error),
        }
    }

    async fn compile(&self, commit: &str) -> Result<InForce, Refusal> {
        let files = match self.followed.source.load(commit).await {
            Ok(files) => files,
            Err(DesiredError::Refused { path, reason, .. }) => return Err(Refusal::Findings(vec![refused(path, reason)])),
            Err(error @ (DesiredError::Unreadable { .. } | DesiredError::TooLarge { .. })) => {
                return Err(Refusal::Unreadable(error));
            }
        };
        let compiler = Arc::clone(&self.followed.compiler);
        match tokio::task::spawn_blocking(move || compiler.compile(files)).await {
            Ok(result) => result.map_err(Refusal::Findings),
            Err(_) => {
                let reason = "the compiler of desired state panicked".to_owned();
                Err(Refusal::Findings(vec![refused(String::new(), reason)]))
            }
        }
    }

    /// Registers what is new, audits, swaps; a store that fails leaves everything for the next look.
    async fn adopt(&self, head: String, mut state: InForce) {
        if let Some(current) = self.states.current(self.tenant()) {
            state.snapshot.share_with(&current.snapshot);
        }
        let done = async {
            register(&self.ports, &state.snapshot).await?;
            self.audit(&head, "ok").await
        };
        if let Err(error) = done.await {
            tracing::error!(commit = head, %error, "commit could not be brought into force");
            let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
            status.unreadable = Some(error.to_string());
            return;
        }
        if let Some(old) = self.states.board().put(Arc::new(state)) {
            self.history.keep(old);
        }
        tracing::info!(tenant = %self.tenant(), commit = head, "commit is in force");
        self.metrics.reconciled_changed.add(1);
        let since = Some(self.ports.clock.now());
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) =
            Status { in_force: Some(head.clone()), head: Some(head), findings: Vec::new(), unreadable: None, since };
    }

    async fn refuse(&self, head: String, findings: Vec<Finding>) {
        self.metrics.reconciled_refused.add(1);
        for finding in findings.iter().take(5) {
            tracing::warn!(tenant = %self.tenant(), commit = head, %finding, "commit is refused");
        }
        // The verdict stands even if its record could not be written; the next start tries again.
        if let Err(error) = self.audit(&head, "refused").await {
            tracing::error!(commit = head, %error, "refusal of a commit could not be audited");
        }
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.head = Some(head);
        status.findings = findings;
        status.unreadable = None;
    }

    fn unreadable(&self, error: &DesiredError) {
        let words = error.to_string();
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        if status.unreadable.as_ref() != Some(&words) {
            let error = in_words(error);
            tracing::error!(tenant = %self.tenant(), error, "repository cannot be read; the state in force stays");
        }
        status.unreadable = Some(words);
    }

    async fn audit(&self, commit: &str, word: &str) -> Result<(), StoreError> {
        let at = self.ports.clock.now();
        let mut record = Record::new(Kind::Installation, at, self.tenant().clone(), Uid::Daemon, ACTION);
        record.target = Some(commit.to_owned());
        record.outcome = Some(OutcomeNote { word: word.to_owned(), attempt: None, commitment: None });
        self.ports.audit_log.append(vec![record], Vec::new()).await.map(|_| ())
    }

    /// Brings the commit into force that the audit log names as the last good one, if it still compiles.
    async fn restore_last_good(&self) {
        let commit = match self.last_good().await {
            Ok(Some(commit)) => commit,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "the last good commit could not be searched");
                return;
            }
        };
        let Ok(state) = self.compile(&commit).await else {
            tracing::error!(tenant = %self.tenant(), commit, "the last good commit is refused too");
            return;
        };
        if let Err(error) = register(&self.ports, &state.snapshot).await {
            tracing::error!(commit, %error, "agents of the last good commit could not be registered");
            return;
        }
        self.states.board().put(Arc::new(state));
        tracing::warn!(commit, "the last good commit is in force");
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.in_force = Some(commit);
        status.since = Some(self.ports.clock.now());
    }

    async fn last_good(&self) -> Result<Option<String>, StoreError> {
        let mut end = self.ports.audit_log.head(self.tenant()).await?.size;
        for _ in 0..SEARCH_PAGES_MAX {
            if end == 0 {
                break;
            }
            let from = end.saturating_sub(SEARCH_PAGE);
            let limit = usize::try_from(SEARCH_PAGE).unwrap_or(usize::MAX);
            let query = AuditQuery { from, limit, kind: Some(Kind::Installation), ..AuditQuery::default() };
            let entries = self.ports.audit_log.read(self.tenant(), &query).await?;
            let records = entries.iter().rev().filter(|entry| entry.index < end);
            let found = records
                .filter_map(|entry| serde_json::from_slice::<Record>(&entry.leaf).ok())
                .find(|record| record.action == ACTION && record.outcome.as_ref().is_some_and(|outcome| outcome.word == "ok"));
            if let Some(record) = found {
                return Ok(record.target);
            }
            end = from;
        }
        Ok(None)
    }
}

enum Refusal {
    Findings(Vec<Finding>),
    Unreadable(DesiredError),
}

fn refused(file: String, why: String) -> Finding {
    Finding {
        file,
        line: None,
        kind: FindingKind::Layout,
        what: "the commit is refused".to_owned(),
        why,
        next: "change the repository and commit again".to_owned(),
    }
}
