//! Joining over fakes: whose certificate is issued, once for a token, and what ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::svid::{ROTATION_OVERLAP_MS, Svid};
use scalbotics_core::identity::{JOIN_TOKEN_LIFETIME_MS, JOIN_TOKENS_MAX, SpiffeId, TrustDomain};
use scalbotics_core::ids::RequestId;
use scalbotics_core::ports::{Human, IssuedSvid, SvidFilter};
use scalbotics_core::principal::Uid;
use scalbotics_core::task::TraceContext;
use scalbotics_core::tenant::TenantId;
use scalbotics_runtime::identity::{Basis, By, Enrolment, Error, Issuance, Made, Order, Spoiled, Terms, TimeTrust};
use scalbotics_runtime::people::{Move, Service as People};
use scalbotics_runtime::{Caller, ChangeError};
use scalbotics_testkit::FakeAuthority;

use super::bed::Bed;
use super::repo::name;

/// Life of a certificate here, in milliseconds.
const LIFE_MS: u64 = 3_600_000;

#[derive(Debug, Default)]
struct Doubt(AtomicBool);

impl TimeTrust for Doubt {
    fn is_believed(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

struct Joining {
    bed: Bed,
    issuance: Issuance,
    doubt: Arc<Doubt>,
}

impl Joining {
    async fn new() -> Self {
        let bed = Bed::new().await;
        let trust_domain = TrustDomain::parse("td.test").unwrap();
        let authority = Arc::new(FakeAuthority::new(trust_domain.clone(), bed.ports.clock.now()));
        let doubt = Arc::new(Doubt::default());
        let numbers = (Arc::clone(&bed.quota), Arc::clone(&bed.metrics));
        let terms = Terms { trust_domain, lifetime_ms: LIFE_MS };
        let issuance = Issuance::new(bed.ports.clone(), (authority, doubt.clone()), numbers, terms);
        Self { bed, issuance, doubt }
    }

    fn people(&self) -> People {
        People::new(self.bed.ports.clone(), self.bed.tasks.clone(), (Arc::clone(&self.bed.quota), Arc::clone(&self.bed.metrics)))
    }

    async fn token(&self) -> Made {
        self.issuance.make_token(&self.bed.ada(), &name("clerk")).await.unwrap()
    }

    async fn enroll(&self, secret: &[u8], agent: &str, tenant: Option<&str>) -> Result<(IssuedSvid, Agent), Error> {
        let (agent, tenant) = (name(agent), tenant.map(|tenant| TenantId::parse(tenant).unwrap()));
        let trace = TraceContext::begin([3; 32]);
        let request = RequestId::from_u128(5);
        let worker = Enrolment { secret, tenant: tenant.as_ref(), agent: &agent, request, trace: &trace };
        self.issuance.enroll(&worker, |id: &SpiffeId| Ok::<_, Error>(format!("the key of {id}").into_bytes())).await
    }

    async fn svid(&self, issued: &IssuedSvid) -> Svid {
        self.bed.ports.svids.svid(&issued.serial).await.unwrap().unwrap()
    }

    async fn all(&self) -> Vec<Svid> {
        let tenant = self.bed.tenant().clone();
        let from = scalbotics_core::time::Timestamp::from_unix_ms(0);
        self.bed.ports.svids.svids(&SvidFilter { tenant, agent: None, from, after: None, limit: 100 }).await.unwrap()
    }

    async fn words(&self) -> Vec<String> {
        let records = self.bed.records().await;
        let own = records.into_iter().filter(|record| record.action == "identity.enroll");
        own.map(|record| record.outcome.unwrap().word).collect()
    }

    async fn renew(&self, svid: &Svid) -> Result<IssuedSvid, Error> {
        let caller = Caller { principal: self.bed.ada().principal, ..self.bed.ada() };
        let basis = Basis::Renewal(svid.clone());
        let order = Order { agent: svid.agent, key_spki: b"another key".to_vec(), basis, by: By::Caller(&caller) };
        self.issuance.issue(order).await
    }
}

fn spoiled(result: Result<(IssuedSvid, Agent), Error>) -> Spoiled {
    match result {
        Err(Error::Token(spoiled)) => spoiled,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn security_4_a_token_is_used_once_and_what_it_gives_is_its_agents() {
    let it = Joining::new().await;
    let made = it.token().await;
    let kept = it.bed.ports.join_tokens.join_token(&made.token.digest).await.unwrap().unwrap();
    assert_eq!(kept, made.token);
    assert!(!format!("{kept:?}").contains(&format!("{:?}", made.secret)), "only its digest is kept");
    let (issued, agent) = it.enroll(&made.secret, "clerk", Some("acme")).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&issued.chain[0]), "spiffe://td.test/acme/agent/clerk 1");
    let svid = it.svid(&issued).await;
    assert_eq!((svid.agent, svid.epoch, svid.joined), (agent.uid, agent.epoch, Some(made.token.joined)));
    assert_eq!(svid.key, Digest::of_bytes(b"the key of spiffe://td.test/acme/agent/clerk"));
    assert_eq!(spoiled(it.enroll(&made.secret, "clerk", None).await), Spoiled::Used);
    assert_eq!(spoiled(it.enroll(&[0; 32], "clerk", None).await), Spoiled::Unknown);
    assert_eq!(it.all().await, [svid]);
    // Guesses leave no record of their own: they would fill the log.
    assert_eq!(it.words().await, ["ok", "alarm_token_used"]);
    let records = it.bed.records().await;
    let record = records.iter().find(|record| record.action == "identity.enroll").unwrap();
    assert_eq!(record.chain, [Uid::Human(made.token.joined.sponsor), Uid::Agent(agent.uid)], "a human stands before it");
    let numbers = &it.bed.metrics.identity;
    assert_eq!((numbers.svids_issued.get(), numbers.join_tokens_made.get(), numbers.tokens_refused()), (1, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn security_4_another_name_a_late_use_and_a_suspension_are_refused() {
    let it = Joining::new().await;
    let made = it.token().await;
    for (agent, tenant) in [("ghost", None), ("clerk", Some("other"))] {
        assert_eq!(spoiled(it.enroll(&made.secret, agent, tenant).await), Spoiled::OtherAgent, "{agent} {tenant:?}");
    }
    tokio::time::advance(Duration::from_millis(JOIN_TOKEN_LIFETIME_MS - 1)).await;
    let in_time = it.token().await;
    it.enroll(&made.secret, "clerk", None).await.unwrap();
    tokio::time::advance(Duration::from_millis(JOIN_TOKEN_LIFETIME_MS)).await;
    assert_eq!(spoiled(it.enroll(&in_time.secret, "clerk", None).await), Spoiled::Late);
    let before = it.token().await;
    let (ada, clerk) = (it.bed.ada(), name("clerk"));
    it.people().move_agent(&ada, &clerk, Move::Suspend, false).await.unwrap();
    assert_eq!(spoiled(it.enroll(&before.secret, "clerk", None).await), Spoiled::Void);
    assert!(matches!(it.issuance.make_token(&ada, &clerk).await, Err(Error::NotActive { .. })));
    it.people().move_agent(&ada, &clerk, Move::Resume, false).await.unwrap();
    assert_eq!(spoiled(it.enroll(&before.secret, "clerk", None).await), Spoiled::Void, "of an epoch that is over");
    let anew = it.token().await;
    it.enroll(&anew.secret, "clerk", None).await.unwrap();
    let other = "alarm_token_other_agent";
    assert_eq!(it.words().await, [other, other, "ok", "alarm_token_late", "alarm_token_void", "alarm_token_void", "ok"]);
}

#[tokio::test(start_paused = true)]
async fn security_4_a_token_of_somebody_who_was_suspended_lets_nobody_join() {
    let it = Joining::new().await;
    let made = it.token().await;
    let sponsor = it.bed.ports.registry.human_by_uid(made.token.joined.sponsor).await.unwrap().unwrap();
    let record = || it.bed.disk.world.record(scalbotics_core::audit::Kind::Rpc, "human.suspend");
    let suspended = Human { standing: Standing::Suspended, epoch: sponsor.epoch + 1, ..sponsor };
    it.bed.ports.registry.put_human(suspended.clone(), record().into()).await.unwrap();
    assert_eq!(spoiled(it.enroll(&made.secret, "clerk", None).await), Spoiled::Late);
    let resumed = Human { standing: Standing::Active, ..suspended };
    it.bed.ports.registry.put_human(resumed, record().into()).await.unwrap();
    assert_eq!(spoiled(it.enroll(&made.secret, "clerk", None).await), Spoiled::Late, "what was taken away stays so");
    assert_eq!(it.all().await, []);
}

#[tokio::test(start_paused = true)]
async fn security_4_a_token_that_is_tried_all_day_fills_no_log_and_nothing_is_read_beside_it() {
    let it = Joining::new().await;
    let made = it.token().await;
    it.enroll(&made.secret, "clerk", None).await.unwrap();
    for _ in 0..100 {
        assert_eq!(spoiled(it.enroll(&made.secret, "clerk", None).await), Spoiled::Used);
    }
    let alarms = it.words().await.into_iter().filter(|word| word == "alarm_token_used").count();
    assert_eq!((alarms, it.bed.metrics.identity.tokens_refused()), (8, 100), "beyond a few it is only counted");
    let other = it.token().await;
    assert_eq!(spoiled(it.enroll(&other.secret, "ghost", None).await), Spoiled::OtherAgent);
    assert_eq!(it.words().await.last().unwrap(), "alarm_token_other_agent", "another token has its own");
    // Whoever has a token that does not count is told nothing about the request that comes with it.
    let (clerk, trace) = (name("clerk"), TraceContext::begin([3; 32]));
    let request = RequestId::from_u128(5);
    let worker = Enrolment { secret: &made.secret, tenant: None, agent: &clerk, request, trace: &trace };
    let unread = it.issuance.enroll(&worker, |_| -> Result<Vec<u8>, Error> { panic!("it was read") }).await;
    assert_eq!(spoiled(unread), Spoiled::Used);
}

#[tokio::test(start_paused = true)]
async fn sem_9_1_a_renewal_that_is_asked_for_again_is_the_same_certificate() {
    let it = Joining::new().await;
    let made = it.token().await;
    let (issued, _) = it.enroll(&made.secret, "clerk", None).await.unwrap();
    let svid = it.svid(&issued).await;
    let again = Caller { repeat_key: Some("once".to_owned()), ..it.bed.ada() };
    let key = b"the next key".to_vec();
    let first = it.issuance.renew(&again, svid.clone(), key.clone()).await.unwrap();
    let second = it.issuance.renew(&again, svid.clone(), key.clone()).await.unwrap();
    assert_eq!((first.audited, second.audited, &first.now), (true, false, &second.now));
    assert_eq!(it.all().await.len(), 2);
    let other = it.issuance.renew(&again, svid.clone(), b"another key".to_vec()).await;
    assert!(matches!(other, Err(Error::Change(ChangeError::KeyReused))), "{other:?}");
    let third = it.issuance.renew(&it.bed.ada(), svid, key).await.unwrap();
    assert_ne!(third.now.serial, first.now.serial, "without an id each request is its own");
}

#[tokio::test(start_paused = true)]
async fn security_4_of_many_who_race_one_joins() {
    let it = Joining::new().await;
    let made = it.token().await;
    let racers = (0..100).map(|_| it.enroll(&made.secret, "clerk", None));
    let joined = futures_util::future::join_all(racers).await;
    assert_eq!(joined.iter().filter(|joined| joined.is_ok()).count(), 1);
    assert_eq!(it.all().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn sem_4_8_new_keys_leave_a_minute_and_a_stolen_one_none() {
    let it = Joining::new().await;
    let made = it.token().await;
    let (issued, agent) = it.enroll(&made.secret, "clerk", None).await.unwrap();
    let now = it.bed.ports.clock.now();
    let rotated = it.issuance.rotate_keys(&it.bed.ada(), &name("clerk")).await.unwrap();
    assert_eq!((rotated.now, rotated.audited), (now.plus_ms(ROTATION_OVERLAP_MS), true));
    let old = it.svid(&issued).await;
    assert_eq!(old.void_at, rotated.now);
    let renewed = it.renew(&old).await.unwrap();
    let new = it.svid(&renewed).await;
    assert_eq!((new.joined, new.void_at), (old.joined, new.not_after), "the same human stands for it");
    tokio::time::advance(Duration::from_millis(ROTATION_OVERLAP_MS)).await;
    assert!(matches!(it.renew(&old).await, Err(Error::NotActive { .. })), "its minute is over");
    // Stolen: whatever there is, at once; a renewal that was on its way comes too late.
    let voided = it.people().void_keys(&it.bed.ada(), &name("clerk")).await.unwrap();
    assert_eq!((voided.now.epoch, voided.now.standing), (agent.epoch + 1, Standing::Active));
    assert!(matches!(it.renew(&new).await, Err(Error::NotActive { .. })));
    assert!(it.all().await.iter().all(|svid| svid.void_at <= it.bed.ports.clock.now()));
    let anew = it.token().await;
    it.enroll(&anew.secret, "clerk", None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn sem_9_1_a_token_is_told_once() {
    let it = Joining::new().await;
    let again = Caller { repeat_key: Some("once".to_owned()), ..it.bed.ada() };
    it.issuance.make_token(&again, &name("clerk")).await.unwrap();
    assert!(matches!(it.issuance.make_token(&again, &name("clerk")).await, Err(Error::Answered)));
    let other = it.issuance.make_token(&again, &name("ghost")).await;
    assert!(matches!(other, Err(Error::Change(ChangeError::KeyReused))), "{other:?}");
    for _ in 1..JOIN_TOKENS_MAX {
        it.token().await;
    }
    assert!(matches!(it.issuance.make_token(&it.bed.ada(), &name("clerk")).await, Err(Error::TooMany { .. })));
}

#[tokio::test(start_paused = true)]
async fn sem_4_7_nothing_is_issued_by_a_clock_that_is_not_believed() {
    let it = Joining::new().await;
    let made = it.token().await;
    it.doubt.0.store(true, Ordering::Relaxed);
    assert!(matches!(it.issuance.make_token(&it.bed.ada(), &name("clerk")).await, Err(Error::Clock)));
    assert!(matches!(it.enroll(&made.secret, "clerk", None).await, Err(Error::Clock)));
    assert!(matches!(it.issuance.rotate_keys(&it.bed.ada(), &name("clerk")).await, Err(Error::Clock)));
    it.doubt.0.store(false, Ordering::Relaxed);
    it.enroll(&made.secret, "clerk", None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_attested_process_gets_a_certificate_that_nobody_stands_for() {
    let it = Joining::new().await;
    let agent = it.bed.disk.world.agent.uid;
    let order = |agent| Order { agent, key_spki: b"key".to_vec(), basis: Basis::Attested, by: By::Daemon };
    let issued = it.issuance.issue(order(agent)).await.unwrap();
    let svid = it.svid(&issued).await;
    assert_eq!((svid.joined, svid.link()), (None, None));
    it.bed.suspend().await;
    assert!(matches!(it.issuance.issue(order(agent)).await, Err(Error::NotActive { .. })));
    let nobody = scalbotics_core::ids::AgentUid::from_u128(77);
    assert!(matches!(it.issuance.issue(order(nobody)).await, Err(Error::NotFound)));
}
