//! Why people, services or agents were not changed.

use scalbotics_core::ports::VerifyError;
use scalbotics_core::tenant::{Name, NameError};

use super::service::GROUPS_MAX;
use crate::change::ChangeError;

/// Why people, services or agents were not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tenant has nobody of that name.
    #[error("there is no {kind} `{name}`")]
    NotFound {
        /// `human`, `service` or `agent`.
        kind: &'static str,
        /// The name.
        name: Name,
    },
    /// The name is somebody's, or was.
    #[error("name `{name}` is taken, and names are never used again")]
    Taken {
        /// The name.
        name: Name,
    },
    /// Who was offboarded does not come back.
    #[error("`{name}` was offboarded, which is for good")]
    Gone {
        /// The name.
        name: Name,
    },
    /// Nobody would be left who may administer the tenant.
    #[error("`{name}` is the last active human of the group `admins`")]
    LastAdmin {
        /// The name.
        name: Name,
    },
    /// The enrolment statement does not count.
    #[error("approval key of `{name}` is not enrolled")]
    Enrolment {
        /// The name.
        name: Name,
        /// What is wrong with the statement.
        #[source]
        source: VerifyError,
    },
    /// A statement of later is there already: an old one would bring back a key that was replaced.
    #[error("a later enrolment of `{name}` is in force")]
    Older {
        /// The name.
        name: Name,
    },
    /// The statement is of a time that has not come, so that no later one could replace it.
    #[error("the enrolment of `{name}` was signed at a time that has not come")]
    Ahead {
        /// The name.
        name: Name,
    },
    /// There would be too many groups.
    #[error("`{name}` would be in more than {GROUPS_MAX} groups")]
    TooManyGroups {
        /// The name.
        name: Name,
    },
    /// A service would be in a group that only humans are in.
    #[error("service `{name}` may not be in the group `{group}`")]
    HumanGroup {
        /// The name.
        name: Name,
        /// The group.
        group: Name,
    },
    /// The login key is that of another human or service, or was.
    #[error("the login key of {kind} `{name}` is somebody else's")]
    KeyTaken {
        /// `human` or `service`.
        kind: &'static str,
        /// The name.
        name: Name,
    },
    /// The tenant has as many as it may have.
    #[error("the tenant has {most} {kind}s, those who were offboarded included, and may have no more")]
    TooMany {
        /// `human` or `service`.
        kind: &'static str,
        /// How many it may have.
        most: usize,
    },
    /// A standing grant would end at once, or too late.
    #[error("a standing grant lasts from a second to 90 days")]
    Lifetime,
    /// Somebody else than a human would sponsor a service.
    #[error("a service is sponsored by a human")]
    NotSponsor,
    /// No name could be made for somebody who comes by an outside issuer.
    #[error("no name could be made for who comes")]
    Unnamed {
        /// What is wrong with it.
        #[source]
        source: NameError,
    },
    /// Who asks was suspended or offboarded while their call was on its way.
    #[error("the change is not made")]
    Stopped,
    /// The change was not made.
    #[error(transparent)]
    Change(#[from] ChangeError),
}
