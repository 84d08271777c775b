//! Groups that an outside issuer said too long ago: the task is AUTH_REQUIRED until its human logs in, and is decided anew then (semantics §3.5).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scalbotics_core::approval::{Answer as Says, Status as Row};
use scalbotics_core::audit::Kind;
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::{RequestId, TaskId};
use scalbotics_core::outside::{LOGIN_WAIT, Outside, person};
use scalbotics_core::policy::{Answer, Request, Verdict};
use scalbotics_core::ports::{ApprovalStore, Human, IdSource, PolicyEngine};
use scalbotics_core::principal::Uid;
use scalbotics_core::task::{Doubt, Event, Failure, Phase, State, Status};
use scalbotics_core::time::Timestamp;
use scalbotics_runtime::people::{Arrival, Move, Service as People};
use scalbotics_runtime::task::Submit;
use scalbotics_testkit::Reply;

use super::bed::{Bed, Disk, submission};
use super::fakes::Crash;
use super::repo::{JsonCompiler, name};

const ISSUER: &str = "https://id.example";

/// An hour in milliseconds, for which a word counts for tier 2.
const HOUR_MS: u64 = 3_600_000;

/// Lets humans of `operators` call tools, who are no `contractors`.
#[derive(Debug)]
struct ByGroup;

#[async_trait]
impl PolicyEngine for ByGroup {
    async fn evaluate(&self, request: &Request) -> Answer {
        let is_in = |group: &str| request.principal.groups.iter().any(|found| found.as_str() == group);
        let is_human = matches!(request.principal.uid, Uid::Human(_));
        let allows = !is_human || (is_in("operators") && !is_in("contractors"));
        Answer {
            engine: "groups".to_owned(),
            bundle: Digest::of_bytes(b"bundle"),
            slice: Digest::of_bytes(b"slice"),
            verdict: if allows { Verdict::Allow } else { Verdict::Deny },
            deciding: Vec::new(),
            errors: Vec::new(),
        }
    }
}

async fn bed(disk: Disk) -> Bed {
    let tenant = disk.world.tenant.clone();
    Bed::over(disk, Crash::at(None), |_, followed| {
        followed.compiler = Arc::new(JsonCompiler { tenant, engine: Arc::new(ByGroup) })
    })
    .await
}

fn people(bed: &Bed) -> People {
    People::new(bed.ports.clone(), bed.tasks.clone(), (Arc::clone(&bed.quota), Arc::clone(&bed.metrics)))
}

/// Eve logs in: her issuer said these groups so long ago.
async fn login(bed: &Bed, groups: &[&str], ago_ms: i64) -> Human {
    let now = bed.ports.clock.now().unix_ms();
    let arrival = Arrival {
        tenant: bed.tenant().clone(),
        outside: Outside {
            issuer: ISSUER.to_owned(),
            person: person(ISSUER, "eve"),
            groups: groups.iter().map(|group| name(group)).collect(),
            claims_at: Timestamp::from_unix_ms(now - ago_ms),
        },
        called: Some("eve".to_owned()),
        key: "key".to_owned(),
        request: RequestId::from_u128(bed.disk.ids.next()),
        trace: "trace".to_owned(),
    };
    people(bed).arrive(arrival).await.unwrap().0
}

/// A submission that may take longer than a login is waited for.
fn patient() -> Submit {
    let mut submit = submission("publish-flow");
    submit.limits.seconds = Some(3 * 86_400);
    submit
}

async fn submit(bed: &Bed, human: &Human) -> TaskId {
    bed.tasks.submit(&bed.human(human), &patient()).await.unwrap().task
}

async fn parked(bed: &Bed, task: TaskId) -> State {
    bed.until(task, |state| state.status == Status::AuthRequired).await
}

async fn approve(bed: &Bed, task: TaskId) {
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    bed.approvals.decide(&bed.bob(), approval, &bed.signed(&shown, Says::Approve)).await.unwrap();
}

/// What happened to the login, in words of the records.
async fn told(bed: &Bed, task: TaskId) -> Vec<String> {
    let records = bed.records().await.into_iter().filter(|record| record.task == Some(task));
    let about = records.filter(|record| {
        let word = record.outcome.as_ref().map(|outcome| outcome.word.clone());
        record.action == "task.login" || word.as_deref() == Some("login_required")
    });
    about.map(|record| record.outcome.unwrap().word).collect()
}

#[tokio::test(start_paused = true)]
async fn sem_3_5_a_task_waits_for_its_humans_login_and_is_decided_anew() {
    for (groups, ends) in [(&["operators"][..], Status::Completed), (&[][..], Status::Failed)] {
        let bed = bed(Disk::new()).await;
        let eve = login(&bed, &["operators"], i64::try_from(HOUR_MS).unwrap() + 1).await;
        let task = submit(&bed, &eve).await;
        let state = bed.state(task).await;
        let waits = state.login.clone().unwrap();
        assert_eq!((state.status, waits.human, waits.step.as_str()), (Status::AuthRequired, eve.uid, "last"));
        assert_eq!((state.calls.len(), bed.disk.tools.sent().len()), (0, 0));
        // It takes no place and no timer but its own, whoever else logs in.
        tokio::time::sleep(Duration::from_millis(HOUR_MS)).await;
        bed.tasks.logged_in(bed.disk.bob.uid);
        assert_eq!((bed.metrics.tasks_running.get(), bed.metrics.tasks_queued.get()), (0, 0));
        // An older word changes nothing.
        login(&bed, &["operators"], 3 * i64::try_from(HOUR_MS).unwrap()).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!((bed.status(task).await, bed.events(task).await.len()), (Status::AuthRequired, 2));
        login(&bed, groups, 0).await;
        if ends == Status::Completed {
            approve(&bed, task).await;
        }
        let state = bed.ended(task).await;
        assert_eq!(state.status, ends);
        if ends == Status::Failed {
            assert_eq!(state.failure, Some(Failure::PolicyDenied), "a group that is lost denies the call");
        }
        assert_eq!(told(&bed, task).await, ["login_required", "seen"]);
        let denied = bed.records().await.into_iter().find(|record| record.kind == Kind::Decision).unwrap();
        assert!(!denied.decision.unwrap().allow && denied.seq == Some(1));
        let counted = (bed.metrics.logins_requested.get(), bed.metrics.logins_seen.get(), bed.metrics.logins_expired.get());
        assert_eq!(counted, (1, 1, 0));
        bed.check_journal(task).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_newer_words_would_not_allow_is_denied_at_once() {
    let day = 86_400_000;
    for (claimed, bound) in [(&["others"][..], &[][..]), (&["operators", "contractors"], &[]), (&["contractors"], &["operators"])]
    {
        let bed = bed(Disk::new()).await;
        let eve = login(&bed, claimed, day).await;
        let groups = bound.iter().map(|group| name(group)).collect();
        let eve = Human { groups, ..eve };
        bed.ports.registry.put_human(eve.clone(), bed.disk.world.record(Kind::Rpc, "human.bind").into()).await.unwrap();
        let task = submit(&bed, &eve).await;
        let state = bed.state(task).await;
        // A rule that forbids something to a group does not lapse with the word for it.
        assert_eq!((state.status, state.failure), (Status::Failed, Some(Failure::PolicyDenied)), "{claimed:?} {bound:?}");
    }
    // Groups that are bound here have no age, and reads take a word of any.
    let bed = bed(Disk::new()).await;
    let eve = login(&bed, &["operators"], day).await;
    let submit_pure = submission("pure-flow");
    let task = bed.tasks.submit(&bed.human(&eve), &submit_pure).await.unwrap().task;
    assert_eq!(bed.ended(task).await.status, Status::Completed);
    let eve = Human { groups: vec![name("operators")], ..eve };
    bed.ports.registry.put_human(eve.clone(), bed.disk.world.record(Kind::Rpc, "human.bind").into()).await.unwrap();
    let task = submit(&bed, &eve).await;
    approve(&bed, task).await;
    assert_eq!(bed.ended(task).await.status, Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn an_approval_is_kept_for_the_login_and_lapses_with_its_time() {
    for comes in [true, false] {
        let bed = bed(Disk::new()).await;
        let eve = login(&bed, &["operators"], i64::try_from(HOUR_MS).unwrap() - 60_000).await;
        let task = submit(&bed, &eve).await;
        let approval = bed.asked(task).await;
        tokio::time::sleep(Duration::from_secs(120)).await;
        approve(&bed, task).await;
        let state = parked(&bed, task).await;
        let call = state.calls.values().next().unwrap();
        let Phase::Approved { expires_at, .. } = call.phase else { panic!("{call:?}") };
        assert_eq!(state.login.unwrap().expires_at, expires_at);
        let row = async || ApprovalStore::get(bed.disk.store.as_ref(), bed.tenant(), approval).await.unwrap().unwrap().status;
        assert_eq!((row().await, bed.disk.tools.sent().len()), (Row::Granted, 0));
        if comes {
            tokio::time::sleep(Duration::from_secs(60)).await;
            login(&bed, &["operators"], 0).await;
            assert_eq!((bed.ended(task).await.status, row().await), (Status::Completed, Row::Consumed));
        } else {
            let state = bed.ended(task).await;
            assert_eq!((state.failure, row().await), (Some(Failure::LoginMissing), Row::Expired));
            assert_eq!(state.updated_at, expires_at);
            assert_eq!(told(&bed, task).await, ["login_required", "expired"]);
        }
        bed.check_journal(task).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_wait_has_an_end_and_whoever_may_not_act_does_not_end_it() {
    let bed = bed(Disk::new()).await;
    let eve = login(&bed, &["operators"], 2 * 3_600_000).await;
    let (waits, canceled) = (submit(&bed, &eve).await, submit(&bed, &eve).await);
    let begun = parked(&bed, waits).await.updated_at;
    parked(&bed, canceled).await;
    people(&bed).move_human(&bed.ada(), &eve.name, Move::Suspend, false).await.unwrap();
    let refused = login(&bed, &["operators"], 0).await;
    assert!(refused.outside.unwrap().claims_at < begun, "nothing is written of a login that is refused");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(bed.status(waits).await, Status::AuthRequired);
    bed.tasks.cancel(&bed.ada(), canceled).await.unwrap();
    assert_eq!(bed.status(canceled).await, Status::Canceled);
    let state = bed.ended(waits).await;
    assert_eq!((state.failure, state.updated_at.since_ms(begun)), (Some(Failure::LoginMissing), LOGIN_WAIT.as_ms()));
    for task in [waits, canceled] {
        bed.check_journal(task).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_outlives_the_daemon_and_a_login_meanwhile_is_seen() {
    let first = bed(Disk::new()).await;
    let eve = login(&first, &["operators"], 2 * 3_600_000).await;
    let (early, late) = (submit(&first, &eve).await, submit(&first, &eve).await);
    parked(&first, late).await;
    let again = |bed: &Bed| {
        let (store, now) = (Arc::new(bed.disk.store.restarted()), bed.ports.clock.now());
        Disk { store, now, ..bed.disk.clone() }
    };
    // It ends before anything comes of the login.
    first.supervisor.drain(Duration::from_secs(1)).await;
    first.tasks.cancel(&first.ada(), early).await.unwrap_err();
    let second = bed(again(&first)).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((second.status(early).await, second.metrics.tasks_running.get()), (Status::AuthRequired, 0));
    second.tasks.cancel(&second.ada(), early).await.unwrap();
    second.supervisor.drain(Duration::from_secs(1)).await;
    login(&second, &["operators"], 0).await;
    assert_eq!(second.status(late).await, Status::AuthRequired);
    let third = bed(again(&second)).await;
    approve(&third, late).await;
    assert_eq!(third.ended(late).await.status, Status::Completed);
    third.check_journal(late).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_outcome_was_lost_waits_for_the_login_before_it_is_asked_again() {
    for comes in [true, false] {
        let bed = bed(Disk::new()).await;
        bed.disk.tools.script("publish", Reply::LandUnheard);
        let eve = login(&bed, &["operators"], i64::try_from(HOUR_MS).unwrap() - 300).await;
        let task = submit(&bed, &eve).await;
        approve(&bed, task).await;
        let state = parked(&bed, task).await;
        assert_eq!((state.open_calls().count(), bed.disk.tools.sent().len()), (1, 1));
        let waits = state.login.unwrap();
        let first = state.calls.values().next().unwrap().first_sent_at.unwrap();
        assert_eq!(waits.expires_at, first.plus_ms(HOUR_MS), "when the key's life is over");
        if comes {
            tokio::time::sleep(Duration::from_secs(600)).await;
            login(&bed, &["operators"], 0).await;
            assert_eq!(bed.ended(task).await.status, Status::Completed);
            let sent = bed.disk.tools.sent();
            assert!(sent.len() == 2 && sent[0].key == sent[1].key, "{sent:?}");
        } else {
            let state = bed.until(task, |state| state.status == Status::InputRequired).await;
            let doubt = state.calls.values().find_map(|call| match call.phase {
                Phase::InDoubt { doubt } => Some(doubt),
                _ => None,
            });
            assert_eq!((doubt, bed.disk.tools.sent().len()), (Some(Doubt::KeyExpired), 1));
            let events = bed.events(task).await;
            assert!(matches!(events[events.len() - 2..], [Event::LoginExpired, Event::InDoubt { .. }]), "{events:?}");
        }
        bed.check_journal(task).await;
    }
}
