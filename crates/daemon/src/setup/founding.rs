//! What the installation log begins with: the tenant, the authority of its certificates, and its keys (semantics §7.3).

use scalbotics_core::agent::Standing;
use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::digest::Digest;
use scalbotics_core::ports::{AuditLog as _, Tenant, TenantRegistry as _};
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::TenantId;
use scalbotics_identity::holder::trust;
use scalbotics_store::SqliteStore;

use super::error::{self, Error};
use super::{Environment, Plan};
use crate::layout;

/// The branch of a new repository.
const BRANCH: &str = "main";

/// Writes it where nothing of it stands there yet.
pub(super) async fn record(plan: &Plan, environment: &Environment, store: &SqliteStore) -> Result<(), Error> {
    let failed = |error: scalbotics_core::ports::StoreError| Error::Store { source: Box::new(error) };
    let system = TenantId::system();
    if store.head(&system).await.map_err(failed)?.size > 0 {
        return Ok(());
    }
    let trust = trust::File::load(&plan.path(layout::TRUST)).map_err(error::keys("read the trust file"))?;
    let roots = trust.roots().map_err(error::keys("read the root certificate"))?;
    let mut events = Vec::new();
    events.extend(roots.iter().map(|root| ("ca.create", Digest::of_bytes(root).to_string())));
    events.extend(trust.log_keys.iter().map(|key| ("key.create", key.to_string())));
    events.extend(trust.approver_admins.iter().map(|key| ("key.create", format!("approver-admin {}", key.thumbprint()))));
    let at = environment.clock.now();
    let record = |(action, target): (&str, String)| {
        let mut record = Record::new(Kind::Installation, at, system.clone(), Uid::Daemon, action);
        record.target = Some(target);
        record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
        record
    };
    let tenant = Tenant {
        id: plan.tenant.clone(),
        standing: Standing::Active,
        created_at: at,
        branch: BRANCH.to_owned(),
        overlay: None,
        host_access: false,
        remote: None,
    };
    store.put_tenant(tenant, record(("tenant.create", plan.tenant.to_string())), None, None).await.map_err(failed)?;
    store.append(events.into_iter().map(record).collect(), Vec::new()).await.map_err(failed)?;
    Ok(())
}
