//! What runs beside the API, and what it is given.

use std::collections::BTreeMap;
use std::sync::Arc;

use scalbotics_adapters::issuer::Published;
use scalbotics_core::egress::Roots;
use scalbotics_core::ports::{CheckpointKeeper, Clock, KeyAuthority};
use scalbotics_core::tenant::TenantId;
use scalbotics_identity::authority::issuer::Issuer;
use scalbotics_identity::authority::local::KeystoreAuthority;
use scalbotics_identity::authority::outside::{Algorithm, KeySet};
use scalbotics_identity::authority::tls::{ClientAnchors, ServingCertificate, server_config};
use scalbotics_identity::holder::key::Jwk;
use scalbotics_identity::holder::tls::ClockTime;
use scalbotics_identity::holder::trust;
use scalbotics_runtime::audit::{Checkpointer, Keepers, Quota};
use scalbotics_runtime::identity::{Issuance, Terms};
use scalbotics_runtime::issuers::KeyCache;
use scalbotics_runtime::metrics::Metrics;
use scalbotics_runtime::reconcile::States;
use scalbotics_runtime::{Ports, Supervisor, approval, evidence, secret, task};
use scalbotics_store::SqliteStore;
use tokio_rustls::TlsAcceptor;

use crate::anchor;
use crate::authorities::Authorities;
use crate::clock::Guarded;
use crate::config::Config;
use crate::keys::Own;
use crate::rpc::{self};
use crate::start_error::{BoxError, StartError};
use crate::tenants::Tenants;

/// What the evidence of a `dev` installation says of itself (semantics §5.5).
const DEV_STAMP: &str = "dev: approver keys not separated";

/// Where login assertions that were used are remembered, below the data directory.
const USED_ASSERTIONS: &str = "logins";

/// Where tokens of outside issuers that were exchanged are remembered, below the data directory.
const EXCHANGED_TOKENS: &str = "exchanged";

/// Answers to approvals, stamped where keys are not separated.
pub(super) fn approvals(config: &Config, ports: &Ports, tasks: &task::Service, is_dev: bool) -> approval::Service {
    let approvals = approval::Service::new(ports.clone(), tasks, config.trust_domain.as_str());
    if is_dev { approvals.stamped(DEV_STAMP) } else { approvals }
}

/// Starts remembering the logs' heads outside of the database.
pub(super) fn anchored(
    config: &Config,
    (ports, store): (&Ports, &SqliteStore),
    remembered: anchor::Anchor,
    (checkpointer, supervisor): (&Checkpointer, &Supervisor),
) -> Arc<anchor::Keeper> {
    let keeper = anchor::Keeper::new((ports.clone(), store), &config.keystore, remembered);
    let anchor = Arc::new(keeper);
    anchor.start(checkpointer.signed(), supervisor);
    anchor
}

/// Starts signing the logs' heads, and giving them to whoever keeps them outside of this host.
pub(super) fn sign_logs(
    config: &Config,
    (ports, tenants): (&Ports, &Tenants),
    supervisor: &Supervisor,
    (metrics, quota): (&Arc<Metrics>, &Arc<Quota>),
    (keepers, incarnation): (Vec<Arc<dyn CheckpointKeeper>>, u64),
) -> (Arc<Checkpointer>, Arc<Keepers>) {
    let (system, tenants) = (TenantId::system(), tenants.names());
    let trust_domain = config.trust_domain.as_str().to_owned();
    let checkpointer = Checkpointer::new(ports.clone(), trust_domain, system.clone(), tenants, Arc::clone(metrics));
    let checkpointer = Arc::new(checkpointer.in_incarnation(incarnation).minding(Arc::clone(quota)));
    checkpointer.start(supervisor);
    let most = config.settings.audit.max_unwitnessed;
    let numbers = (Arc::clone(metrics), Arc::clone(quota));
    let keepers = Keepers::start((ports.clone(), system), keepers, most, &checkpointer.signed(), supervisor, numbers);
    (checkpointer, keepers)
}

/// Masks that know the values of the tenants' secrets, so that the log covers them before a tool runs.
pub(super) async fn learnt(masks: Arc<secret::Masks>, tenants: &Tenants) -> Arc<secret::Masks> {
    for tenant in tenants.names() {
        if let Err(error) = masks.of(&tenant).await {
            tracing::warn!(%tenant, %error, "values of secrets cannot be read yet");
        }
    }
    masks
}

/// The logins that were used and would still be taken.
pub(super) fn used_logins(config: &Config, clock: &Guarded) -> Result<Arc<rpc::UsedAssertions>, StartError> {
    let used = rpc::UsedAssertions::open(&config.data_dir.join(USED_ASSERTIONS), clock.now());
    used.map(Arc::new).map_err(|error| StartError::System { attempt: "read used logins", source: error.into() })
}

/// Whom people may log in by beside the built-in issuer.
pub(super) fn outsiders(
    config: &Config,
    roots: Roots,
    (clock, supervisor, metrics): (&Arc<Guarded>, &Supervisor, &Arc<Metrics>),
) -> Result<rpc::Outsiders, StartError> {
    let failed = |error: std::io::Error| StartError::System { attempt: "read exchanged tokens", source: error.into() };
    let used = rpc::UsedAssertions::open(&config.data_dir.join(EXCHANGED_TOKENS), clock.now()).map_err(failed)?;
    let trusted = config.trusted.clone();
    let algorithms: BTreeMap<String, Vec<Algorithm>> =
        trusted.iter().map(|issuer| (issuer.url.clone(), issuer.algorithms.clone())).collect();
    let parse = move |issuer: &str, text: &str| {
        let allowed = algorithms.get(issuer).map(Vec::as_slice).unwrap_or_default();
        KeySet::parse(text, allowed).map_err(|error| error.to_string())
    };
    let urls: Vec<String> = trusted.iter().map(|issuer| issuer.url.clone()).collect();
    let with = (Arc::clone(clock) as Arc<dyn Clock>, supervisor.clone(), Arc::clone(metrics));
    let keys = KeyCache::new(urls, Arc::new(Published::trusting(roots)), with, Box::new(parse));
    for issuer in &trusted {
        tracing::info!(issuer = issuer.url.as_str(), "people log in by an outside issuer");
    }
    let break_glass = config.settings.issuer.break_glass;
    if break_glass && !trusted.is_empty() {
        tracing::warn!("issuer.break_glass is set: people log in by their own keys beside the outside issuer");
    }
    Ok(rpc::Outsiders { trusted, keys, used: Arc::new(used), break_glass })
}

/// Evidence of tasks, with the key of their tokens and the daemon's certificates.
pub(super) fn evidence_of(
    config: &Config,
    ports: &Ports,
    states: States,
    (issuer, serving): (&Issuer, Arc<ServingCertificate>),
) -> Result<evidence::Service, StartError> {
    let token_key = serde_json::to_value(Jwk::from(issuer.public()))
        .map_err(|error| StartError::System { attempt: "name the key of tokens", source: error.into() })?;
    let authority = evidence::Authority { token_key, certificates: Arc::new(move || serving.chain()) };
    Ok(evidence::Service::new(ports.clone(), states, config.trust_domain.as_str(), authority))
}

/// Certificates of agents, signed by `authority`.
pub(super) fn issuance(
    config: &Config,
    ports: &Ports,
    (authority, clock): (Arc<dyn KeyAuthority>, Arc<Guarded>),
    (quota, metrics): (&Arc<Quota>, &Arc<Metrics>),
) -> Issuance {
    let terms = Terms { trust_domain: config.trust_domain.clone(), lifetime_ms: config.settings.identity.svid_lifetime.as_ms() };
    Issuance::new(ports.clone(), (authority, clock), (Arc::clone(quota), Arc::clone(metrics)), terms)
}

/// The authorities, kept fresh, and TLS under them.
pub(super) async fn acceptor(
    config: &Config,
    (local, own): (Arc<KeystoreAuthority>, Own),
    trust: &trust::File,
    (clock, supervisor): (Arc<Guarded>, &Supervisor),
) -> Result<(TlsAcceptor, Arc<Authorities>), StartError> {
    let failed = |source: BoxError| StartError::Certificate { source };
    let roots = trust.roots().map_err(|error| StartError::Trust { path: config.trust_file.clone(), source: error.into() })?;
    let anchors = ClientAnchors::new(&roots).map_err(|error| failed(error.into()))?;
    let authorities = Arc::new(Authorities::begin((local, own), (anchors, roots), clock.now()).await?);
    let time = Arc::new(ClockTime(clock.clone()));
    let tls = server_config(authorities.serving(), authorities.anchors(), &config.trust_domain, time);
    let tls = tls.map_err(|error| failed(error.into()))?;
    authorities.keep_fresh(clock, supervisor);
    Ok((TlsAcceptor::from(Arc::new(tls)), authorities))
}
