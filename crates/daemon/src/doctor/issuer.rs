//! Outside issuers: whether those that are trusted answer, and the one that is only recorded still is what `initialize` found, within the same limits.

use scalbotics_adapters::issuer::discover;
use scalbotics_identity::authority::outside::Trusted;

use super::finding::Finding;
use super::run::Patient;
use crate::issuer_keys;

/// What this check is called.
const CHECK: &str = "issuer";

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let issuer = &patient.config.settings.issuer;
    for trusted in &patient.config.trusted {
        findings.push(answers(patient, trusted).await);
    }
    if issuer.break_glass && !issuer.trusted.is_empty() {
        let next = "take issuer.break_glass out of the configuration once the issuer is back, and restart the daemon";
        findings.push(Finding::warn(
            CHECK,
            "people log in by their own keys beside it: issuer.break_glass is set".to_owned(),
            next,
        ));
    }
    if !issuer.trusted.iter().any(|trusted| Some(&trusted.url) == issuer.url.as_ref()) {
        findings.extend(recorded(patient).await);
    }
    findings
}

/// One by which people log in.
async fn answers(patient: &Patient<'_>, trusted: &Trusted) -> Finding {
    let url = &trusted.url;
    if patient.offline {
        return Finding::ok(CHECK, format!("{url} is not asked: --offline"));
    }
    let found = discover(url, &patient.roots).await;
    match found.and_then(|found| issuer_keys::usable(&found, &trusted.algorithms)) {
        Ok(keys) => Finding::ok(CHECK, format!("{url} answers, with {keys} keys; people log in by it")),
        Err(error) => {
            let next = "check issuer.trusted in the configuration, the network, and the issuer; `issuer.break_glass = true` lets people log in by their keys";
            Finding::error(CHECK, &error, next)
        }
    }
}

/// One whose keys are recorded, and by which nobody logs in.
async fn recorded(patient: &Patient<'_>) -> Option<Finding> {
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
