//! The connection.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::time_provider::DefaultTimeProvider;
use scalbotics_core::in_words;
use scalbotics_identity::holder::{tls, trust};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

use super::Proving;
use crate::codes;
use crate::context::Entry;
use crate::failure::{Exit, Failure};

/// How long connecting may take; a daemon on the same continent answers in a tenth.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The trust file of a context.
pub(super) fn trust(context: &Entry) -> Result<trust::File, Failure> {
    trust::File::load(&context.trust_file).map_err(|error| {
        Failure::new(Exit::Failed, codes::TRUST, format!("cannot use trust file {}", context.trust_file.display()))
            .why(in_words(&error))
            .next("scalbotics doctor")
    })
}

/// A connection to the context's daemon; neither connecting nor a call by it takes longer than `limit`.
pub(super) async fn channel(context: &Entry, trust: &trust::File, limit: Duration) -> Result<Proving, Failure> {
    let roots = trust.roots().map_err(|error| unusable(&context.server, in_words(&error)))?;
    let config = tls::client_config(&roots, &trust.trust_domain, None, Arc::new(DefaultTimeProvider));
    let config = config.map_err(|error| unusable(&context.server, in_words(&error)))?;
    let connected = tokio::time::timeout(limit, over(&context.server, config)).await.unwrap_or_else(|_| {
        let why = format!("it was not connected within {} ms", limit.as_millis());
        Err(Failure::new(Exit::TimedOut, codes::TIMED_OUT, format!("no answer from {}", context.server))
            .why(why)
            .next("scalbotics doctor"))
    });
    Proving::new(connected?, context, trust, limit)
}

fn unusable(server: &str, why: String) -> Failure {
    Failure::new(Exit::Usage, codes::SERVER, format!("server {server} is not usable")).why(why).next("scalbotics context list")
}

/// A connection to a daemon, as this configuration knows it.
pub(crate) async fn over(server: &str, config: rustls::ClientConfig) -> Result<Channel, Failure> {
    let uri: Uri = server.parse().map_err(|error: http_error::InvalidUri| unusable(server, error.to_string()))?;
    if uri.scheme_str() != Some("https") || uri.host().is_none() {
        return Err(unusable(server, "it is not https://host:port".to_owned()));
    }
    let connector = TlsConnector::from(Arc::new(config));
    let service = tower::service_fn(move |uri: Uri| connect(uri, connector.clone()));
    // The connector brings the TLS; the endpoint would refuse the scheme without its own, so it only learns the origin.
    let place = uri.authority().map(|authority| format!("http://{authority}")).unwrap_or_default();
    let endpoint = Endpoint::from_shared(place).map_err(|error| unusable(server, in_words(&error)))?;
    let endpoint = endpoint.origin(uri).connect_timeout(CONNECT_TIMEOUT);
    endpoint.connect_with_connector(service).await.map_err(|error| {
        Failure::new(Exit::Unreachable, codes::UNREACHABLE, format!("no answer from {server}"))
            .why(in_words(&error))
            .next("scalbotics doctor")
    })
}

type Connection = TokioIo<tokio_rustls::client::TlsStream<tokio::net::TcpStream>>;

async fn connect(uri: Uri, connector: TlsConnector) -> Result<Connection, std::io::Error> {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let tcp = tokio::net::TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(443))).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from(host).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))?;
    Ok(TokioIo::new(connector.connect(name, tcp).await?))
}

/// The URI error that tonic's `Uri` parses with.
mod http_error {
    pub(super) type InvalidUri = <tonic::transport::Uri as std::str::FromStr>::Err;
}
