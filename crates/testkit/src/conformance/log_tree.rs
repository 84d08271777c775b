//! The tree of the audit log: proofs that verify, and only about what is there.

use scalbotics_core::audit::{Kind, merkle};
use scalbotics_core::digest::Digest;
use scalbotics_core::ports::{AuditLog, AuditQuery};

use super::Store;
use crate::fixture::World;

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    let (world, foreign) = (World::new("tree", 24), World::new("no-tree", 25));
    for n in 0..13 {
        store.append(vec![world.record(Kind::Rpc, &format!("a.{n}"))], Vec::new()).await.unwrap();
    }
    let all = AuditQuery { limit: 1_000, ..AuditQuery::default() };
    let entries = AuditLog::read(store, &world.tenant, &all).await.unwrap();
    let leaves: Vec<Digest> = entries.iter().map(|entry| merkle::leaf_hash(&entry.leaf)).collect();
    for (size, indexes) in [(1, vec![0]), (8, vec![7, 0, 7]), (11, vec![10, 3]), (13, vec![0, 12]), (5, vec![])] {
        let root = merkle::root(leaves.get(..size).unwrap());
        let proofs = store.inclusion(&world.tenant, size as u64, &indexes).await.unwrap();
        assert_eq!(proofs.len(), indexes.len());
        for (index, proof) in indexes.iter().zip(&proofs) {
            let leaf = leaves.get(usize::try_from(*index).unwrap()).unwrap();
            merkle::verify_inclusion(leaf, *index, size as u64, proof, &root).unwrap();
        }
    }
    for (tenant, size, index) in [(&world.tenant, 14, 0), (&world.tenant, 8, 8), (&foreign.tenant, 1, 0), (&world.tenant, 0, 0)] {
        assert!(store.inclusion(tenant, size, &[index]).await.is_err(), "{tenant} {size} {index}");
    }
}
