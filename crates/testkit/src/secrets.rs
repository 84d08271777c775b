//! Secrets in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::SecretSource;
use scalbotics_core::secret::{RevealError, Secret, SecretRef};
use scalbotics_core::tool::Call;

/// Secrets in memory, revealed to whoever has a warrant of their tenant.
#[derive(Debug, Default)]
pub struct MemorySecrets {
    kept: Mutex<BTreeMap<String, Hidden>>,
}

/// A value that is not printed.
struct Hidden(Vec<u8>);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

impl MemorySecrets {
    /// Keeps a value under a name, in place of an older one.
    pub fn put(&self, name: &SecretRef, value: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(name.to_string(), Hidden(value.as_bytes().to_vec()));
    }
}

#[async_trait]
impl SecretSource for MemorySecrets {
    async fn reveal(&self, warrant: &Warrant<Call>, name: &SecretRef) -> Result<Secret, RevealError> {
        let absent = || RevealError::NotFound { reference: name.clone() };
        if warrant.act().tenant != name.tenant {
            return Err(absent());
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&name.to_string()).map(|hidden| Secret::new(hidden.0.clone())).ok_or_else(absent)
    }
}
