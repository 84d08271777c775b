//! Why people or agents were not changed.

use scalbotics_core::tenant::Name;

use super::service::GROUPS_MAX;
use crate::change::ChangeError;

/// Why people or agents were not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tenant has nobody of that name.
    #[error("there is no {kind} `{name}`")]
    NotFound {
        /// `human` or `agent`.
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
    /// There would be too many groups.
    #[error("`{name}` would be in more than {GROUPS_MAX} groups")]
    TooManyGroups {
        /// The name.
        name: Name,
    },
    /// The change was not made.
    #[error(transparent)]
    Change(#[from] ChangeError),
}
