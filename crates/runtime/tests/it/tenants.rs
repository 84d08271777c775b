//! Tenants, for whoever operates the installation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use scalbotics_core::agent::Standing;
use scalbotics_core::audit::Record;
use scalbotics_core::ports::{AuditQuery, RemoteRepository, Tenant, TenantRegistry as _};
use scalbotics_core::secret::Secret;
use scalbotics_core::task::{Event, Failure};
use scalbotics_core::tenant::TenantId;
use scalbotics_runtime::Caller;
use scalbotics_runtime::tenants::{Error, NewAdmin, NewTenant, Premises, Service};
use scalbotics_testkit::Reply;

use super::bed::Bed;
use super::repo::name;

/// Counts how often a place is made, and fails where it shall.
#[derive(Debug, Default)]
struct Places {
    made: AtomicUsize,
    fails: bool,
}

#[async_trait]
impl Premises for Places {
    async fn make(&self, _: &Tenant, _: Option<&Secret>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.made.fetch_add(1, Ordering::Relaxed);
        if self.fails { Err("the disk is full".into()) } else { Ok(()) }
    }
}

fn beta() -> TenantId {
    TenantId::parse("beta").unwrap()
}

/// Whoever operates the installation is not the tenant of the bed.
fn service(bed: &Bed) -> Service {
    let operating = TenantId::parse("operators").unwrap();
    Service::new(bed.ports.clone(), bed.tasks.clone(), operating, Arc::clone(&bed.quota))
}

fn new(admin: Option<&str>) -> NewTenant {
    let admin = admin.map(|admin| NewAdmin { name: name(admin), login_key: format!("key of {admin}") });
    NewTenant { id: beta(), branch: "main".to_owned(), overlay: None, host_access: false, remote: None, token: None, admin }
}

async fn installation_log(bed: &Bed) -> Vec<Record> {
    let query = AuditQuery { limit: 100, ..AuditQuery::default() };
    let entries = bed.ports.audit_log.read(&TenantId::system(), &query).await.unwrap();
    entries.iter().map(|entry| serde_json::from_slice(&entry.leaf).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_tenant_is_added_with_its_first_human_once() {
    let bed = Bed::new().await;
    let (service, places) = (service(&bed), Places::default());
    let caller = Caller { repeat_key: Some("once".to_owned()), ..bed.ada() };
    let added = service.add(&caller, new(Some("eve")), &places, false).await.unwrap();
    assert!(added.audited);
    assert_eq!(service.get(&beta()).await.unwrap(), Some(added.now.clone()));
    let eve = bed.ports.registry.human(&beta(), &name("eve")).await.unwrap().unwrap();
    assert_eq!((eve.groups, eve.standing), (vec![name("admins")], Standing::Active));
    let told = installation_log(&bed).await;
    let created = told.iter().filter(|record| record.action == "tenant.create" && record.target.as_deref() == Some("beta"));
    assert_eq!(created.count(), 1, "the installation log says who was added");
    assert!(bed.records().await.iter().any(|record| record.action == "tenant.add"), "and the caller's who has added it");

    let again = service.add(&caller, new(Some("eve")), &places, false).await.unwrap();
    assert_eq!((again.now, again.audited), (added.now, false), "the same request has the same answer");
    assert!(matches!(service.add(&bed.ada(), new(None), &places, false).await, Err(Error::Taken { .. })));
    let own = NewTenant { id: TenantId::system(), ..new(None) };
    assert!(matches!(service.add(&bed.ada(), own, &places, false).await, Err(Error::Own { .. })));
    assert_eq!(places.made.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_try_has_left_is_used_by_the_next() {
    let bed = Bed::new().await;
    let service = service(&bed);
    let full = Places { fails: true, ..Places::default() };
    assert!(matches!(service.add(&bed.ada(), new(Some("mallory")), &full, false).await, Err(Error::Premises { .. })));
    assert_eq!(service.get(&beta()).await.unwrap(), None, "it is registered last");
    let places = Places::default();
    service.add(&bed.ada(), new(Some("eve")), &places, true).await.unwrap();
    assert_eq!((service.get(&beta()).await.unwrap(), places.made.load(Ordering::Relaxed)), (None, 0), "a dry run makes nothing");
    service.add(&bed.ada(), new(Some("eve")), &places, false).await.unwrap();
    let all = bed.ports.roster.humans(&beta()).await.unwrap();
    assert_eq!(all.iter().map(|human| human.name.as_str()).collect::<Vec<_>>(), ["eve"], "nobody of the try that failed");
}

#[tokio::test(start_paused = true)]
async fn the_token_of_a_remote_repository_is_a_secret_of_the_tenant() {
    let bed = Bed::new().await;
    let url = "https://git.example/beta.git".to_owned();
    let remote = RemoteRepository { url, user: None, token: Some(name("repository-token")) };
    let with_token =
        || NewTenant { remote: Some(remote.clone()), token: Some(Secret::new(b"s3cret-value".to_vec())), ..new(None) };
    let added = service(&bed).add(&bed.ada(), with_token(), &Places::default(), false).await.unwrap();
    assert!(!serde_json::to_string(&added.now).unwrap().contains("s3cret"));
    let kept = bed.ports.secret_store.get(&beta(), &name("repository-token")).await.unwrap().unwrap();
    assert_eq!((kept.facts.version, kept.facts.tenant), (1, beta()));
    assert!(bed.ports.secret_store.get(bed.tenant(), &name("repository-token")).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_suspended_tenant_is_stopped_in_the_middle_of_a_call() {
    let bed = Bed::new().await;
    let (service, tenant) = (service(&bed), bed.tenant().clone());
    bed.disk.tools.script("pure", Reply::UntilStopped);
    let task = bed.submit("pure-flow").await;
    bed.until(task, |state| state.account.taken().calls == 2 && state.open_calls().next().is_some()).await;
    let moved = service.set_standing(&bed.ada(), &tenant, Standing::Suspended, false).await.unwrap();
    assert_eq!((moved.now.standing, moved.audited), (Standing::Suspended, true));
    assert_eq!(bed.ended(task).await.failure, Some(Failure::AgentSuspended));
    let sent = bed.disk.tools.sent().len();
    let same = service.set_standing(&bed.ada(), &tenant, Standing::Suspended, false).await.unwrap();
    assert!(!same.audited, "there is nothing to change");
    // Resumed, it goes on: nobody's epoch rose.
    service.set_standing(&bed.ada(), &tenant, Standing::Active, false).await.unwrap();
    bed.disk.tools.script("pure", Reply::Land(b"{}".to_vec()));
    assert!(bed.ended(bed.submit("pure-flow").await).await.failure.is_none());
    assert!(bed.disk.tools.sent().len() > sent);
    let told: Vec<String> = installation_log(&bed).await.into_iter().map(|record| record.action).collect();
    assert!(told.ends_with(&["tenant.suspend".to_owned(), "tenant.resume".to_owned()]), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_suspended_between_commit_and_send_sends_nothing() {
    let bed = Bed::new().await;
    let task = bed.submit("keyed-flow").await;
    // The intent is durable and its actor has not run yet.
    assert!(bed.state(task).await.open_calls().next().is_some());
    service(&bed).set_standing(&bed.ada(), bed.tenant(), Standing::Suspended, false).await.unwrap();
    assert_eq!(bed.ended(task).await.failure, Some(Failure::AgentSuspended));
    assert!(bed.disk.tools.sent().is_empty());
    assert!(bed.events(task).await.iter().any(|event| matches!(event, Event::NotLanded { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_operating_tenant_is_never_suspended_and_an_absent_one_is_absent() {
    let bed = Bed::new().await;
    let own = Service::new(bed.ports.clone(), bed.tasks.clone(), bed.tenant().clone(), Arc::clone(&bed.quota));
    let suspend = async |id: &TenantId| own.set_standing(&bed.ada(), id, Standing::Suspended, false).await;
    assert!(matches!(suspend(bed.tenant()).await, Err(Error::Operating { .. })));
    assert!(matches!(suspend(&beta()).await, Err(Error::NotFound { .. })));
    assert_eq!(bed.disk.store.tenant(bed.tenant()).await.unwrap().unwrap().standing, Standing::Active);
}
