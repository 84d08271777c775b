//! Records of RPCs and checkpoints.

use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::audit::Kind;
use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::ports::AuditLog;
use scalbotics_runtime::audit::{Auditor, Checkpointer, Error, Unauthenticated};

use super::bed::Bed;

fn count(records: &[scalbotics_core::audit::Record], action: &str) -> usize {
    records.iter().filter(|record| record.action == action).count()
}

#[tokio::test(start_paused = true)]
async fn batched_records_are_durable_within_a_second_and_at_the_end() {
    let bed = Bed::new().await;
    let auditor = Auditor::start(bed.ports.clone(), bed.tenant().clone(), &bed.supervisor, Arc::clone(&bed.metrics));
    let record = || bed.disk.world.record(Kind::Rpc, "task.read");
    auditor.awaited(record(), None).await.unwrap();
    assert_eq!(count(&bed.records().await, "task.read"), 1);
    for _ in 0..300 {
        auditor.batched(record(), None).unwrap();
    }
    assert_eq!(bed.metrics.audit_queued.get(), 300);
    tokio::time::sleep(Duration::from_millis(999)).await;
    assert_eq!((count(&bed.records().await, "task.read"), bed.metrics.audit_queued.get()), (301, 0));
    let full = (0..5_000).filter(|_| matches!(auditor.batched(record(), None), Err(Error::Full))).count();
    assert_eq!(full, 5_000 - 4_096);
    bed.supervisor.drain(Duration::from_secs(5)).await;
    assert_eq!(bed.disk.store.head(bed.tenant()).await.unwrap().size, bed.metrics.audit_queued.get() + 301 + 4_096 + 4);
    assert!(matches!(auditor.batched(record(), None), Err(Error::Draining)));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_failed_logins_is_one_record_in_ten_seconds() {
    let bed = Bed::new().await;
    let auditor = Auditor::start(bed.ports.clone(), bed.tenant().clone(), &bed.supervisor, Arc::clone(&bed.metrics));
    for _ in 0..100_000 {
        auditor.unauthenticated(Unauthenticated::Token);
    }
    tokio::time::sleep(Duration::from_secs(11)).await;
    let records = bed.records().await;
    let failed: Vec<_> = records.iter().filter(|record| record.action == "session.authenticate").collect();
    assert_eq!((failed.len(), failed[0].target.as_deref()), (1, Some("token: 100000")));
}

#[tokio::test(start_paused = true)]
async fn heads_are_signed_in_time_and_only_when_they_grew() {
    let bed = Bed::new().await;
    let tenants = vec![bed.tenant().clone()];
    let checkpointer =
        Arc::new(Checkpointer::new(bed.ports.clone(), "example.org".to_owned(), tenants, Arc::clone(&bed.metrics)));
    checkpointer.start(&bed.supervisor);
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(bed.metrics.checkpoints.get(), 1);
    let task = bed.submit("pure-flow").await;
    bed.ended(task).await;
    bed.supervisor.drain(Duration::from_secs(5)).await;
    let head = bed.disk.store.head(bed.tenant()).await.unwrap();
    let signed = Checkpoint::of_note(&head.checkpoint.unwrap()).unwrap();
    assert_eq!((signed.size, signed.root, signed.origin.as_str()), (head.size, head.root, "example.org/audit/acme"));
    let before = bed.metrics.checkpoints.get();
    checkpointer.sign_all().await;
    assert_eq!(bed.metrics.checkpoints.get(), before);
}
