//! A person with a context of the command line: connects, logs in, and calls as `scalbotics` does.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::time_provider::DefaultTimeProvider;
use scalbotics_core::ids::HumanUid;
use scalbotics_core::principal::KeyHolder;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::holder::{assertion, key, proof, tls, trust};
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use scalbotics_proto::v1::submit_task_request::Goal;
use scalbotics_proto::v1::task_service_client::TaskServiceClient;
use serde::Deserialize;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

/// Life of an assertion, in seconds: it is used at once.
const ASSERTION_LIFETIME_S: i64 = 30;

/// The method by which a connection is opened, as a path.
const WHO_AM_I: &str = "/scalbotics.v1.SessionService/WhoAmI";

/// Time between two attempts to connect to a daemon that is starting. A listener that is bound takes connections before it
/// serves, so the last attempt waits inside of the handshake and not here.
const RETRY: Duration = Duration::from_millis(1);

/// `contexts.toml`, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Contexts {
    contexts: std::collections::BTreeMap<String, Entry>,
}

/// One context.
#[derive(Debug, Clone, Deserialize)]
struct Entry {
    server: String,
    trust_file: PathBuf,
    tenant: TenantId,
    human_uid: HumanUid,
    login_key: PathBuf,
}

/// A person, with everything loaded that connecting needs.
pub(crate) struct Person {
    entry: Entry,
    audience: String,
    key: key::Pair,
    connector: TlsConnector,
    uri: Uri,
}

impl Person {
    /// The person of a context.
    pub(crate) fn load(config_dir: &Path, context: &str) -> Result<Self> {
        let path = config_dir.join("contexts.toml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut contexts: Contexts = toml::from_str(&text).context("contexts.toml is not one")?;
        let entry = contexts.contexts.remove(context).with_context(|| format!("there is no context {context}"))?;
        let trust = trust::File::load(&entry.trust_file).context("cannot use the trust file")?;
        let roots = trust.roots().context("the trust file has no roots")?;
        let config = tls::client_config(&roots, &trust.trust_domain, None, Arc::new(DefaultTimeProvider))?;
        let key = key::Pair::load(&entry.login_key).context("cannot use the login key")?;
        let uri = entry.server.parse().context("the context's server is no address")?;
        let (audience, connector) = (trust.trust_domain.as_str().to_owned(), TlsConnector::from(Arc::new(config)));
        Ok(Self { entry, audience, key, connector, uri })
    }

    /// The name of something of the person's tenant.
    pub(crate) fn resource(&self, collection: &str, id: &str) -> String {
        format!("tenants/{}/{collection}/{id}", self.entry.tenant)
    }

    /// A connection; tried again until `alive` says that it is in vain.
    pub(crate) async fn connect(&self, mut alive: impl FnMut() -> bool) -> Result<Channel> {
        loop {
            match self.connect_once().await {
                Ok(channel) => return Ok(channel),
                Err(error) if !alive() => return Err(error),
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
    }

    /// The trust file of the person's context.
    pub(crate) fn trust(&self) -> Result<trust::File> {
        trust::File::load(&self.entry.trust_file).context("cannot use the trust file")
    }

    /// Another connection.
    pub(crate) async fn dial(&self) -> Result<Channel> {
        self.connect_once().await
    }

    /// A connection to the same daemon by another configuration.
    pub(crate) async fn dial_as(&self, config: rustls::ClientConfig) -> Result<Channel> {
        dial(&self.uri, &TlsConnector::from(Arc::new(config))).await
    }

    async fn connect_once(&self) -> Result<Channel> {
        dial(&self.uri, &self.connector).await
    }

    /// A token, whose key is proved on this connection.
    pub(crate) async fn log_in(&self, channel: &Channel) -> Result<String> {
        let login = assertion::Login {
            holder: KeyHolder::Human(self.entry.human_uid),
            tenant: &self.entry.tenant,
            audience: &self.audience,
            lifetime_s: ASSERTION_LIFETIME_S,
        };
        let assertion = assertion::sign(&login, &self.key, now())?;
        let request = v1::ExchangeAssertionRequest { assertion };
        let token = SessionServiceClient::new(channel.clone()).exchange_assertion(request).await?.into_inner().token;
        self.prove(channel, &token).await?;
        Ok(token)
    }

    /// The first call of a connection: it proves that the person holds the key of their token. Later calls carry the token alone, so that
    /// benches measure the daemon and no signatures of theirs.
    pub(crate) async fn prove(&self, channel: &Channel, token: &str) -> Result<()> {
        let mut request = request(token, v1::WhoAmIRequest {})?;
        let proof = proof::sign(&self.key, &proof::target(&self.audience, WHO_AM_I), token, now())?;
        request.metadata_mut().insert(proof::HEADER, proof.parse().context("the proof is not one")?);
        SessionServiceClient::new(channel.clone()).who_am_i(request).await?;
        Ok(())
    }
}

/// A connection, made by one attempt.
pub(crate) async fn dial(uri: &Uri, connector: &TlsConnector) -> Result<Channel> {
    let connector = connector.clone();
    let service = tower::service_fn(move |uri: Uri| handshake(uri, connector.clone()));
    let place = uri.authority().map(|authority| format!("http://{authority}")).unwrap_or_default();
    let endpoint = Endpoint::from_shared(place)?.origin(uri.clone());
    Ok(endpoint.connect_with_connector(service).await?)
}

/// A request with a token.
pub(crate) fn request<T>(token: &str, message: T) -> Result<tonic::Request<T>> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().context("the token is not one")?);
    Ok(request)
}

/// Submits a task of a workflow to the agent of this full name.
pub(crate) async fn submit(channel: &Channel, token: &str, [agent, workflow]: [&str; 2]) -> Result<v1::Task> {
    let goal = Some(Goal::Workflow(workflow.to_owned()));
    let submit = v1::SubmitTaskRequest { agent: agent.to_owned(), goal, ..v1::SubmitTaskRequest::default() };
    let answer = TaskServiceClient::new(channel.clone()).submit_task(request(token, submit)?).await;
    Ok(answer.context("the task was not taken on")?.into_inner())
}

/// The cheapest call that needs a person: it goes through every layer.
pub(crate) async fn who_am_i(channel: &Channel, token: &str) -> Result<()> {
    SessionServiceClient::new(channel.clone()).who_am_i(request(token, v1::WhoAmIRequest {})?).await?;
    Ok(())
}

type Connection = TokioIo<tokio_rustls::client::TlsStream<tokio::net::TcpStream>>;

async fn handshake(uri: Uri, connector: TlsConnector) -> std::io::Result<Connection> {
    let host = uri.host().unwrap_or_default().to_owned();
    let tcp = tokio::net::TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(443))).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from(host).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))?;
    Ok(TokioIo::new(connector.connect(name, tcp).await?))
}

pub(crate) fn now() -> Timestamp {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    Timestamp::from_unix_ms(time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000))
}
