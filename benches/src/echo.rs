//! The peer of reads: a bare tonic server that answers what it was asked, by mutual TLS under the daemon's own configuration and in a
//! process of the daemon's shape. Whoever has no certificate of its authority is not served; nobody is limited, authorized or audited in
//! it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustls::time_provider::DefaultTimeProvider;
use scalbotics_core::identity::{SpiffeId, Subject, TrustDomain};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_identity::authority::ca::{Issuing, Names, Root};
use scalbotics_identity::authority::tls::{ClientAnchors, ServingCertificate, server_config};
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::{certificate, tls};
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_server::{SessionService, SessionServiceServer};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::codegen::tokio_stream::{self, StreamExt as _};
use tonic::transport::{Channel, Server, Uri};
use tonic::{Request, Response, Status};

use crate::client::{dial, now};

/// Threads that drive it: as many as the daemon has.
const WORKERS: usize = 2;

/// Life of its certificate, in milliseconds: the shortest that is issued is long enough.
const CERTIFICATE_MS: u64 = 3_600_000;

/// The trust domain of its authority, which lives as long as the process.
const DOMAIN: &str = "echo.bench.example";

/// Where it listens, whom its client trusts, and by what the client proves itself, as it prints it.
#[derive(Serialize, Deserialize)]
struct Place {
    port: u16,
    root: String,
    chain: String,
    key: String,
}

/// What it serves with, and what its client needs: PEM texts of the root, the client's chain and its key.
struct Made {
    acceptor: TlsAcceptor,
    root: String,
    chain: String,
    key: String,
}

/// Serves one connection until it is killed.
///
/// # Errors
/// When it cannot listen, or the connection breaks.
pub(crate) fn serve() -> Result<()> {
    // It never outlives who measures.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    runtime.context("the runtime does not start")?.block_on(listen())
}

async fn listen() -> Result<()> {
    let Made { acceptor, root, chain, key } = make()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("the echo cannot listen")?;
    let place = Place { port: listener.local_addr()?.port(), root, chain, key };
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(&place)?).and_then(|()| out.flush()).context("cannot print where the echo is")?;
    let (tcp, _) = listener.accept().await.context("nobody comes")?;
    tcp.set_nodelay(true)?;
    let tls = acceptor.accept(tcp).await.context("the handshake failed")?;
    // The daemon takes tokens too; here it is mutual TLS or nothing.
    tls.get_ref().1.peer_certificates().context("the client has no certificate")?;
    let connections = tokio_stream::once(Ok::<_, std::io::Error>(tls)).chain(tokio_stream::pending());
    Ok(Server::builder().add_service(SessionServiceServer::new(Echo)).serve_with_incoming(connections).await?)
}

/// The daemon's configuration of TLS, and certificates for both sides, of an authority that is made here.
fn make() -> Result<Made> {
    let domain = TrustDomain::parse(DOMAIN)?;
    let root = Root::generate(&domain, now())?;
    let authority = Pair::generate(Algorithm::P256)?;
    let issuing = Issuing::load(root.sign_issuing(authority.public(), now())?, &authority)?;
    let identity = |subject: &Subject| -> Result<tls::Identity> {
        let (key, id) = (Pair::generate(Algorithm::P256)?, SpiffeId::new(domain.clone(), subject));
        let chain = issuing.issue(&id, key.public(), &Names::default(), CERTIFICATE_MS, now())?.chain;
        Ok(tls::Identity { chain, key })
    };
    let serving = ServingCertificate::new(&identity(&Subject::Daemon { node: Name::parse("echo")? })?)?;
    let client = identity(&Subject::Service { tenant: TenantId::parse("bench")?, service: Name::parse("reader")? })?;
    let roots = [root.certificate().clone()];
    let anchors = ClientAnchors::new(&roots)?;
    anchors.replace(&[issuing.certificate().clone()])?;
    let config = server_config(serving, anchors, &domain, Arc::new(DefaultTimeProvider))?;
    Ok(Made {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        root: certificate::to_pem(&roots),
        chain: certificate::to_pem(&client.chain),
        key: client.key.to_pkcs8_pem()?.to_string(),
    })
}

/// Answers an assertion as a token: the one pair of messages of the API that holds the same text.
struct Echo;

#[tonic::async_trait]
impl SessionService for Echo {
    async fn exchange_assertion(
        &self,
        request: Request<v1::ExchangeAssertionRequest>,
    ) -> Result<Response<v1::AccessToken>, Status> {
        Ok(Response::new(v1::AccessToken { token: request.into_inner().assertion, expire_time: None }))
    }

    async fn exchange_token(&self, _: Request<v1::ExchangeTokenRequest>) -> Result<Response<v1::AccessToken>, Status> {
        Err(Status::unimplemented("this is an echo"))
    }

    async fn end_session(&self, _: Request<v1::EndSessionRequest>) -> Result<Response<v1::EndSessionResponse>, Status> {
        Err(Status::unimplemented("this is an echo"))
    }

    async fn who_am_i(&self, _: Request<v1::WhoAmIRequest>) -> Result<Response<v1::Identity>, Status> {
        Err(Status::unimplemented("this is an echo"))
    }
}

/// An echo in a process of its own; killed when this is dropped.
pub(crate) struct Peer(Child);

impl Peer {
    /// Starts this program as an echo, on the processor of whoever calls.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start() -> Result<(Self, PeerPlace)> {
        let program = std::env::current_exe().context("this program does not know itself")?;
        let child = Command::new(program).arg("echo").stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut peer = Self(child.context("cannot start the echo")?);
        let mut line = String::new();
        let out = peer.0.stdout.take().context("the echo has no output")?;
        BufReader::new(out).read_line(&mut line).context("cannot read where the echo is")?;
        let place = serde_json::from_str(&line).context("the echo does not say where it is")?;
        Ok((peer, PeerPlace(place)))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// Where an echo listens.
pub(crate) struct PeerPlace(Place);

impl PeerPlace {
    /// The one connection that it serves.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn connect(&self) -> Result<Channel> {
        let roots = certificate::from_pem(&self.0.root)?;
        let (chain, key) = (certificate::from_pem(&self.0.chain)?, Pair::from_pkcs8_pem(self.0.key.as_bytes())?);
        let identity = tls::Identity { chain, key };
        let config = tls::client_config(&roots, &TrustDomain::parse(DOMAIN)?, Some(&identity), Arc::new(DefaultTimeProvider))?;
        let uri: Uri = format!("https://127.0.0.1:{}", self.0.port).parse()?;
        dial(&uri, &tokio_rustls::TlsConnector::from(Arc::new(config))).await
    }
}
