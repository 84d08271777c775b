//! Who calls, as the registry knows them at this moment: a human, a service with the human who sponsors it, or an agent with its certificate
//! and the human who let it join.
//!
//! **Invariant:** a service may act only while it, its sponsor and its grant all hold (decisions/0024).

use scalbotics_core::agent::Standing;
use scalbotics_core::ids::HumanUid;
use scalbotics_core::ports::Human;
use scalbotics_core::principal::{KeyHolder, Principal};
use scalbotics_core::service::{Service, Sponsor};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;

use super::authenticate::AFTER_SUSPENSION;
use super::certified::Certified;
use super::codes;
use super::context::Context;
use super::convert::store_failure;
use super::failure::Failure;

/// The registry's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Registered {
    /// A human.
    Human(Human),
    /// A service.
    Service {
        /// The service.
        service: Service,
        /// Who sponsors it.
        sponsor: Human,
    },
    /// An agent, by its certificate.
    Agent(Box<Certified>),
}

impl Context {
    /// The same caller's rows as they are now; none where one of them is gone.
    pub(super) async fn again(&self, known: &Registered) -> Result<Option<Registered>, Failure> {
        match known {
            Registered::Human(human) => self.registered(KeyHolder::Human(human.uid)).await,
            Registered::Service { service, .. } => self.registered(KeyHolder::Service(service.uid)).await,
            Registered::Agent(certified) => {
                let now = self.certified(&certified.svid.serial).await?;
                Ok(now.map(|certified| Registered::Agent(Box::new(certified))))
            }
        }
    }

    /// The rows of somebody who claims an identity; none where nobody has it.
    pub(super) async fn registered(&self, holder: KeyHolder) -> Result<Option<Registered>, Failure> {
        let human = async |uid| self.ports.registry.human_by_uid(uid).await.map_err(|error| store_failure(&error));
        match holder {
            KeyHolder::Human(uid) => Ok(human(uid).await?.map(Registered::Human)),
            KeyHolder::Service(uid) => {
                let found = self.ports.services.service_by_uid(uid).await.map_err(|error| store_failure(&error))?;
                let Some(service) = found else { return Ok(None) };
                let sponsor = human(service.grant.sponsor).await?.filter(|human| human.tenant == service.tenant);
                Ok(sponsor.map(|sponsor| Registered::Service { service, sponsor }))
            }
        }
    }
}

impl Registered {
    /// Who acts, as policy sees them.
    pub(super) fn principal(&self) -> Principal {
        match self {
            Self::Human(human) => human.principal(),
            Self::Service { service, .. } => service.principal(),
            Self::Agent(certified) => certified.principal(),
        }
    }

    /// For whom a service or an agent acts.
    pub(super) fn sponsor(&self) -> Option<Sponsor> {
        match self {
            Self::Human(_) => None,
            Self::Service { service, sponsor } => Some(Sponsor { human: sponsor.principal(), grant: service.link() }),
            Self::Agent(certified) => certified.sponsor(),
        }
    }

    /// Who sponsors a service; none for a human.
    pub(super) const fn sponsored_by(&self) -> Option<HumanUid> {
        match self {
            Self::Human(_) => None,
            Self::Service { sponsor, .. } => Some(sponsor.uid),
            Self::Agent(certified) => Some(certified.sponsor.uid),
        }
    }

    /// Who holds the login key; none for an agent, which has none.
    pub(super) const fn holder(&self) -> Option<KeyHolder> {
        match self {
            Self::Human(human) => Some(KeyHolder::Human(human.uid)),
            Self::Service { service, .. } => Some(KeyHolder::Service(service.uid)),
            Self::Agent(_) => None,
        }
    }

    pub(super) const fn tenant(&self) -> &TenantId {
        match self {
            Self::Human(human) => &human.tenant,
            Self::Service { service, .. } => &service.tenant,
            Self::Agent(certified) => &certified.agent.tenant,
        }
    }

    pub(super) fn groups(&self) -> &[Name] {
        match self {
            Self::Human(human) => &human.groups,
            Self::Service { service, .. } => &service.groups,
            Self::Agent(certified) => certified.team.as_slice(),
        }
    }

    /// The public key that they log in with, as a JWK in JSON; empty for an agent, which logs in nowhere.
    pub(super) fn login_key(&self) -> &str {
        match self {
            Self::Human(human) => &human.login_key,
            Self::Service { service, .. } => &service.login_key,
            Self::Agent(_) => "",
        }
    }

    /// What a token is made under: it rises when a human, a service or its sponsor is suspended, and the token is void then. Sums
    /// under two sponsors say nothing about each other: a token names the sponsor too.
    pub(super) const fn epoch(&self) -> u64 {
        match self {
            Self::Human(human) => human.epoch,
            Self::Service { service, sponsor } => service.epoch.saturating_add(sponsor.epoch),
            Self::Agent(certified) => certified.agent.epoch.saturating_add(certified.sponsor.epoch),
        }
    }

    /// Whether an approval key is enrolled; a service or an agent never has one.
    pub(super) const fn can_approve(&self) -> bool {
        match self {
            Self::Human(human) => human.enrolment.is_some(),
            Self::Service { .. } | Self::Agent(_) => false,
        }
    }

    /// Why they may not act at `now`, if they may not, after the words of what was attempted.
    pub(super) fn check(&self, now: Timestamp, what: &str) -> Result<(), Failure> {
        let suspended = |next: String| Failure::new(codes::PRINCIPAL_SUSPENDED, what).next(next);
        let renewed_by = |who: &str, name: &Name| format!("ask {who} to run `scalbotics service renew {name} --expires-in 30d`");
        match self {
            Self::Human(human) if human.standing == Standing::Active => Ok(()),
            Self::Human(_) => Err(suspended(AFTER_SUSPENSION.to_owned())),
            Self::Agent(certified) => certified.check(now, what),
            Self::Service { service, sponsor } => match refused(service, Some(sponsor), now) {
                None => Ok(()),
                Some(Refused::Over) => {
                    Err(Failure::new(codes::GRANT_OVER, what).next(renewed_by("an administrator", &service.name)))
                }
                Some(Refused::Service) => Err(suspended("ask an administrator of the tenant".to_owned())),
                Some(Refused::Sponsor) => Err(suspended(renewed_by("another administrator", &service.name))
                    .why("the human who sponsors the service is suspended or offboarded")),
            },
        }
    }

    /// What a caller is told whose call was denied at `at`: of a grant that has ended since they were authenticated, as they would be told a
    /// moment later, else the denial.
    pub(super) fn denied(&self, at: Timestamp, denial: Failure) -> Failure {
        self.check(at, "the call is denied").err().unwrap_or(denial)
    }

    /// Whether a stream that was opened by `self` may go on now that the registry says `now`: nobody was suspended, and the same
    /// people are in the same groups. A grant that was renewed cuts nothing.
    pub(super) fn is_still(&self, now: &Self) -> bool {
        let sponsor = |of: &Self| of.sponsor().map(|sponsor| sponsor.human);
        self.epoch() == now.epoch() && self.principal() == now.principal() && sponsor(self) == sponsor(now)
    }
}

/// Why a service may not act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is suspended or offboarded.
    Service,
    /// Its sponsor is, or is not there.
    Sponsor,
    /// Its grant is over.
    Over,
}

impl Refused {
    /// In words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Service => "it may not act",
            Self::Sponsor => "its sponsor may not act",
            Self::Over => "its grant is over",
        }
    }
}

/// Why a service may not act at `now`, if it may not.
pub(super) fn refused(service: &Service, sponsor: Option<&Human>, now: Timestamp) -> Option<Refused> {
    if service.standing != Standing::Active {
        return Some(Refused::Service);
    }
    if sponsor.is_none_or(|sponsor| sponsor.standing != Standing::Active) {
        return Some(Refused::Sponsor);
    }
    (now >= service.grant.expires_at).then_some(Refused::Over)
}

#[cfg(test)]
mod tests {
    use scalbotics_core::ids::{GrantId, ServiceUid};
    use scalbotics_core::service::StandingGrant;
    use scalbotics_core::tool::Tier;

    use super::*;

    const END: Timestamp = Timestamp::from_unix_ms(100);

    fn rows() -> (Service, Human) {
        let (tenant, name) = (TenantId::parse("acme").unwrap(), |name: &str| Name::parse(name).unwrap());
        let sponsor = Human {
            uid: HumanUid::from_u128(1),
            tenant: tenant.clone(),
            name: name("ann"),
            groups: vec![name("admins")],
            login_key: String::new(),
            enrolment: Some(Vec::new()),
            standing: Standing::Active,
            epoch: 2,
        };
        let (id, granted_at) = (GrantId::from_u128(3), Timestamp::from_unix_ms(0));
        let service = Service {
            uid: ServiceUid::from_u128(2),
            tenant,
            name: name("ci"),
            groups: vec![name("operators")],
            login_key: String::new(),
            standing: Standing::Active,
            epoch: 1,
            grant: StandingGrant { id, sponsor: sponsor.uid, tier_max: Tier::Change, granted_at, expires_at: END },
        };
        (service, sponsor)
    }

    fn registered(change: impl Fn(&mut Service, &mut Human)) -> Registered {
        let (mut service, mut sponsor) = rows();
        change(&mut service, &mut sponsor);
        Registered::Service { service, sponsor }
    }

    #[test]
    fn a_service_acts_while_it_its_sponsor_and_its_grant_hold() {
        let before = Timestamp::from_unix_ms(99);
        let code = |it: &Registered, now| it.check(now, "it is refused").err().map(|failure| failure.code());
        assert_eq!(code(&registered(|_, _| ()), before), None);
        assert_eq!(code(&registered(|_, _| ()), END), Some(codes::GRANT_OVER), "over at its end");
        for standing in [Standing::Suspended, Standing::Offboarded] {
            for it in [registered(|service, _| service.standing = standing), registered(|_, sponsor| sponsor.standing = standing)]
            {
                assert_eq!(code(&it, before), Some(codes::PRINCIPAL_SUSPENDED), "{it:?}");
            }
        }
        let (service, _) = rows();
        assert_eq!(refused(&service, None, before), Some(Refused::Sponsor), "a sponsor who is not there");
        assert!(!registered(|_, _| ()).can_approve(), "whatever its sponsor may");
    }

    #[test]
    fn a_grant_that_ended_while_the_call_was_on_its_way_is_told_as_such() {
        let told = |it: &Registered, at| it.denied(at, Failure::new(codes::POLICY_DENIED, "x")).code();
        let (service, human) = rows();
        let service = Registered::Service { service, sponsor: human.clone() };
        assert_eq!(told(&service, Timestamp::from_unix_ms(99)), codes::POLICY_DENIED);
        assert_eq!(told(&service, END), codes::GRANT_OVER);
        assert_eq!(told(&Registered::Human(human), END), codes::POLICY_DENIED);
    }

    #[test]
    fn a_stream_goes_on_through_a_renewal_and_through_nothing_else() {
        let then = registered(|_, _| ());
        assert!(then.is_still(&registered(|service, _| service.grant.id = GrantId::from_u128(9))));
        let changed: [fn(&mut Service, &mut Human); 5] = [
            |service, _| service.epoch += 1,
            |_, sponsor| sponsor.epoch += 1,
            |service, _| service.groups.clear(),
            |_, sponsor| sponsor.groups.clear(),
            |_, sponsor| sponsor.uid = HumanUid::from_u128(9),
        ];
        for (row, change) in changed.into_iter().enumerate() {
            assert!(!then.is_still(&registered(change)), "row {row}");
        }
    }
}
