//! Desired state: what comes into force, what does not, and what running tasks keep.

use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::agent::Standing;
use scalbotics_core::audit::Kind;
use scalbotics_core::ports::{AuditLog as _, all_agents};
use scalbotics_core::task::{Failure, Status};
use scalbotics_runtime::audit::Quota;
use scalbotics_runtime::reconcile::{POLL_MS, Reconciler, States};
use scalbotics_runtime::task::SubmitError;
use scalbotics_testkit::Reply;
use serde_json::json;

use super::bed::{Bed, Disk, submission};
use super::fakes::Crash;
use super::repo::{name, standard, tool};

#[tokio::test(start_paused = true)]
async fn a_bad_commit_leaves_the_last_good_one_in_force() {
    let bed = Bed::new().await;
    let mut files = standard();
    files.push(("bad", json!(1)));
    bed.disk.repo.commit("c2", &files);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let status = bed.reconciler.status();
    assert_eq!((status.in_force.as_deref(), status.head.as_deref()), (Some("c1"), Some("c2")));
    assert_eq!(status.findings.len(), 1);
    let loads = bed.records().await.into_iter().filter(|record| record.action == "repository.load").count();
    assert_eq!(loads, 2, "one record a commit, however often it is looked at");
    let task = bed.submit("pure-flow").await;
    assert_eq!(bed.ended(task).await.path.commit, "c1");
    bed.disk.repo.commit("c3", &standard());
    let status = bed.reconciler.look().await;
    assert_eq!((status.in_force.as_deref(), status.findings.len()), (Some("c3"), 0));
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_over_a_bad_commit_the_last_good_one_is_found() {
    let bed = Bed::new().await;
    let mut files = standard();
    files.push(("bad", json!(1)));
    bed.disk.repo.commit("c2", &files);
    bed.reconciler.look().await;
    let next = Bed::on(bed.disk.clone(), Crash::at(None)).await;
    let status = next.reconciler.status();
    assert_eq!((status.in_force.as_deref(), status.head.as_deref()), (Some("c1"), Some("c2")));
    assert!(!status.findings.is_empty());
}

#[tokio::test(start_paused = true)]
async fn sem_7_4_while_only_reads_are_served_no_other_commit_comes_into_force() {
    let bed = Bed::new().await;
    let mut files = standard();
    files.push(("agents/scribe", json!({"id": "scribe"})));
    bed.disk.repo.commit("c2", &files);
    let quota = Arc::new(Quota::default());
    quota.await_witness(true);
    let own = (Arc::clone(&bed.metrics), Arc::clone(&quota));
    let reconciler = Reconciler::among(&States::default(), bed.ports.clone(), bed.followed.clone(), own, POLL_MS);
    let before = bed.records().await.len();
    let status = reconciler.start(&bed.supervisor).await;
    assert_eq!(status.in_force.as_deref(), Some("c1"), "what was in force last is, so that reads are decided");
    assert_eq!(reconciler.look().await.in_force.as_deref(), Some("c1"));
    assert_eq!((bed.records().await.len(), all_agents(bed.disk.store.as_ref(), bed.tenant()).await.unwrap().len()), (before, 1));
    quota.confirm();
    assert_eq!(reconciler.look().await.in_force.as_deref(), Some("c2"));
    assert_eq!(all_agents(bed.disk.store.as_ref(), bed.tenant()).await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn with_nothing_good_nothing_is_taken_on() {
    let disk = Disk::new();
    disk.repo.commit("c0", &[("bad", json!(1))]);
    let bed = Bed::on(disk, Crash::at(None)).await;
    let error = bed.tasks.submit(&bed.ada(), &submission("pure-flow")).await.unwrap_err();
    assert!(matches!(error, SubmitError::NothingInForce));
    bed.disk.repo.forget("c0");
    let status = bed.reconciler.look().await;
    assert!(status.unreadable.is_none(), "a head that was seen is not loaded again");
}

#[tokio::test(start_paused = true)]
async fn new_agents_are_registered_once_and_suspension_wins() {
    let bed = Bed::new().await;
    let mut files = standard();
    files.push(("agents/scribe", json!({"id": "scribe"})));
    bed.disk.repo.commit("c2", &files);
    bed.reconciler.look().await;
    let agents = all_agents(bed.disk.store.as_ref(), bed.tenant()).await.unwrap();
    assert_eq!(agents.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), ["clerk", "scribe"]);
    assert_eq!(agents[0].uid, bed.disk.world.agent.uid);
    bed.suspend().await;
    bed.disk.repo.commit("c3", &files);
    bed.reconciler.look().await;
    let again = all_agents(bed.disk.store.as_ref(), bed.tenant()).await.unwrap();
    assert_eq!((again.len(), again[0].standing, again[1].uid), (2, Standing::Suspended, agents[1].uid));
    let registered = bed.records().await.into_iter().filter(|r| r.action == "agent.register" && r.kind == Kind::Installation);
    assert_eq!(registered.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fleet_is_registered_by_one_commit_and_the_next_one_shares_it() {
    let bed = Bed::new().await;
    let mut files = standard();
    let names: Vec<String> = (0..1_500).map(|n| format!("walker-{n:04}")).collect();
    let paths: Vec<String> = names.iter().map(|name| format!("agents/{name}")).collect();
    files.extend(paths.iter().zip(&names).map(|(path, name)| (path.as_str(), json!({"id": name}))));
    bed.disk.repo.commit("c2", &files);
    let size = async || bed.disk.store.head(bed.tenant()).await.unwrap().size;
    let records = size().await;
    assert_eq!(bed.reconciler.look().await.in_force.as_deref(), Some("c2"));
    assert_eq!(size().await, records + 1_501, "one for each agent, and the commit's");
    let agents = all_agents(bed.disk.store.as_ref(), bed.tenant()).await.unwrap();
    let found: Vec<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(found, [vec!["clerk"], names.iter().map(String::as_str).collect()].concat(), "each once, over pages");
    let before = bed.reconciler.states().current(bed.tenant()).unwrap();
    files.push(("agents/scribe", json!({"id": "scribe"})));
    bed.disk.repo.commit("c3", &files);
    bed.reconciler.look().await;
    let after = bed.reconciler.states().current(bed.tenant()).unwrap();
    assert_eq!((before.snapshot.agents.len(), after.snapshot.agents.len()), (1_501, 1_502));
    for (name, agent) in &before.snapshot.agents {
        assert!(Arc::ptr_eq(agent, &after.snapshot.agents[name]), "{name}");
    }
    assert_eq!(size().await, records + 1_503);
}

#[tokio::test(start_paused = true)]
async fn a_task_keeps_its_workflow_and_refuses_another_tool() {
    let bed = Bed::new().await;
    let (kept, broken) = (bed.submit("publish-flow").await, bed.submit("publish-flow").await);
    let (first, second) = (bed.asked(kept).await, bed.asked(broken).await);
    let mut files = standard();
    files.retain(|(path, _)| !path.starts_with("workflows/"));
    bed.disk.repo.commit("c2", &files);
    bed.reconciler.look().await;
    assert!(matches!(bed.tasks.submit(&bed.ada(), &submission("publish-flow")).await, Err(SubmitError::UnknownWorkflow { .. })));
    let approve = async |approval| {
        let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
        bed.approvals.decide(&bed.bob(), approval, &bed.signed(&shown, scalbotics_core::approval::Answer::Approve)).await.unwrap()
    };
    approve(first).await;
    assert_eq!(bed.ended(kept).await.status, Status::Completed);
    let mut files = standard();
    files.retain(|(path, _)| *path != "tools/publish" && *path != "workflows/publish");
    files.push(("tools/publish", tool("publish", "opaque", 2)));
    bed.disk.repo.commit("c3", &files);
    bed.reconciler.look().await;
    approve(second).await;
    let state = bed.ended(broken).await;
    assert_eq!(state.failure, Some(Failure::Unavailable));
    assert_eq!(bed.disk.tools.sent().len(), 1, "approved was the tool of that digest, and no other runs");
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_gone_ends_the_tasks_that_need_it_to_go_on() {
    let bed = Bed::new().await;
    bed.disk.tools.script("look", Reply::Lose);
    let task = bed.submit("publish-flow").await;
    bed.asked(task).await;
    bed.disk.repo.commit("c2", &standard());
    bed.disk.repo.forget("c1");
    let disk = Disk { now: bed.ports.clock.now().plus_ms(700_000), ..bed.disk.clone() };
    let next = Bed::on(disk, Crash::at(None)).await;
    assert_eq!(next.ended(task).await.failure, Some(Failure::ApprovalExpired));
    assert!(next.reconciler.status().in_force.as_deref() == Some("c2") && name("clerk").as_str() == "clerk");
}

#[tokio::test(start_paused = true)]
async fn a_later_step_does_not_run_another_tool_than_the_task_was_submitted_under() {
    let bed = Bed::new().await;
    bed.crash.slow(1_000);
    let task = bed.submit("keyed-flow").await;
    let mut files = standard();
    files.retain(|(path, _)| *path != "tools/keyed");
    files.push(("tools/keyed", tool("keyed", "opaque", 1)));
    bed.disk.repo.commit("c2", &files);
    bed.reconciler.look().await;
    let state = bed.ended(task).await;
    assert_eq!(state.failure, Some(Failure::Unavailable));
    let view = bed.tasks.get(&bed.ada(), task, false).await.unwrap();
    assert!(view.failure_detail.unwrap().contains("`keyed` was changed"));
    assert_eq!(bed.disk.tools.sent().len(), 1);
}
