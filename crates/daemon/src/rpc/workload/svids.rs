//! What is handed out: X.509-SVIDs with their keys, JWT-SVIDs, bundles.

use std::collections::BTreeMap;

use bytes::Bytes;
use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::identity::{SpiffeId, Subject, TrustDomain};
use scalbotics_core::principal::Uid;
use scalbotics_identity::authority::jwt_svid::{self, Refused, Signer, Valid, Validator};
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_proto::workload as v1;
use scalbotics_runtime::identity::{Basis, By, Error, Order};

use super::identities::{Identities, unknown};
use super::watcher::Certificates;
use crate::clock;
use crate::rpc::audit::audit_failure;
use crate::rpc::codes;
use crate::rpc::convert::{identity_failure, store_failure};
use crate::rpc::failure::Failure;

/// The action under which tokens stand in the audit log.
const JWT_ACTION: &str = "svid.jwt";

/// What the daemon brings along.
#[derive(Debug)]
pub(crate) struct Material {
    signer: Signer,
    validator: Validator,
    trust_domain: TrustDomain,
    roots: Vec<u8>,
}

/// Certificates of one moment, and when they have to be others.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) response: v1::X509svidResponse,
    pub(super) certificates: Certificates,
}

impl Material {
    /// Tokens by `signer`; `roots` are the certificates of the trust bundle, DER.
    pub(crate) fn new(signer: Signer, trust_domain: TrustDomain, roots: &[impl AsRef<[u8]>]) -> Self {
        let validator = signer.validator();
        let roots = roots.iter().flat_map(|root| root.as_ref().iter().copied()).collect();
        Self { signer, validator, trust_domain, roots }
    }

    fn own_domain(&self) -> String {
        SpiffeId::new(self.trust_domain.clone(), &Subject::TrustDomain).to_string()
    }
}

impl Identities {
    /// A new key and certificate for each of the agents.
    ///
    /// # Errors
    /// CLOCK_UNTRUSTED, READS_ONLY; those of the authority and the store.
    pub(super) async fn x509(&self, material: &Material, agents: &[Agent]) -> Result<Issued, Failure> {
        self.may_issue()?;
        let now = self.context.ports.clock.now();
        let (mut svids, mut authorities, mut serials) = (Vec::with_capacity(agents.len()), Vec::new(), Vec::new());
        let mut first_end = None;
        for agent in agents {
            let key = Pair::generate(Algorithm::P256).map_err(|error| Failure::internal("make a key", &error))?;
            let order = Order { agent: agent.uid, key_spki: key.public().to_spki_der(), basis: Basis::Attested, by: By::Daemon };
            let issued = self.context.identity.issue(order).await.map_err(|error| issue_failure(&error))?;
            let secret = key.to_pkcs8_der().map_err(|error| Failure::internal("encode a key", &error))?;
            first_end = first_end.into_iter().chain([issued.not_after]).min();
            authorities.push(issued.authority);
            serials.push(issued.serial);
            self.context.metrics.workload_x509.add(1);
            svids.push(v1::X509svid {
                spiffe_id: self.context.identity.id_of(agent).to_string(),
                x509_svid: issued.chain.concat(),
                // Cleared when the response is gone.
                x509_svid_key: Bytes::from_owner(secret),
                bundle: material.roots.clone(),
                hint: agent.name.to_string(),
            });
        }
        let life_ms = first_end.map_or(0, |end| end.since_ms(now));
        let renew_at = now.plus_ms(half_life(life_ms, &self.context.ports.ids.salt()));
        let response = v1::X509svidResponse { svids, crl: self.lists(), federated_bundles: BTreeMap::new() };
        Ok(Issued { response, certificates: Certificates { renew_at, authorities, serials } })
    }

    /// A token for each of the agents, or for the one with this SPIFFE ID.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for the audience; WORKLOAD_UNKNOWN for an identity that is not the caller's; CLOCK_UNTRUSTED, READS_ONLY; those of the log.
    pub(super) async fn jwt(
        &self,
        material: &Material,
        agents: &[Agent],
        request: &v1::JwtsvidRequest,
    ) -> Result<Vec<v1::Jwtsvid>, Failure> {
        self.may_issue()?;
        let now = self.context.ports.clock.now();
        let mut svids = Vec::new();
        for agent in agents {
            let id = self.context.identity.id_of(agent);
            if !request.spiffe_id.is_empty() && request.spiffe_id != id.to_string() {
                continue;
            }
            // Whoever is suspended in this moment has its token before that, and the log says so, or none.
            let _still = self.context.people.still().await;
            if !self.are_unchanged(std::slice::from_ref(agent)).await? {
                continue;
            }
            let subject = jwt_svid::Subject { id: id.clone(), epoch: agent.epoch };
            let minted = material.signer.mint(&subject, &request.audience, now).map_err(|error| match error {
                jwt_svid::Error::Audience => Failure::invalid("audience", error.to_string()),
                fault @ (jwt_svid::Error::Algorithm { .. }
                | jwt_svid::Error::Entropy(_)
                | jwt_svid::Error::Key(_)
                | jwt_svid::Error::Json(_)) => Failure::internal("mint a token", &fault),
            })?;
            // The audience is the caller's own text and stays out of the log (semantics §7.2).
            let mut record = Record::new(Kind::Rpc, now, agent.tenant.clone(), Uid::Agent(agent.uid), JWT_ACTION);
            record.target = Some(minted.jti.clone());
            record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
            self.context.auditor.awaited(record, None).await.map_err(|error| audit_failure(&error))?;
            self.context.metrics.workload_jwt.add(1);
            svids.push(v1::Jwtsvid { spiffe_id: id.to_string(), svid: minted.token, hint: agent.name.to_string() });
        }
        if svids.is_empty() {
            let failure = Failure::new(codes::WORKLOAD_UNKNOWN, "no token is made for that identity");
            let why = "this process has not the identity that it names, or not any more";
            return Err(failure.why(why).next("scalbotics agent list"));
        }
        Ok(svids)
    }

    /// What a token says that somebody showed to the caller; its subject may act now, and nothing was taken from it since.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with what is wrong about the token; those of the store.
    pub(super) async fn validate(&self, material: &Material, request: &v1::ValidateJwtsvidRequest) -> Result<Valid, Failure> {
        if request.audience.is_empty() {
            return Err(Failure::invalid("audience", "it is empty"));
        }
        let refused = |refused: Refused| Failure::invalid("svid", refused.to_string());
        let now = self.context.ports.clock.now();
        let valid = material.validator.validate(&request.svid, &request.audience, now).map_err(refused)?;
        let Some(Subject::Agent { tenant, agent }) = valid.id.subject() else { return Err(refused(Refused::Subject)) };
        let agent = self.context.ports.registry.agent_by_name(&tenant, &agent).await.map_err(|error| store_failure(&error))?;
        let counts = agent.is_some_and(|agent| agent.standing == Standing::Active && agent.epoch == valid.epoch);
        if counts { Ok(valid) } else { Err(Failure::invalid("svid", "its subject was suspended since")) }
    }

    /// The roots by trust domain.
    pub(super) fn x509_bundles(&self, material: &Material) -> v1::X509BundlesResponse {
        v1::X509BundlesResponse { crl: self.lists(), bundles: [(material.own_domain(), material.roots.clone())].into() }
    }

    /// The keys of tokens by trust domain.
    ///
    /// # Errors
    /// INTERNAL.
    pub(super) fn jwt_bundles(material: &Material) -> Result<v1::JwtBundlesResponse, Failure> {
        let bundle = material.signer.bundle().map_err(|error| Failure::internal("write a bundle", &error))?;
        Ok(v1::JwtBundlesResponse { bundles: [(material.own_domain(), bundle.into_bytes())].into() })
    }

    fn lists(&self) -> Vec<Vec<u8>> {
        self.context.authorities.root_crl().into_iter().collect()
    }

    /// Nothing is issued by a clock that is not believed (semantics §4.7), nor while no record of it may be written (semantics §7.4).
    fn may_issue(&self) -> Result<(), Failure> {
        let what = "nothing is issued now";
        if let Some(alarm) = self.context.clock.alarm() {
            let failure = Failure::new(codes::CLOCK_UNTRUSTED, what);
            return Err(failure.why(alarm).next(clock::NEXT));
        }
        if self.context.quota.is_read_only() {
            return Err(Failure::new(codes::READS_ONLY, what).next("scalbotics status"));
        }
        Ok(())
    }
}

fn issue_failure(error: &Error) -> Failure {
    match error {
        Error::NotFound | Error::NotActive { .. } => unknown("the agent is suspended or offboarded"),
        Error::Clock
        | Error::Authority(_)
        | Error::Change(_)
        | Error::Token(_)
        | Error::TooMany { .. }
        | Error::NotSponsor
        | Error::Answered => identity_failure(error, "the agent"),
    }
}

/// Half of a life, up to a tenth more or less, so that processes that started together do not all renew in one moment.
fn half_life(life_ms: u64, random: &[u8]) -> u64 {
    let half = life_ms / 2;
    let fifth = half / 5;
    let share = random.iter().take(2).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    half.saturating_sub(fifth / 2).saturating_add(fifth.saturating_mul(share) / u64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_at_half_life_and_a_tenth_around_it() {
        for (random, at) in [([0, 0], 900), ([0xff, 0xff], 1_100), ([0x80, 0], 1_000)] {
            assert_eq!(half_life(2_000, &random), at);
        }
        assert_eq!(half_life(0, &[1, 2]), 0);
        assert!(half_life(u64::MAX, &[0xff, 0xff]) <= u64::MAX / 2 + u64::MAX / 10);
    }
}
