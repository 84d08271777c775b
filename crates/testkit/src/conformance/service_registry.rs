//! Services: names are unique among the services of a tenant and never used again, epochs never fall, every change is audited.

use scalbotics_core::agent::Standing;
use scalbotics_core::audit::Kind;
use scalbotics_core::ids::{GrantId, ServiceUid};
use scalbotics_core::ports::{IdSource as _, StoreError};
use scalbotics_core::service::{Service, StandingGrant};
use scalbotics_core::tenant::Name;
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::Tier;

use super::Store;
use crate::fixture::World;

fn ci(world: &World) -> Service {
    Service {
        uid: ServiceUid::from_u128(world.ids.next()),
        tenant: world.tenant.clone(),
        name: Name::parse("ci").unwrap(),
        groups: vec![Name::parse("operators").unwrap()],
        login_key: "{}".to_owned(),
        standing: Standing::Active,
        epoch: 0,
        grant: StandingGrant {
            id: GrantId::from_u128(world.ids.next()),
            sponsor: world.human.uid,
            tier_max: Tier::Change,
            granted_at: Timestamp::from_unix_ms(1),
            expires_at: Timestamp::from_unix_ms(2),
        },
    }
}

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    let (world, elsewhere) = (World::new("services", 64), World::new("services-2", 65));
    let record = || world.record(Kind::Rpc, "service.put");
    let service = ci(&world);
    assert_eq!(store.service(&world.tenant, &service.name).await.unwrap(), None);
    store.put_service(service.clone(), record().into()).await.unwrap();
    assert_eq!(store.service(&world.tenant, &service.name).await.unwrap(), Some(service.clone()));
    assert_eq!(store.service_by_uid(service.uid).await.unwrap(), Some(service.clone()));
    assert_eq!(store.service(&elsewhere.tenant, &service.name).await.unwrap(), None, "another tenant");
    store.put_service(ci(&elsewhere), elsewhere.record(Kind::Rpc, "service.put").into()).await.unwrap();

    let gone = Service { standing: Standing::Offboarded, epoch: 1, ..service.clone() };
    store.put_service(gone.clone(), record().into()).await.unwrap();
    let size = store.head(&world.tenant).await.unwrap().size;
    assert_eq!(size, 2, "each change is a record");
    let heir = Service { uid: ServiceUid::from_u128(world.ids.next()), ..service.clone() };
    let taken = store.put_service(heir, record().into()).await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })), "a name is never used again");
    let renamed = Service { name: Name::parse("cd").unwrap(), ..gone.clone() };
    assert!(matches!(store.put_service(renamed, record().into()).await, Err(StoreError::Taken { .. })));
    assert!(store.put_service(Service { epoch: 1, ..service.clone() }, record().into()).await.is_err(), "gone for good");
    assert!(store.put_service(Service { epoch: 0, ..gone.clone() }, record().into()).await.is_err(), "an epoch never falls");
    let foreign = elsewhere.record(Kind::Rpc, "service.put");
    assert!(store.put_service(gone.clone(), foreign.into()).await.is_err(), "a record of another tenant");
    assert_eq!(store.head(&world.tenant).await.unwrap().size, size, "what is refused leaves no record");
    let other = Service { uid: ServiceUid::from_u128(world.ids.next()), name: Name::parse("backup").unwrap(), ..service };
    store.put_service(other.clone(), record().into()).await.unwrap();
    assert_eq!(store.services(&world.tenant).await.unwrap(), [other, gone], "by name, of one tenant");
}
