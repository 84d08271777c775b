//! The outside issuer that is recorded: whether it still is what `initialize` found, within the same limits.

use scalbotics_adapters::issuer::discover;

use super::finding::Finding;
use super::run::Patient;

/// What this check is called.
const CHECK: &str = "issuer";

pub(super) async fn check(patient: &Patient<'_>) -> Option<Finding> {
    let issuer = &patient.config.settings.issuer;
    let url = issuer.url.as_ref()?;
    if patient.offline {
        return Some(Finding::ok(CHECK, format!("{url} is not asked: --offline")));
    }
    let found = match discover(url, &patient.roots).await {
        Ok(found) => found,
        Err(error) => {
            let next = "check issuer.url in the configuration, the network, and the issuer";
            return Some(Finding::error(CHECK, &error, next));
        }
    };
    let again = "run the same `initialize` again, which records the keys that are published now";
    let Some(path) = issuer.keys.as_ref().map(|path| patient.base.join(path)) else {
        return Some(Finding::warn(CHECK, format!("{url} answers, and issuer.keys names no file of its keys"), again));
    };
    Some(match std::fs::read(&path) {
        Ok(recorded) if recorded == found.jwks.as_bytes() => {
            Finding::ok(CHECK, format!("{url} answers; its {} keys are those that are recorded", found.keys))
        }
        Ok(_) => Finding::warn(CHECK, format!("{url} publishes other keys than {} holds", path.display()), again),
        Err(error) => Finding::warn(CHECK, format!("{url} answers, and {} cannot be read: {error}", path.display()), again),
    })
}
