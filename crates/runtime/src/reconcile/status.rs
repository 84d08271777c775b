//! What the reconciler last saw.

use scalbotics_core::desired::Finding;
use scalbotics_core::time::Timestamp;

/// What the reconciler last saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The commit in force, if any was ever good.
    pub in_force: Option<String>,
    /// The newest commit that could be seen; unlike the one in force when it was refused.
    pub head: Option<String>,
    /// Why the newest commit is refused; empty when it is in force.
    pub findings: Vec<Finding>,
    /// Why the repository could not be read at the last look, in words for an operator.
    pub unreadable: Option<String>,
    /// Since when the commit in force is.
    pub since: Option<Timestamp>,
}
