//! Asking an issuer over HTTP/1.1: one request a connection, within limits.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use scalbotics_core::in_words;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::{Address, encode};
use super::error::Error;

/// Time for one answer, from the connection to its last byte.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// Longest head of an answer, in bytes.
const HEAD_LEN_MAX: usize = 32 << 10;

/// An answer within limits.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its status.
    pub(super) status: u16,
    /// Whether it says that it is JSON.
    pub(super) is_json: bool,
    /// Its body.
    pub(super) body: Vec<u8>,
}

/// The client: no redirects, no proxies of the environment, no cookies, no compression.
pub(super) struct Http(TlsConnector);

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Http")
    }
}

impl Http {
    /// Believes the system's authorities, and these.
    pub(super) fn new(more: Option<&scalbotics_core::egress::Roots>) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        let _unusable = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for der in more.into_iter().flat_map(scalbotics_core::egress::Roots::iter) {
            roots.add(der.to_vec().into())?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Self(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))))
    }

    /// Gets a document of at most so many bytes.
    pub(super) async fn get(&self, address: &Address, most: usize) -> Result<Answer, Error> {
        self.ask(address, Method::GET, String::new(), most).await
    }

    /// Posts a form; the answer has at most so many bytes.
    pub(super) async fn post(&self, address: &Address, form: &[(&str, &str)], most: usize) -> Result<Answer, Error> {
        self.ask(address, Method::POST, encode(form), most).await
    }

    async fn ask(&self, address: &Address, method: Method, body: String, most: usize) -> Result<Answer, Error> {
        let asked = tokio::time::timeout(ANSWER_MAX, self.connected(address, method, body, most)).await;
        asked.unwrap_or_else(|_| Err(unreachable(address, format!("no whole answer within {} s", ANSWER_MAX.as_secs()))))
    }

    async fn connected(&self, address: &Address, method: Method, body: String, most: usize) -> Result<Answer, Error> {
        let failed = |error: std::io::Error| unreachable(address, in_words(&error));
        let tcp = TcpStream::connect((address.host(), address.port())).await.map_err(failed)?;
        if !address.is_tls() {
            // A name may mean another machine than this one, whatever it says.
            let peer = tcp.peer_addr().map_err(failed)?;
            if !peer.ip().is_loopback() {
                return Err(unreachable(
                    address,
                    "it is not on this machine, and only this machine is trusted without TLS".into(),
                ));
            }
            return exchanged(tcp, address, method, body, most).await;
        }
        let name = ServerName::try_from(address.host().to_owned());
        let name = name.map_err(|error| unreachable(address, in_words(&error)))?;
        let tls = self.0.connect(name, tcp).await.map_err(failed)?;
        exchanged(tls, address, method, body, most).await
    }
}

fn unreachable(address: &Address, reason: String) -> Error {
    Error::Unreachable { place: address.to_string(), reason }
}

async fn exchanged<S>(stream: S, address: &Address, method: Method, body: String, most: usize) -> Result<Answer, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| unreachable(address, in_words(&error));
    let mut request = Request::builder().method(&method).uri(address.target()).header(HOST, address.authority());
    request = request.header(ACCEPT, "application/json").header(USER_AGENT, concat!("scalbotics/", env!("CARGO_PKG_VERSION")));
    if method == Method::POST {
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(|error| unreachable(address, in_words(&error)))?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_LEN_MAX);
    let (mut sender, connection) = builder.handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await.map_err(failed)?;
    let answered = async {
        let response = sender.send_request(request).await.map_err(failed)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, most).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Error::TooLong { place: address.to_string(), most }
            } else {
                unreachable(address, error.to_string())
            }
        })?;
        Ok(Answer { status: head.status.as_u16(), is_json: is_json(&head.headers), body: body.to_bytes().to_vec() })
    };
    let (mut answered, mut connection) = (std::pin::pin!(answered), std::pin::pin!(connection));
    tokio::select! {
        biased;
        answer = &mut answered => answer,
        // The connection may end a moment before the last byte is looked at.
        _ended = &mut connection => answered.await,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}
