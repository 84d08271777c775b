//! A repository that is followed.

use std::sync::Arc;

use scalbotics_core::ports::DesiredSource;
use scalbotics_core::tenant::TenantId;

use super::Compiler;

/// Whose desired state is followed, where it is written, and by what it is compiled. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Followed {
    /// Whose.
    pub tenant: TenantId,
    /// Where it is written.
    pub source: Arc<dyn DesiredSource>,
    /// From files to a state that can be in force.
    pub compiler: Arc<dyn Compiler>,
}
