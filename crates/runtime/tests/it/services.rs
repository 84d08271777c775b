//! Services over fakes: for whom they act, what they are given, and what is not sent any more.

use std::sync::Arc;

use scalbotics_core::agent::Standing;
use scalbotics_core::policy::{Denial, Ruling};
use scalbotics_core::principal::Uid;
use scalbotics_core::service::{GRANT_LIFETIME_MAX_MS, Service, Sponsor};
use scalbotics_core::task::{Event, Failure, Status};
use scalbotics_core::time::Span;
use scalbotics_core::tool::Tier;
use scalbotics_runtime::Caller;
use scalbotics_runtime::people::{Error, Move, NewHuman, NewService, Renewal, Services};
use scalbotics_runtime::task::SubmitError;

use super::bed::{Bed, submission};
use super::repo::name;

fn services(bed: &Bed) -> Services {
    scalbotics_runtime::people::Service::new(
        bed.ports.clone(),
        bed.tasks.clone(),
        (Arc::clone(&bed.quota), Arc::clone(&bed.metrics)),
    )
    .services()
}

fn ci(tier_max: Tier, lifetime_ms: u64) -> NewService {
    let (login_key, lifetime) = ("the key of ci".to_owned(), Span::from_ms(lifetime_ms));
    NewService { name: name("ci"), groups: vec![name("operators")], login_key, tier_max, lifetime }
}

/// A service of Ada's, and a call of it.
async fn sponsored(bed: &Bed, new: NewService) -> (Service, Caller) {
    let service = services(bed).add(&bed.ada(), new, false).await.unwrap().now;
    let sponsor = Some(Sponsor { human: bed.disk.world.human.principal(), grant: service.link() });
    (service.clone(), Caller { principal: service.principal(), sponsor, ..bed.ada() })
}

#[tokio::test(start_paused = true)]
async fn sem_3_5_a_task_of_a_service_has_its_sponsor_at_the_head_and_ends_with_the_grant() {
    let bed = Bed::new().await;
    let (service, caller) = sponsored(&bed, ci(Tier::Risky, 60_000)).await;
    let task = bed.tasks.submit(&caller, &submission("keyed-flow")).await.unwrap().task;
    let envelope = bed.state(task).await.envelope;
    let (ada, clerk) = (bed.disk.world.human.uid, bed.disk.world.agent.uid);
    let uids: Vec<Uid> = envelope.chain.principals.iter().map(|principal| principal.uid).collect();
    assert_eq!(uids, [Uid::Human(ada), Uid::Service(service.uid), Uid::Agent(clerk)]);
    assert_eq!(envelope.chain.grants[0].id, service.grant.id, "the standing grant, as it holds for this task");
    assert!(envelope.chain.grants.iter().all(|grant| grant.task == Some(task)));
    assert_eq!(envelope.deadline, service.grant.expires_at, "sooner than the agent's budget ends");
    let ended = bed.ended(task).await;
    assert_eq!(ended.status, Status::Completed, "{:?}", ended.failure);
    bed.check_journal(task).await;
    let alone = Caller { sponsor: None, ..caller };
    assert!(matches!(bed.tasks.submit(&alone, &submission("keyed-flow")).await, Err(SubmitError::NotSponsor)));
}

#[tokio::test(start_paused = true)]
async fn a_call_above_the_tier_of_the_grant_is_denied() {
    let bed = Bed::new().await;
    let (_, caller) = sponsored(&bed, ci(Tier::Change, 60_000)).await;
    let task = bed.tasks.submit(&caller, &submission("publish-flow")).await.unwrap().task;
    let ended = bed.ended(task).await;
    assert_eq!(ended.failure, Some(Failure::PolicyDenied));
    let decision = bed.records().await.iter().filter(|record| record.task == Some(task)).find_map(|r| r.decision.clone());
    let decision = bed.decision(decision.unwrap().id).await;
    assert_eq!(decision.ruling, Ruling::Deny(Denial::Grant { link: 1 }));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_suspended_between_commit_and_send_sends_nothing() {
    let bed = Bed::new().await;
    let (service, caller) = sponsored(&bed, ci(Tier::Risky, 60_000)).await;
    let task = bed.tasks.submit(&caller, &submission("keyed-flow")).await.unwrap().task;
    assert!(bed.state(task).await.open_calls().next().is_some());
    services(&bed).set_standing(&bed.ada(), &service.name, Move::Suspend, false).await.unwrap();
    assert_eq!(bed.ended(task).await.failure, Some(Failure::PolicyDenied));
    assert!(bed.disk.tools.sent().is_empty());
    assert!(bed.events(task).await.iter().any(|event| matches!(event, Event::NotLanded { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_runs_for_a_service_ends_with_its_grant() {
    let bed = Bed::new().await;
    let (service, caller) = sponsored(&bed, ci(Tier::Risky, 5_000)).await;
    bed.crash.slow(60_000);
    let task = bed.tasks.submit(&caller, &submission("keyed-flow")).await.unwrap().task;
    let ended = bed.ended(task).await;
    assert_eq!(ended.failure, Some(Failure::DeadlineExceeded));
    assert!(ended.updated_at.since_ms(service.grant.expires_at) < 6_000, "{:?}", ended.updated_at);
    // A human who tries it again has the time that the agent's file gives.
    let again = bed.tasks.retry(&bed.ada(), task).await.unwrap().state.envelope;
    assert_eq!(again.deadline, again.submitted_at.plus_ms(3_600_000));
}

#[tokio::test(start_paused = true)]
async fn only_humans_sponsor_for_ninety_days_and_never_an_administrator() {
    let bed = Bed::new().await;
    let services = services(&bed);
    for group in ["admins", "approvers"] {
        let refused = services.add(&bed.ada(), NewService { groups: vec![name(group)], ..ci(Tier::Read, 60_000) }, false).await;
        assert!(matches!(refused, Err(Error::HumanGroup { .. })), "{group}: {refused:?}");
    }
    for lifetime_ms in [0, 999, GRANT_LIFETIME_MAX_MS + 1, u64::MAX] {
        let refused = services.add(&bed.ada(), ci(Tier::Read, lifetime_ms), false).await;
        assert!(matches!(refused, Err(Error::Lifetime)), "{lifetime_ms}: {refused:?}");
    }
    let dry = services.add(&bed.ada(), ci(Tier::Read, 60_000), true).await.unwrap();
    assert!(!dry.audited && services.list(bed.tenant()).await.unwrap().is_empty(), "a dry run registers nothing");
    let (_, caller) = sponsored(&bed, ci(Tier::Read, GRANT_LIFETIME_MAX_MS)).await;
    let other = NewService { name: name("cd"), ..ci(Tier::Read, 60_000) };
    assert!(matches!(services.add(&caller, other, false).await, Err(Error::NotSponsor)));
    let again = services.add(&bed.ada(), ci(Tier::Read, 60_000), false).await;
    assert!(matches!(again, Err(Error::Taken { .. })), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_its_services_alone_and_never_used_again() {
    let bed = Bed::new().await;
    let services = services(&bed);
    let cd = |key: &str| NewService { name: name("cd"), login_key: key.to_owned(), ..ci(Tier::Read, 60_000) };
    services.add(&bed.ada(), ci(Tier::Read, 60_000), false).await.unwrap();
    services.set_standing(&bed.ada(), &name("ci"), Move::Offboard, false).await.unwrap();
    for taken in [ci(Tier::Read, 60_000).login_key, bed.disk.world.human.login_key.clone()] {
        let refused = services.add(&bed.ada(), cd(&taken), false).await;
        assert!(matches!(refused, Err(Error::KeyTaken { .. })), "{taken}: {refused:?}");
    }
    services.add(&bed.ada(), cd("its own"), false).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_renews_sponsors_and_what_is_repeated_is_one_change() {
    let bed = Bed::new().await;
    let services = services(&bed);
    let once = Caller { repeat_key: Some("k".to_owned()), ..bed.ada() };
    let first = services.add(&once, ci(Tier::Change, 60_000), false).await.unwrap();
    let again = services.add(&once, ci(Tier::Change, 60_000), false).await.unwrap();
    assert_eq!((again.now, again.audited), (first.now.clone(), false), "the first answer, and nothing done");
    let renewal = Renewal { lifetime: Span::from_ms(90_000), tier_max: None };
    let renewed = services.renew(&bed.bob(), &name("ci"), renewal, false).await.unwrap().now;
    assert_ne!(renewed.grant.id, first.now.grant.id);
    let targets: Vec<String> = bed.records().await.into_iter().filter_map(|record| record.target).collect();
    for given in [&first.now, &renewed] {
        let target = format!("{}/{}", given.uid, given.grant.id);
        assert!(targets.contains(&target), "the log says which grant was given: {targets:?}");
    }
    assert_eq!((renewed.grant.sponsor, renewed.grant.tier_max), (bed.disk.bob.uid, Tier::Change));
    assert_eq!(renewed.grant.expires_at, renewed.grant.granted_at.plus_ms(90_000));
    let gone = services.set_standing(&bed.ada(), &name("ci"), Move::Offboard, false).await.unwrap().now;
    assert_eq!((gone.standing, gone.epoch), (Standing::Offboarded, 1));
    assert!(matches!(services.renew(&bed.ada(), &name("ci"), renewal, false).await, Err(Error::Gone { .. })));
    assert!(matches!(services.renew(&bed.ada(), &name("cd"), renewal, false).await, Err(Error::NotFound { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_human_gets_no_key_that_is_a_services_or_another_humans() {
    let bed = Bed::new().await;
    let people = scalbotics_runtime::people::Service::new(
        bed.ports.clone(),
        bed.tasks.clone(),
        (Arc::clone(&bed.quota), Arc::clone(&bed.metrics)),
    );
    let services = people.services();
    services.add(&bed.ada(), ci(Tier::Read, 60_000), false).await.unwrap();
    services.set_standing(&bed.ada(), &name("ci"), Move::Offboard, false).await.unwrap();
    let carol = |key: &str| NewHuman { name: name("carol"), groups: Vec::new(), login_key: key.to_owned() };
    for taken in [ci(Tier::Read, 60_000).login_key, bed.disk.world.human.login_key.clone()] {
        for only_check in [true, false] {
            let refused = people.add(&bed.ada(), carol(&taken), only_check).await;
            assert!(matches!(refused, Err(Error::KeyTaken { kind: "human", .. })), "{taken}: {refused:?}");
        }
    }
    // Two who ask at once: one of them has the key.
    let dave = NewHuman { name: name("dave"), ..carol("a new one") };
    let (ada, bob) = (bed.ada(), bed.bob());
    let cd = NewService { name: name("cd"), login_key: "a new one".to_owned(), ..ci(Tier::Read, 60_000) };
    let (human, service) = tokio::join!(people.add(&ada, dave, false), services.add(&bob, cd, false));
    assert!(human.is_ok() != service.is_ok(), "{human:?} {service:?}");
}
