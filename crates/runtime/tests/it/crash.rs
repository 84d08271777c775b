//! The process dies at every commit, send, reply, question and proof, once or twice: nothing acknowledged is lost, no keyed
//! effect is doubled, no opaque one is sent again, a verifiable one is asked about first (semantics §2.4–2.6).

use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::ids::TaskId;
use scalbotics_core::task::{Doubt, Phase, Status};
use scalbotics_core::tool::NotDone;
use scalbotics_runtime::task::Submit;
use scalbotics_testkit::Reply;

use super::bed::{Bed, Disk, submission};
use super::fakes::{Crash, Moment};

/// One life on `disk`, until the world stops or the task rests for ten virtual minutes.
pub(super) fn live(workflow: &str, disk: Disk, crash: &Arc<Crash>) -> (Disk, Option<TaskId>) {
    live_with(&submission(workflow), disk, crash)
}

/// The same with a whole submission.
pub(super) fn live_with(submission: &Submit, disk: Disk, crash: &Arc<Crash>) -> (Disk, Option<TaskId>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let lived = runtime.block_on(async {
        let bed = Bed::on(disk, Arc::clone(crash)).await;
        let mut ada = bed.ada();
        ada.repeat_key = Some("the one".to_owned());
        let submitting = async { bed.tasks.submit(&ada, submission).await.unwrap().task };
        let task = tokio::select! {
            task = submitting => Some(task),
            () = crash.died() => None,
        };
        if let Some(task) = task {
            let rests = async {
                for _ in 0..600 {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    if bed.status(task).await.is_final() || bed.status(task).await == Status::InputRequired {
                        break;
                    }
                }
                bed.check_journal(task).await;
            };
            tokio::select! {
                () = crash.died() => {}
                () = rests => {}
            }
        }
        let mut disk = bed.disk.clone();
        disk.now = bed.ports.clock.now();
        (disk, task)
    });
    drop(runtime);
    lived
}

/// What must hold when the last life is over.
fn check_end(class: &str, disk: &Disk, task: TaskId, moments: &[Moment]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let bed = Bed::on(disk.clone(), Crash::at(None)).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let state = bed.state(task).await;
        let sent: Vec<_> = disk.tools.sent().into_iter().filter(|sent| sent.tool == class).collect();
        let keys: std::collections::BTreeSet<_> = sent.iter().map(|sent| (&sent.key, &sent.args)).collect();
        assert!(keys.len() <= 1, "{class} {moments:?}: one effect, one key, the same bytes");
        let happened = sent.iter().filter(|sent| sent.happened).count();
        match class {
            "opaque" if state.status == Status::InputRequired => {
                assert!(sent.len() <= 1, "{moments:?}: an opaque call is not sent again");
                let doubt = state.calls.values().find_map(|call| match call.phase {
                    Phase::InDoubt { doubt } => Some(doubt),
                    _ => None,
                });
                assert_eq!(doubt, Some(Doubt::Opaque), "{moments:?}");
            }
            _ => assert_eq!(state.status, Status::Completed, "{class} {moments:?}: {state:?}"),
        }
        match class {
            "opaque" | "verifiable" => assert!(happened <= 1, "{class} {moments:?}: happened {happened} times"),
            _ => assert!(happened >= 1, "{class} {moments:?}: lost"),
        }
        bed.check_journal(task).await;
    });
}

fn run(class: &str, moments: &[Moment]) {
    let workflow = &format!("{class}-flow");
    let mut disk = Disk::new();
    let mut acknowledged = None;
    for moment in moments {
        let (after, task) = live(workflow, disk, &Crash::at(Some(*moment)));
        disk = Disk { store: Arc::new(after.store.restarted()), ..after };
        if let (Some(before), Some(now)) = (acknowledged, task) {
            assert_eq!(before, now, "{class} {moments:?}: an acknowledged task is the same after a crash");
        }
        acknowledged = acknowledged.or(task);
    }
    let (disk, task) = live(workflow, disk, &Crash::at(None));
    let task = task.unwrap();
    assert!(acknowledged.is_none_or(|before| before == task));
    check_end(class, &disk, task, moments);
}

const CLASSES: [&str; 4] = ["pure", "keyed", "verifiable", "opaque"];

fn moments() -> Vec<Moment> {
    let commits = (0..5).flat_map(|n| [Moment::BeforeCommit(n), Moment::AfterCommit(n)]);
    let runs = (0..3).flat_map(|n| [Moment::BeforeRun(n), Moment::AfterRun(n)]);
    commits.chain(runs).collect()
}

#[test]
fn one_crash_anywhere() {
    for class in CLASSES {
        for moment in moments() {
            run(class, &[moment]);
        }
    }
}

#[test]
fn a_second_crash_while_recovering() {
    let again = [
        Moment::BeforeCommit(0),
        Moment::AfterCommit(0),
        Moment::BeforeRun(0),
        Moment::AfterRun(0),
        Moment::BeforeVerify(0),
        Moment::AfterVerify(0),
        Moment::BeforeProof(0),
    ];
    for class in CLASSES {
        for first in [Moment::AfterCommit(1), Moment::BeforeRun(1), Moment::AfterRun(1), Moment::BeforeCommit(2)] {
            for second in again {
                run(class, &[first, second]);
            }
        }
    }
}

#[test]
fn leftovers_that_cannot_be_proven_dead_are_left_to_a_person() {
    for class in CLASSES {
        let workflow = &format!("{class}-flow");
        let (disk, task) = live(workflow, Disk::new(), &Crash::at(Some(Moment::AfterRun(1))));
        disk.tools.leave_undead();
        let disk = Disk { store: Arc::new(disk.store.restarted()), ..disk };
        let (disk, _) = live(workflow, disk, &Crash::at(None));
        assert_eq!(disk.tools.sent().len(), 2, "{class}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let bed = Bed::on(disk, Crash::at(None)).await;
            let state = bed.state(task.unwrap()).await;
            assert!(state.calls.values().any(|call| call.phase == Phase::InDoubt { doubt: Doubt::LeftoverAlive }), "{class}");
        });
    }
}

#[test]
fn policy_that_denies_after_the_crash_leaves_only_asking() {
    for (class, landed, wanted) in [
        ("keyed", true, Some(Doubt::PolicyDenies)),
        ("verifiable", true, None),
        ("verifiable", false, None),
        ("opaque", true, Some(Doubt::Opaque)),
    ] {
        let workflow = &format!("{class}-flow");
        let at = if landed { Moment::AfterRun(1) } else { Moment::BeforeRun(1) };
        let (disk, task) = live(workflow, Disk::new(), &Crash::at(Some(at)));
        disk.engine.deny(&format!("tool/{class}"));
        let sent = disk.tools.sent().len();
        let disk = Disk { store: Arc::new(disk.store.restarted()), ..disk };
        let (disk, _) = live(workflow, disk, &Crash::at(None));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let bed = Bed::on(disk.clone(), Crash::at(None)).await;
            let state = bed.state(task.unwrap()).await;
            let doubt = state.calls.values().find_map(|call| match call.phase {
                Phase::InDoubt { doubt } => Some(doubt),
                _ => None,
            });
            assert_eq!(doubt, wanted, "{class} {landed}");
            let again = disk.tools.sent().iter().skip(sent).filter(|sent| sent.tool == class).count();
            assert_eq!(again, 0, "{class} {landed}");
            if class == "verifiable" {
                assert_eq!(state.status == Status::Completed, landed);
            }
            bed.check_journal(task.unwrap()).await;
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_life_is_over_is_not_used_again() {
    let mut disk = Disk::new();
    let crash = Crash::at(Some(Moment::AfterRun(1)));
    let bed = Bed::on(disk.clone(), Arc::clone(&crash)).await;
    let mut submit = submission("keyed-flow");
    submit.limits.seconds = Some(86_400);
    let task = bed.tasks.submit(&bed.ada(), &submit).await.unwrap().task;
    crash.died().await;
    disk.now = bed.ports.clock.now().plus_ms(3_600_000);
    disk.store = Arc::new(disk.store.restarted());
    let bed = Bed::on(disk, Crash::at(None)).await;
    let state = bed.until(task, |state| state.status == Status::InputRequired).await;
    assert!(state.calls.values().any(|call| call.phase == Phase::InDoubt { doubt: Doubt::KeyExpired }));
    assert_eq!(bed.disk.tools.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_late_refusal_does_not_hide_that_an_earlier_attempt_may_have_landed() {
    let bed = Bed::new().await;
    let down = || Reply::NeverLeft(NotDone::Unavailable { reason: "down".to_owned() });
    for reply in [Reply::LandUnheard, down(), down(), down()] {
        bed.disk.tools.script("keyed", reply);
    }
    let task = bed.submit("keyed-flow").await;
    let state = bed.until(task, |state| state.status == Status::InputRequired).await;
    assert!(state.calls.values().any(|call| call.phase == Phase::InDoubt { doubt: Doubt::OutcomeUnknown }));
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn the_start_waits_for_no_task() {
    let bed = Bed::new().await;
    for _ in 0..40 {
        bed.disk.tools.script("look", Reply::UntilStopped);
    }
    for _ in 0..20 {
        bed.submit("pure-flow").await;
        bed.submit("publish-flow").await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(bed.metrics.tasks_running.get(), 20);
    let disk = Disk { store: Arc::new(bed.disk.store.restarted()), tools: Arc::default(), ..bed.disk.clone() };
    let begun = tokio::time::Instant::now();
    let next = Bed::on(disk, Crash::at(None)).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let all = scalbotics_core::ports::TaskFilter { limit: 1_000, ..Default::default() };
    let list = next.tasks.list(&next.ada(), &all).await.unwrap();
    let count = |status| list.iter().filter(|task| task.status == status).count();
    assert_eq!((count(Status::Completed), count(Status::InputRequired)), (20, 20));
    assert_eq!(next.metrics.tasks_running.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn more_tasks_than_places_wait_with_nothing_sent() {
    let bed = Bed::new().await;
    let places = scalbotics_runtime::task::RUNNING_MAX;
    for _ in 0..places {
        bed.disk.tools.script("look", Reply::UntilStopped);
        bed.submit("pure-flow").await;
    }
    let last = bed.submit("pure-flow").await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((bed.metrics.tasks_running.get(), bed.metrics.tasks_queued.get()), (256, 1));
    assert_eq!(bed.status(last).await, Status::Submitted);
    assert_eq!(bed.disk.tools.sent().len(), places);
}

#[test]
fn an_approved_call_survives_every_crash_with_its_one_approval() {
    // Commits: submission and question, answer, intent, outcome and end.
    let commits = (1..4).flat_map(|n| [Moment::BeforeCommit(n), Moment::AfterCommit(n)]);
    for moment in commits.chain([Moment::BeforeRun(0), Moment::AfterRun(0)]) {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let crash = Crash::at(Some(moment));
        let life = runtime();
        let (disk, task, approval, answered) = life.block_on(async {
            let bed = Bed::on(Disk::new(), Arc::clone(&crash)).await;
            let task = bed.submit("publish-flow").await;
            let approval = bed.asked(task).await;
            let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
            let signed = bed.signed(&shown, scalbotics_core::approval::Answer::Approve);
            let (bob, mut answered) = (bed.bob(), false);
            tokio::select! {
                done = bed.approvals.decide(&bob, approval, &signed) => {
                    done.unwrap();
                    answered = true;
                }
                () = crash.died() => {}
            }
            crash.died().await;
            let disk = Disk { now: bed.ports.clock.now(), store: Arc::new(bed.disk.store.restarted()), ..bed.disk.clone() };
            (disk, task, approval, answered)
        });
        drop(life);
        runtime().block_on(async {
            let bed = Bed::on(disk, Crash::at(None)).await;
            let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
            if shown.request.status == scalbotics_core::approval::Status::Waiting {
                assert!(!answered, "{moment:?}: an acknowledged answer is kept");
                let signed = bed.signed(&shown, scalbotics_core::approval::Answer::Approve);
                bed.approvals.decide(&bed.bob(), approval, &signed).await.unwrap();
            }
            assert_eq!(bed.ended(task).await.status, Status::Completed, "{moment:?}");
            let keys: std::collections::BTreeSet<_> =
                bed.disk.tools.sent().into_iter().map(|sent| (sent.key, sent.args)).collect();
            assert_eq!(keys.len(), 1, "{moment:?}");
            let used = bed.events(task).await.into_iter();
            let used = used.filter(|e| matches!(e, scalbotics_core::task::Event::Intended { approval: Some(_), .. }));
            assert_eq!(used.count(), 1, "{moment:?}: consumed once, though sent more often");
            bed.check_journal(task).await;
        });
    }
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_lapsed_while_the_daemon_was_down_sends_nothing() {
    let crash = Crash::at(Some(Moment::BeforeCommit(2)));
    let bed = Bed::on(Disk::new(), Arc::clone(&crash)).await;
    let task = bed.submit("publish-flow").await;
    let approval = bed.asked(task).await;
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    bed.approvals.decide(&bed.bob(), approval, &bed.signed(&shown, scalbotics_core::approval::Answer::Approve)).await.unwrap();
    crash.died().await;
    let later = bed.ports.clock.now().plus_ms(700_000);
    let disk = Disk { now: later, store: Arc::new(bed.disk.store.restarted()), ..bed.disk.clone() };
    let next = Bed::on(disk, Crash::at(None)).await;
    let state = next.ended(task).await;
    assert_eq!(state.failure, Some(scalbotics_core::task::Failure::ApprovalExpired));
    assert!(next.disk.tools.sent().is_empty());
    let request = next.approvals.request(&next.bob(), approval).await.unwrap();
    assert_eq!(request.status, scalbotics_core::approval::Status::Expired);
    next.check_journal(task).await;
}
