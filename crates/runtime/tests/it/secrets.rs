//! Secrets over fakes: who gets a value, what is written of it, and what is taken out of what tools say.

use std::sync::Arc;

use async_trait::async_trait;
use scalbotics_core::audit::Kind;
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{SecretSource, Stop, StoreError, ToolRunner};
use scalbotics_core::principal::Uid;
use scalbotics_core::secret::{RevealError, SECRETS_MAX, Secret, SecretRef, VALUE_LEN_MAX};
use scalbotics_core::task::Status;
use scalbotics_core::tool::{Call, Definition, NotDone, Outcome, ResolvedInput, Verification};
use scalbotics_runtime::secret::{Error, MaskingRunner, Masks, Own, Reserved, Service, Source};
use scalbotics_runtime::{Caller, ChangeError};

use super::bed::{Bed, Disk};
use super::fakes::Crash;
use super::repo::name;

/// A tool that says the value that it was given.
#[derive(Debug)]
struct Says {
    source: Arc<dyn SecretSource>,
    secret: &'static str,
}

#[async_trait]
impl ToolRunner for Says {
    async fn resolve(&self, _: &Definition, _: &Call) -> Result<Vec<ResolvedInput>, NotDone> {
        Ok(Vec::new())
    }

    async fn run(&self, _: &Definition, warrant: Warrant<Call>, _: &dyn Stop) -> Outcome {
        let reference: SecretRef = self.secret.parse().unwrap();
        match self.source.reveal(&warrant, &reference).await {
            Ok(value) => {
                let said = [b"{\"text\":\"".as_slice(), value.expose(), b"\"}"].concat();
                Outcome::Landed { output: said, truncated: false }
            }
            Err(error @ RevealError::NotFound { .. }) => {
                Outcome::NeverLeft { reason: NotDone::Arguments { reason: error.to_string() } }
            }
            Err(error) => Outcome::NeverLeft { reason: NotDone::Unavailable { reason: error.to_string() } },
        }
    }

    async fn verify(&self, _: &Definition, _: &Call) -> (Verification, Option<Vec<u8>>) {
        (Verification::Unknown, None)
    }

    async fn prove_dead(&self, _: &Definition, _: &Call, _: u32) -> bool {
        true
    }
}

/// A runtime whose tools say `secret`, and the service of its secrets.
async fn bed(secret: &'static str) -> (Bed, Service) {
    let (bed, service, _) = bed_reserving(secret, None).await;
    (bed, service)
}

/// The same, in which one secret is the daemon's own.
async fn bed_reserving(secret: &'static str, reserved: Option<SecretRef>) -> (Bed, Service, Arc<Masks>) {
    let mut masks = None;
    let bed = Bed::over(Disk::new(), Crash::at(None), |ports, _| {
        let made = Arc::new(Masks::new(Arc::clone(&ports.secret_store), Arc::clone(&ports.cipher)));
        let (store, cipher, clock) = (&ports.secret_store, &ports.cipher, &ports.clock);
        let own = Reserved::default();
        own.add(reserved.clone());
        let source = Source::new(Arc::clone(store), Arc::clone(cipher), Arc::clone(clock), Arc::clone(&made)).reserving(own);
        let says = Arc::new(Says { source: Arc::new(source), secret });
        ports.tools = Arc::new(MaskingRunner::new(says, Arc::clone(&made)));
        masks = Some(made);
    })
    .await;
    let masks = masks.unwrap();
    let service = Service::new(bed.ports.clone(), Arc::clone(&masks), Arc::clone(&bed.quota));
    (bed, service, masks)
}

fn value(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn again(caller: Caller, key: &str) -> Caller {
    Caller { repeat_key: Some(key.to_owned()), ..caller }
}

#[tokio::test(start_paused = true)]
async fn a_value_goes_to_its_warrant_with_a_record_and_to_no_output() {
    let (bed, secrets) = bed("secret://acme/token").await;
    let put = secrets.put(&bed.ada(), &name("token"), &value("quoth-the-nightjar"), false).await.unwrap();
    assert!(put.audited);
    let task = bed.submit("pure-flow").await;
    assert_eq!(bed.ended(task).await.status, Status::Completed);
    let used: Vec<_> = bed.records().await.into_iter().filter(|record| record.kind == Kind::Secret).collect();
    let calls = bed.state(task).await.calls.len();
    assert!(calls > 0 && used.len() == calls, "one for each warrant: {used:?}");
    assert!(used.iter().all(|record| record.task == Some(task) && record.effect.is_some()), "{used:?}");
    assert!(used.iter().all(|record| record.target == Some(format!("{}/1", put.now.id))), "{used:?}");
    assert!(bed.tasks.result(&bed.ada(), task).await.unwrap().to_string().contains("***"));
    let stored = secrets.get(bed.tenant(), &name("token")).await.unwrap().unwrap();
    assert!(stored.used_at.is_some());
    // What was replaced stays hidden: a tool that has it may still run.
    secrets.rotate(&bed.ada(), &name("token"), &value("another-value-now"), false).await.unwrap();
    let next = bed.submit("pure-flow").await;
    bed.ended(next).await;
    let last = bed.records().await.into_iter().rfind(|record| record.kind == Kind::Secret).unwrap();
    assert_eq!(last.target, Some(format!("{}/2", put.now.id)));
    assert!(bed.tasks.result(&bed.ada(), next).await.unwrap().to_string().contains("***"));
}

#[tokio::test(start_paused = true)]
async fn the_daemons_own_secret_is_no_tools_and_each_version_is_on_record_once() {
    let reference: SecretRef = "secret://acme/token".parse().unwrap();
    let (bed, secrets, masks) = bed_reserving("secret://acme/token", Some(reference.clone())).await;
    let ports = &bed.ports;
    let own = Own::new(
        reference,
        Arc::clone(&ports.secret_store),
        Arc::clone(&ports.cipher),
        Arc::clone(&ports.clock),
        Arc::clone(&masks),
    );
    assert!(matches!(own.value().await, Err(RevealError::NotFound { .. })));
    secrets.put(&bed.ada(), &name("token"), &value("token-of-the-remote"), false).await.unwrap();
    let task = bed.submit("pure-flow").await;
    assert_eq!(bed.ended(task).await.status, Status::Failed);
    let detail = bed.tasks.get(&bed.ada(), task, false).await.unwrap().failure_detail.unwrap_or_default();
    assert!(detail.contains("does not exist"), "{detail}");
    let uses = async || {
        let records = bed.records().await;
        records.into_iter().filter(|record| record.action == "secret.use").map(|record| record.actor).collect::<Vec<_>>()
    };
    assert_eq!(uses().await, []);
    for _ in 0..2 {
        assert_eq!(own.value().await.unwrap(), value("token-of-the-remote"));
    }
    assert_eq!(uses().await, [Uid::Daemon]);
    secrets.rotate(&bed.ada(), &name("token"), &value("next-token-of-it"), false).await.unwrap();
    assert_eq!(own.value().await.unwrap(), value("next-token-of-it"));
    assert_eq!(uses().await, [Uid::Daemon, Uid::Daemon]);
    let mask = masks.of(bed.tenant()).await.unwrap();
    assert!(mask.holds(&value("token-of-the-remote")) && mask.holds(&value("next-token-of-it")));
}

#[tokio::test(start_paused = true)]
async fn an_absent_secret_and_another_tenants_are_the_same() {
    for secret in ["secret://acme/token", "secret://other/token"] {
        let (bed, _) = bed(secret).await;
        let task = bed.submit("pure-flow").await;
        assert_eq!(bed.ended(task).await.status, Status::Failed);
        let view = bed.tasks.get(&bed.ada(), task, false).await.unwrap();
        let detail = view.failure_detail.unwrap_or_default();
        assert!(detail.contains("does not exist: put it with `scalbotics secret put token`"), "{secret}: {detail}");
        assert!(bed.records().await.iter().all(|record| record.kind != Kind::Secret));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_hands_out_nothing_and_keeps_what_is_there() {
    let (bed, secrets) = bed("secret://acme/token").await;
    let token = name("token");
    secrets.put(&bed.ada(), &token, &value("first-value"), false).await.unwrap();
    bed.disk.store.set_full(true);
    let full = secrets.rotate(&bed.ada(), &token, &value("second-value"), false).await;
    assert!(matches!(full, Err(Error::Change(ChangeError::Store(StoreError::Full)))), "{full:?}");
    assert_eq!(secrets.get(bed.tenant(), &token).await.unwrap().unwrap().version, 1);
    secrets.remove(&bed.ada(), &token, false).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn sem_9_1_a_repeated_put_is_one_put_and_its_key_holds_no_guess() {
    let (bed, secrets) = bed("secret://acme/token").await;
    let (token, caller) = (name("token"), again(bed.ada(), "k"));
    let (one, two) = (value("the-value"), value("the-value"));
    let both = tokio::join!(secrets.put(&caller, &token, &one, false), secrets.put(&caller, &token, &two, false));
    let (first, second) = (both.0.unwrap(), both.1.unwrap());
    assert_eq!(first.now, second.now);
    assert_eq!(u8::from(first.audited) + u8::from(second.audited), 1);
    let other = secrets.put(&caller, &token, &value("another"), false).await;
    assert!(matches!(other, Err(Error::Change(ChangeError::KeyReused))), "{other:?}");
    let taken = secrets.put(&bed.ada(), &token, &value("another"), false).await;
    assert!(matches!(taken, Err(Error::Taken { .. })), "{taken:?}");
    let key = format!("{}/secret.put/k", caller.principal.uid);
    let kept = bed.ports.task_log.answer(&key, bed.ports.clock.now()).await.unwrap().unwrap();
    let plain = scalbotics_core::digest::Digest::of_parts("scalbotics/request-body/v1", &[b"token the-value"]);
    assert_ne!(kept.body, plain);
    assert!(!String::from_utf8_lossy(&kept.answer).contains("the-value"));
}

#[tokio::test(start_paused = true)]
async fn two_rotations_at_once_are_one_version_each() {
    let (bed, secrets) = bed("secret://acme/token").await;
    let (token, ada, bob) = (name("token"), bed.ada(), bed.bob());
    secrets.put(&ada, &token, &value("value-1"), false).await.unwrap();
    let (two, three) = (value("value-2"), value("value-3"));
    let both = tokio::join!(secrets.rotate(&ada, &token, &two, false), secrets.rotate(&bob, &token, &three, false));
    let done = [both.0, both.1].into_iter().filter(Result::is_ok).count() as u64;
    assert_eq!(secrets.get(bed.tenant(), &token).await.unwrap().unwrap().version, 1 + done);
}

#[tokio::test(start_paused = true)]
async fn there_is_an_end_to_values_and_to_their_number() {
    let (bed, secrets) = bed("secret://acme/token").await;
    for (len, fits) in [(0, false), (1, true), (VALUE_LEN_MAX, true), (VALUE_LEN_MAX + 1, false)] {
        let put = secrets.put(&bed.ada(), &name("long"), &Secret::new(vec![b'x'; len]), true).await;
        assert_eq!(put.is_ok(), fits, "{len}");
    }
    for number in 0..SECRETS_MAX {
        secrets.put(&bed.ada(), &name(&format!("s{number}")), &value("value"), false).await.unwrap();
    }
    let beyond = secrets.put(&bed.ada(), &name("beyond"), &value("value"), false).await;
    assert!(matches!(beyond, Err(Error::TooMany)), "{beyond:?}");
    assert_eq!(secrets.list(bed.tenant()).await.unwrap().len(), SECRETS_MAX);
}
