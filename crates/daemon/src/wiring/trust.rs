//! The record of whom an installation trusts about people: that stands in its file (decision 0042), so the start that first sees another set says so
//! in the audit log.

use std::collections::BTreeMap;
use std::path::Path;

use scalbotics_core::audit::{Kind, Record};
use scalbotics_core::digest::Digest;
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::TenantId;
use scalbotics_identity::private_file;
use scalbotics_runtime::Ports;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::config::{Config, TrustedIssuer};
use crate::start_error::{BoxError, StartError};

/// What was last recorded, below the data directory.
const FILE: &str = "trusted-issuers";

/// Longest such file, in bytes: sixteen issuers with addresses of 512 bytes, and their digests.
const FILE_LEN_MAX: u64 = 32 << 10;

/// What the record says was done.
const ACTION: &str = "issuer.trust_changed";

/// Separates these digests from all others.
const TAG: &str = "scalbotics/trusted-issuers/v1";

/// Whom the configuration trusts: each issuer with the digest of everything that it is trusted with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trust {
    issuers: BTreeMap<String, Digest>,
    break_glass: bool,
}

impl Trust {
    fn of(trusted: &[TrustedIssuer], break_glass: bool) -> Result<Self, serde_json::Error> {
        let terms = |issuer: &TrustedIssuer| serde_json::to_vec(issuer).map(|terms| Digest::of_parts(TAG, &[&terms]));
        let issuers = trusted.iter().map(|issuer| Ok((issuer.url.clone(), terms(issuer)?))).collect::<Result<_, _>>()?;
        Ok(Self { issuers, break_glass })
    }

    fn digest(&self) -> Result<Digest, serde_json::Error> {
        Ok(Digest::of_parts(TAG, &[&serde_json::to_vec(self)?]))
    }

    /// The change to another one, in the words of the record.
    fn change(&self, to: &Self) -> Result<String, serde_json::Error> {
        let only = |one: &Self, other: &Self| -> Vec<String> {
            one.issuers.keys().filter(|url| !other.issuers.contains_key(*url)).cloned().collect()
        };
        let is_changed = |(url, terms): &(&String, &Digest)| self.issuers.get(*url).is_some_and(|before| before != *terms);
        let changed: Vec<&String> = to.issuers.iter().filter(is_changed).map(|(url, _)| url).collect();
        let said = json!({
            "from": self.digest()?, "to": to.digest()?, "added": only(to, self), "removed": only(self, to), "changed": changed,
            "break_glass": to.break_glass,
        });
        Ok(said.to_string())
    }
}

/// Records in the installation's log that the file trusts others than at the last start, if it does.
///
/// The record stands before what was recorded is written down: a start that is killed between both records the same change again.
///
/// # Errors
/// Whatever keeps the record from being written: nobody is trusted whom no record names.
pub(super) async fn record(config: &Config, ports: &Ports) -> Result<(), StartError> {
    let failed = |source| StartError::System { attempt: "record whom the configuration trusts", source };
    changed(config, ports).await.map_err(failed)
}

async fn changed(config: &Config, ports: &Ports) -> Result<(), BoxError> {
    let issuer = &config.settings.issuer;
    let now = Trust::of(&issuer.trusted, issuer.break_glass && !issuer.trusted.is_empty())?;
    let path = config.data_dir.join(FILE);
    let before = recorded(&path)?;
    if before == now {
        return Ok(());
    }
    let mut record = Record::new(Kind::Installation, ports.clock.now(), TenantId::system(), Uid::Daemon, ACTION);
    record.target = Some(before.change(&now)?);
    ports.audit_log.append(vec![record], Vec::new()).await?;
    private_file::replace(&path, &serde_json::to_vec(&now)?, private_file::SECRET_MODE)?;
    tracing::warn!(issuers = ?now.issuers.keys(), break_glass = now.break_glass, "the configuration trusts other issuers than at the last start");
    Ok(())
}

/// What was last recorded; nobody where that cannot be told, so that it is recorded again.
fn recorded(path: &Path) -> Result<Trust, BoxError> {
    if !path.try_exists()? {
        return Ok(Trust::default());
    }
    let bytes = private_file::read(path, FILE_LEN_MAX)?;
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(url: &str, audience: &str) -> TrustedIssuer {
        toml::from_str(&format!("url = \"{url}\"\naudience = \"{audience}\"\ntenants = {{ t = \"acme\" }}")).unwrap()
    }

    #[test]
    fn who_came_who_went_and_whose_terms_are_others() {
        let before = Trust::of(&[issuer("https://a", "x"), issuer("https://b", "x"), issuer("https://c", "x")], true).unwrap();
        let to = Trust::of(&[issuer("https://d", "x"), issuer("https://c", "y"), issuer("https://b", "x")], false).unwrap();
        let said: serde_json::Value = serde_json::from_str(&before.change(&to).unwrap()).unwrap();
        let wanted = json!({
            "from": before.digest().unwrap(), "to": to.digest().unwrap(), "added": ["https://d"], "removed": ["https://a"],
            "changed": ["https://c"], "break_glass": false,
        });
        assert_eq!(said, wanted);
        let other_way = Trust::of(&[issuer("https://c", "x"), issuer("https://b", "x"), issuer("https://a", "x")], true).unwrap();
        assert_eq!(before, other_way, "the order in the file means nothing");
        assert_ne!(before.digest().unwrap(), Trust { break_glass: false, ..before.clone() }.digest().unwrap());
    }
}
