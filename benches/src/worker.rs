//! A worker of an agent: it joins by a token, calls by its certificate, and renews as `scalbotics agent enroll --watch` does.

use std::sync::Arc;

use anyhow::Result;
use rustls::time_provider::DefaultTimeProvider;
use scalbotics_core::digest::Digest;
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::{certificate, signing_request, tls, trust};
use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_client::AgentServiceClient;
use scalbotics_proto::v1::identity_service_client::IdentityServiceClient;
use tonic::transport::Channel;

use crate::client::request;
use crate::known::Known;

/// A token by which a worker of the agent of this full name joins.
///
/// # Errors
/// When the person may make none, or as many wait as may.
pub(crate) async fn join_token(known: &Known, agent: &str) -> Result<String> {
    let wanted = v1::CreateJoinTokenRequest { name: agent.to_owned(), request_id: String::new() };
    let made = AgentServiceClient::new(known.channel.clone()).create_join_token(request(&known.token, wanted)?).await?;
    Ok(made.into_inner().token)
}

/// Exchanges a token for a certificate, over a connection that nobody is known on.
///
/// # Errors
/// When the token does not count.
pub(crate) async fn enroll(channel: Channel, agent: String, token: String, signing_request: Vec<u8>) -> Result<v1::Certificate> {
    let request = v1::EnrollRequest { agent, token, signing_request };
    Ok(IdentityServiceClient::new(channel).enroll(request).await?.into_inner())
}

/// A worker's connection, by the certificate that it has now.
pub(crate) struct Worker {
    /// The connection.
    pub(crate) channel: Channel,
    /// Its certificate.
    pub(crate) certificate: v1::Certificate,
}

impl Worker {
    /// Joins as an agent.
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) async fn join(known: &Known, agent: &str) -> Result<Self> {
        let (key, token) = (Pair::generate(Algorithm::P256)?, join_token(known, agent).await?);
        let stranger = known.person.dial().await?;
        let certificate = enroll(stranger, agent.to_owned(), token, signing_request::make(&key)?).await?;
        Self::with(known, key, certificate).await
    }

    /// Renews: a new key, a new certificate, and a new connection by it; the one before goes on.
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) async fn renew(&self, known: &Known) -> Result<Self> {
        let key = Pair::generate(Algorithm::P256)?;
        let request_id = Digest::of_bytes(&key.public().to_spki_der()).to_string();
        let wanted = v1::RenewSvidRequest { signing_request: signing_request::make(&key)?, request_id };
        let certificate = IdentityServiceClient::new(self.channel.clone()).renew_svid(wanted).await?.into_inner();
        Self::with(known, key, certificate).await
    }

    async fn with(known: &Known, key: Pair, certificate: v1::Certificate) -> Result<Self> {
        let trust: trust::File = known.person.trust()?;
        let identity = tls::Identity { chain: certificate::from_pem(&certificate.chain)?, key };
        let config = tls::client_config(&trust.roots()?, &trust.trust_domain, Some(&identity), Arc::new(DefaultTimeProvider))?;
        Ok(Self { channel: known.person.dial_as(config).await?, certificate })
    }
}
