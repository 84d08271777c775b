//! Everybody who logs in by a key of their own, looked at before one more is added: how many there are, and whose key is whose.

use scalbotics_core::tenant::{Name, TenantId};

use super::Error;
use crate::Ports;
use crate::change::ChangeError;

/// Most humans of a tenant, those who were offboarded included: lists of them are read whole, in some ten milliseconds for so many.
pub const HUMANS_MAX: usize = 10_000;

/// Most services of a tenant, those that were offboarded included, for the same reason.
pub const SERVICES_MAX: usize = 10_000;

/// Who is to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newcomer {
    Human,
    Service,
}

impl Newcomer {
    const fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Service => "service",
        }
    }

    const fn most(self) -> usize {
        match self {
            Self::Human => HUMANS_MAX,
            Self::Service => SERVICES_MAX,
        }
    }

    /// Refuses one more where there are as many as there may be.
    const fn room(self, there: usize) -> Result<(), Error> {
        let (kind, most) = (self.word(), self.most());
        if there < most { Ok(()) } else { Err(Error::TooMany { kind, most }) }
    }
}

/// Refuses one more than there may be, and a key that is somebody's. A key is its holder's alone, also the key of one who is gone: else
/// they would be stopped under one name and act under another, or one person be two where two have to agree.
pub(super) async fn check(ports: &Ports, tenant: &TenantId, (who, name): (Newcomer, &Name), key: &str) -> Result<(), Error> {
    let humans = ports.roster.humans(tenant).await.map_err(ChangeError::from)?;
    let services = ports.services.services(tenant).await.map_err(ChangeError::from)?;
    let kind = who.word();
    who.room(match who {
        Newcomer::Human => humans.len(),
        Newcomer::Service => services.len(),
    })?;
    let mut known = humans.iter().map(|human| &human.login_key).chain(services.iter().map(|service| &service.login_key));
    if known.any(|known| known == key) { Err(Error::KeyTaken { kind, name: name.clone() }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        for (who, most) in [(Newcomer::Human, HUMANS_MAX), (Newcomer::Service, SERVICES_MAX)] {
            assert!(who.room(0).is_ok() && who.room(most - 1).is_ok());
            for there in [most, most + 1, usize::MAX] {
                assert!(matches!(who.room(there), Err(Error::TooMany { most: said, .. }) if said == most), "{there}");
            }
        }
    }
}
