//! What there is to erase: payloads of a task from its journal and its records, of a human from the log.

use std::collections::{BTreeMap, BTreeSet};

use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::ids::{HumanUid, PayloadId, TaskId};
use scalbotics_core::ports::{AuditEntry, AuditQuery, Forgotten, StoredEvent};
use scalbotics_core::principal::{Chain, Uid};
use scalbotics_core::privacy::{Class, Released, Scope, released};
use scalbotics_core::task::Event;
use scalbotics_core::tenant::TenantId;

use super::Error;
use crate::Ports;

/// Events and records that one read takes.
const PAGE: usize = 500;

/// A part of what there is to erase, small enough to be held at once; a human may have a million tasks.
#[derive(Debug)]
pub(super) enum Part {
    /// Everything of a task.
    Task(TaskId),
    /// What somebody said about a task of somebody else's.
    Words(TaskId, Uid),
    /// Decisions about calls of the API.
    Decisions(Vec<Released>),
    /// Answers to requests of somebody, by the beginning of their keys.
    Answers(String),
}

/// Where there is something to erase.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Its parts.
    pub(super) parts: Vec<Part>,
    /// The tasks that go as a whole.
    pub(super) tasks: Vec<TaskId>,
}

/// What a part holds.
#[derive(Debug, Default)]
pub(super) struct Matter {
    released: BTreeMap<PayloadId, Released>,
    answers: BTreeSet<Forgotten>,
}

impl Matter {
    fn keep(&mut self, one: Released) {
        self.released.insert(one.id, one);
    }

    /// Payloads and decisions, each once.
    pub(super) fn released(&self) -> impl Iterator<Item = Released> + use<'_> {
        self.released.values().copied()
    }

    /// The answers to requests that said it.
    pub(super) fn answers(self) -> Vec<Forgotten> {
        self.answers.into_iter().collect()
    }
}

/// Finds it.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    pub(super) ports: &'a Ports,
    pub(super) tenant: &'a TenantId,
}

/// The record of an entry.
pub(super) fn record_of(entry: &AuditEntry) -> Result<Record, Error> {
    serde_json::from_slice(&entry.leaf).map_err(|source| Error::Record { index: entry.index, source })
}

/// The human that a record is about: for whom was acted, or who acted.
pub(super) fn human_of(record: &Record) -> Option<HumanUid> {
    human(*record.chain.first().unwrap_or(&record.actor))
}

/// The decision about a call of the API that a record notes; those about calls of tools are found in journals.
pub(super) fn decision_of(record: &Record) -> Option<Released> {
    let about_tool = match record.kind {
        Kind::Intent => true,
        Kind::Decision => record.seq.is_some(),
        Kind::Approval => record.outcome.as_ref().is_some_and(|outcome| outcome.word == "waiting"),
        Kind::Rpc | Kind::Outcome | Kind::Secret | Kind::Task | Kind::Installation | Kind::Head => false,
    };
    let note = record.decision.as_ref().filter(|_| !about_tool)?;
    Some(Released::decision(Class::Decisions, note.id))
}

impl Finder<'_> {
    /// Everything of one task.
    pub(super) fn task(task: TaskId) -> Found {
        Found { parts: vec![Part::Task(task)], tasks: vec![task] }
    }

    /// Everything of one human: the tasks that ran for them, what they said about others', and the decisions about their calls.
    pub(super) async fn human(&self, human: HumanUid) -> Result<Found, Error> {
        let (mut tasks, mut others, mut decisions) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        let own = Uid::Human(human);
        self.each_record(|record| {
            let is_for_them = record.chain.first() == Some(&own);
            if record.actor != own && !is_for_them {
                return;
            }
            match record.task {
                Some(task) if is_for_them => drop(tasks.insert(task)),
                Some(task) => drop(others.insert(task)),
                None => {}
            }
            if record.actor == own {
                decisions.extend(decision_of(record).map(|one| (one.id, one)));
            }
        })
        .await?;
        let decisions: Vec<Released> = decisions.into_values().collect();
        let words = others.difference(&tasks).map(|task| Part::Words(*task, own));
        let mut parts: Vec<Part> = tasks.iter().copied().map(Part::Task).chain(words).collect();
        parts.extend(decisions.chunks(PAGE).map(|chunk| Part::Decisions(chunk.to_vec())));
        parts.push(Part::Answers(format!("{own}/")));
        Ok(Found { parts, tasks: tasks.into_iter().collect() })
    }

    /// What a part holds.
    pub(super) async fn matter(&self, part: &Part) -> Result<Matter, Error> {
        let mut matter = Matter::default();
        match part {
            Part::Task(task) => self.add_task(*task, &mut matter).await?,
            Part::Words(task, who) => self.add_words(*task, *who, &mut matter).await?,
            Part::Decisions(decisions) => decisions.iter().for_each(|one| matter.keep(*one)),
            Part::Answers(beginning) => drop(matter.answers.insert(Forgotten::Beginning(beginning.clone()))),
        }
        Ok(matter)
    }

    /// Payloads of one class that a task's journal refers to, each with whoever said it.
    pub(super) async fn of_class(&self, task: TaskId, class: Class) -> Result<Vec<(Released, Option<HumanUid>)>, Error> {
        let mut found = Vec::new();
        self.each_event(task, |event| {
            let of_class = released(event).into_iter().filter(|one| one.class == class);
            found.extend(of_class.map(|one| (one, speaker(event))));
        })
        .await?;
        Ok(found)
    }

    /// What holds on a part could be about: its task, the human whom that ran for, and whoever said something that goes with it.
    pub(super) async fn scopes(&self, part: &Part) -> Result<BTreeSet<Scope>, Error> {
        let mut scopes = BTreeSet::new();
        let (task, everything) = match part {
            Part::Task(task) => (*task, true),
            Part::Words(task, _) => (*task, false),
            Part::Decisions(_) | Part::Answers(_) => return Ok(scopes),
        };
        scopes.insert(Scope::Task(task));
        self.each_event(task, |event| {
            let owner = if let Event::Submitted { envelope, .. } = event { human_in(&envelope.chain) } else { None };
            scopes.extend(owner.or(speaker(event).filter(|_| everything)).map(Scope::Human));
        })
        .await?;
        Ok(scopes)
    }

    async fn add_task(&self, task: TaskId, found: &mut Matter) -> Result<(), Error> {
        self.each_event(task, |event| {
            released(event).into_iter().for_each(|one| found.keep(one));
            found.answers.extend(answers(event));
        })
        .await?;
        let mut from = 0;
        loop {
            let query = AuditQuery { from, limit: PAGE, task: Some(task), ..AuditQuery::default() };
            let page = self.ports.audit_log.read(self.tenant, &query).await?;
            let Some(last) = page.last() else { return Ok(()) };
            from = last.index.saturating_add(1);
            for entry in &page {
                // Those about the task's erasure and holds stay: they show who wanted them.
                let record = record_of(entry)?;
                decision_of(&record).filter(|_| record.seq.is_some()).into_iter().for_each(|one| found.keep(one));
            }
        }
    }

    /// What somebody said about a task of somebody else's.
    async fn add_words(&self, task: TaskId, who: Uid, found: &mut Matter) -> Result<(), Error> {
        self.each_event(task, |event| {
            if speaker(event).map(Uid::Human) == Some(who) {
                released(event).into_iter().filter(|one| one.class != Class::Results).for_each(|one| found.keep(one));
            }
        })
        .await
    }

    async fn each_event(&self, task: TaskId, mut look: impl FnMut(&Event) + Send) -> Result<(), Error> {
        let mut from = 0;
        loop {
            let page: Vec<StoredEvent> = self.ports.task_log.events(self.tenant, task, from, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            from = last.sequence.saturating_add(1);
            page.iter().for_each(|stored| look(&stored.event));
        }
    }

    async fn each_record(&self, mut look: impl FnMut(&Record) + Send) -> Result<(), Error> {
        let mut from = 0;
        loop {
            let query = AuditQuery { from, limit: PAGE, ..AuditQuery::default() };
            let page = self.ports.audit_log.read(self.tenant, &query).await?;
            let Some(last) = page.last() else { return Ok(()) };
            from = last.index.saturating_add(1);
            for entry in &page {
                look(&record_of(entry)?);
            }
        }
    }
}

/// The human at the beginning of a chain.
fn human_in(chain: &Chain) -> Option<HumanUid> {
    chain.principals.first().and_then(|principal| human(principal.uid))
}

const fn human(uid: Uid) -> Option<HumanUid> {
    match uid {
        Uid::Human(uid) => Some(uid),
        Uid::Agent(_) | Uid::Service(_) | Uid::Daemon => None,
    }
}

/// The human whose words an event refers to.
const fn speaker(event: &Event) -> Option<HumanUid> {
    match event {
        Event::ApprovalGranted { by, .. } | Event::ApprovalDenied { by, .. } | Event::Settled { by, .. } => human(*by),
        Event::Submitted { .. }
        | Event::ApprovalRequested { .. }
        | Event::ApprovalExpired { .. }
        | Event::Intended { .. }
        | Event::CallDenied { .. }
        | Event::LoginRequested { .. }
        | Event::LoginSeen { .. }
        | Event::LoginExpired
        | Event::Landed { .. }
        | Event::CallFailed { .. }
        | Event::NotLanded { .. }
        | Event::InDoubt { .. }
        | Event::CancelRequested { .. }
        | Event::Completed { .. }
        | Event::Failed { .. }
        | Event::Canceled => None,
    }
}

/// The answers by which the request that caused an event is remembered: what is kept is a digest of what it said.
fn answers(event: &Event) -> Vec<Forgotten> {
    match event {
        Event::Submitted { envelope, .. } => {
            let submitter = envelope.chain.submitter().map(|principal| principal.uid);
            let key = &envelope.idempotency_key;
            let key = submitter.filter(|_| !key.is_empty()).map(|who| format!("{who}/task.submit/{key}"));
            key.map(Forgotten::Key).into_iter().collect()
        }
        Event::ApprovalGranted { by, .. } | Event::ApprovalDenied { by, .. } => {
            vec![Forgotten::Beginning(format!("{by}/approval.decide/"))]
        }
        Event::Settled { by, .. } => vec![Forgotten::Beginning(format!("{by}/task.settle/"))],
        Event::ApprovalRequested { .. }
        | Event::ApprovalExpired { .. }
        | Event::Intended { .. }
        | Event::CallDenied { .. }
        | Event::LoginRequested { .. }
        | Event::LoginSeen { .. }
        | Event::LoginExpired
        | Event::Landed { .. }
        | Event::CallFailed { .. }
        | Event::NotLanded { .. }
        | Event::InDoubt { .. }
        | Event::CancelRequested { .. }
        | Event::Completed { .. }
        | Event::Failed { .. }
        | Event::Canceled => Vec::new(),
    }
}
