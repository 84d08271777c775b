//! Certificates of agents, through IdentityService: renewal, and which there are.

use std::fmt;
use std::str::FromStr;

use scalbotics_core::digest::Digest;
use scalbotics_core::identity::Svid;
use scalbotics_core::policy::Resource;
use scalbotics_core::ports::SvidFilter;
use scalbotics_core::tenant::Name;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::holder::svid::Serial;
use scalbotics_proto::v1;

use super::call::Call;
use super::convert::{self, store_failure, timestamp};
use super::failure::Failure;
use super::identity_service::Identities;
use super::join_service::{certificate_of, key_of};
use super::names::{self, Named};
use super::registered::Registered;

/// Items of a page of certificates, where the caller does not say.
const PAGE_DEFAULT: usize = 50;

/// A place in the list: end and serial number of the last certificate of a page.
#[derive(Debug, PartialEq, Eq)]
struct Place(Timestamp, String);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.unix_ms(), self.1)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, serial) = text.split_once('-').ok_or(())?;
        let at = at.parse().map(Timestamp::from_unix_ms).map_err(|_| ())?;
        Ok(Self(at, Serial::parse(serial).ok_or(())?.to_string()))
    }
}

impl Identities {
    /// The next certificate of whoever calls by one, for a new key.
    pub(super) async fn renew(&self, call: &Call, request: &v1::RenewSvidRequest) -> Result<v1::Certificate, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", "", tenant)?;
        let _permit = self.0.enter(call, Resource::only("Session", tenant), &named).await?;
        let refused = |why: &str| Failure::invalid("signing_request", why);
        let Registered::Agent(certified) = &call.identity()?.registered else {
            return Err(refused("only an agent that calls by its certificate renews it"));
        };
        let id = self.0.identity.id_of(&certified.agent);
        let key_spki = key_of(&request.signing_request, &id)?;
        if Digest::of_bytes(&key_spki) == certified.svid.key {
            return Err(refused("a renewal brings a new key"));
        }
        let caller = call.caller(&request.request_id)?;
        let renewed = self.0.identity.renew(&caller, certified.svid.clone(), key_spki).await;
        let renewed = renewed.map_err(|error| convert::identity_failure(&error, certified.agent.name.as_str()))?;
        if renewed.audited {
            call.audited_by_commit();
        }
        Ok(certificate_of(&renewed.now, &id))
    }

    /// Which certificates there are whose life has not ended.
    pub(super) async fn svids(&self, call: &Call, request: &v1::ListSvidsRequest) -> Result<v1::ListSvidsResponse, Failure> {
        let tenant = call.tenant()?;
        let parent = names::parse_parent("parent", &request.parent, tenant)?;
        let limit = convert::limit(request.page_size, PAGE_DEFAULT)?;
        let after: Option<Place> = convert::parse_token(&request.page_token)?;
        let wanted = match request.agent.as_str() {
            "" => None,
            text => Some(names::parse::<Name>("agent", "agents", text, tenant)?),
        };
        let foreign = parent.foreign || wanted.as_ref().is_some_and(|wanted| wanted.foreign);
        let text = wanted.as_ref().map_or(&parent.text, |wanted| &wanted.text).clone();
        let _permit = self.0.enter(call, Resource::tenant(tenant), &Named { id: (), text, foreign }).await?;
        let now = self.0.ports.clock.now();
        let after = after.map(|Place(at, serial)| (at, serial));
        let mut filter = SvidFilter { tenant: tenant.clone(), agent: None, from: now, after, limit };
        if let Some(wanted) = &wanted {
            let found = self.0.ports.registry.agent_by_name(tenant, &wanted.id).await.map_err(|error| store_failure(&error))?;
            filter.agent = Some(found.ok_or_else(|| Failure::not_found(&wanted.text))?.uid);
        }
        let svids = self.0.ports.svids.svids(&filter).await.map_err(|error| store_failure(&error))?;
        let last = svids.last().map(|svid| Place(svid.not_after, svid.serial.clone()));
        let mut shown = Vec::with_capacity(svids.len());
        for svid in &svids {
            shown.push(self.shown(svid, now).await?);
        }
        Ok(v1::ListSvidsResponse { next_page_token: convert::next_token(svids.len(), limit, last), svids: shown })
    }

    async fn shown(&self, svid: &Svid, now: Timestamp) -> Result<v1::Svid, Failure> {
        let agent = self.0.ports.registry.agent(svid.agent).await.map_err(|error| store_failure(&error))?;
        let is_good = agent.as_ref().is_some_and(|agent| svid.void(agent, now).is_none());
        let sponsor = match svid.joined {
            Some(joined) => self.0.ports.registry.human_by_uid(joined.sponsor).await.map_err(|error| store_failure(&error))?,
            None => None,
        };
        Ok(v1::Svid {
            serial: svid.serial.clone(),
            agent: agent.map(|agent| names::name(&agent.tenant, "agents", &agent.name)).unwrap_or_default(),
            authority: svid.authority.to_string(),
            key: svid.key.to_string(),
            sponsor: sponsor.map(|human| names::name(&human.tenant, "humans", &human.name)).unwrap_or_default(),
            issue_time: Some(timestamp(svid.issued_at)),
            expire_time: Some(timestamp(svid.void_at)),
            counts: is_good && self.0.authorities.counted_on_until(&svid.authority, now).is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_text() {
        let place = Place(Timestamp::from_unix_ms(1_700_000_000_000), "0a1f".to_owned());
        assert_eq!(place.to_string().parse(), Ok(place));
        for bad in ["", "-", "1-", "1", "x-0a", "1-0A", "1-zz", "1-0a-0b"] {
            assert_eq!(bad.parse::<Place>(), Err(()), "{bad}");
        }
    }
}
