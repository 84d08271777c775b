//! Services.

use scalbotics_core::identity::{SpiffeId, Subject, TrustDomain};
use scalbotics_core::ports::Human;
use scalbotics_core::service::Service;
use scalbotics_core::time::Timestamp;
use scalbotics_proto::v1;

use super::human::standing;
use super::timestamp;
use crate::rpc::names;
use crate::rpc::registered::refused;

/// A service without its key, as it stands at `now`.
pub(in crate::rpc) fn service(
    service: &Service,
    sponsor: Option<&Human>,
    trust_domain: &TrustDomain,
    now: Timestamp,
) -> v1::Service {
    let subject = Subject::Service { tenant: service.tenant.clone(), service: service.name.clone() };
    let sponsored = sponsor.map(|human| names::name(&human.tenant, "humans", &human.name));
    v1::Service {
        name: names::name(&service.tenant, "services", &service.name),
        uid: service.uid.to_string(),
        spiffe_id: SpiffeId::new(trust_domain.clone(), &subject).to_string(),
        groups: service.groups.iter().map(ToString::to_string).collect(),
        standing: standing(service.standing).to_owned(),
        epoch: service.epoch,
        sponsor: sponsored.unwrap_or_default(),
        grant: service.grant.id.to_string(),
        tier_max: u32::from(service.grant.tier_max.number()),
        expire_time: Some(timestamp(service.grant.expires_at)),
        refused: refused(service, sponsor, now).map(|why| why.words().to_owned()).unwrap_or_default(),
    }
}
