//! Tenants: names are never used again, a suspension is seen at once, every change is in the installation log and in the caller's.

use scalbotics_core::agent::Standing;
use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::ports::{StoreError, Tenant};
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;

use super::Store;
use crate::fixture::World;

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    let world = World::new("tenants", 66);
    let system = TenantId::system();
    let record = || Record::new(Kind::Installation, Timestamp::from_unix_ms(1), system.clone(), Uid::Daemon, "tenant.put");
    let note = || Some(world.record(Kind::Rpc, "tenant.put").into());
    let tenant = Tenant {
        id: TenantId::parse("tenants-new").unwrap(),
        standing: Standing::Active,
        created_at: Timestamp::from_unix_ms(7),
        branch: "main".to_owned(),
        overlay: None,
        host_access: false,
        remote: None,
    };
    let (before, of_system) = (store.tenants().await.unwrap(), store.head(&system).await.unwrap().size);
    assert_eq!(store.tenant(&tenant.id).await.unwrap(), None);
    store.put_tenant(tenant.clone(), record(), note(), None).await.unwrap();
    assert_eq!(store.tenant(&tenant.id).await.unwrap(), Some(tenant.clone()));
    let suspended = Tenant { standing: Standing::Suspended, ..tenant.clone() };
    store.put_tenant(suspended.clone(), record(), None, None).await.unwrap();
    assert_eq!(store.tenant(&tenant.id).await.unwrap(), Some(suspended.clone()), "at once");
    let again = Tenant { created_at: Timestamp::from_unix_ms(8), ..tenant.clone() };
    let taken = store.put_tenant(again, record(), note(), None).await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })), "a name is never used again");
    let foreign = world.record(Kind::Rpc, "tenant.put");
    assert!(store.put_tenant(tenant.clone(), foreign, None, None).await.is_err(), "a record of another log");
    assert_eq!(store.tenant(&tenant.id).await.unwrap(), Some(suspended), "what is refused changes nothing");
    let sizes = (store.head(&system).await.unwrap().size, store.head(&world.tenant).await.unwrap().size);
    assert_eq!(sizes, (of_system + 2, 1), "each change is a record, and what is refused leaves none");
    let first = Tenant { id: TenantId::parse("a-first").unwrap(), ..tenant };
    store.put_tenant(first, record(), None, None).await.unwrap();
    let names: Vec<String> = store.tenants().await.unwrap().iter().map(|tenant| tenant.id.to_string()).collect();
    assert_eq!(names.len(), before.len() + 2);
    assert!(names.is_sorted(), "by name: {names:?}");
}
