//! What ends TLS before a plain server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::Certificate;

/// A port of loopback that speaks TLS and hands what it hears to a plain server. It ends when it is dropped.
#[derive(Debug)]
pub struct Front {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Front {
    /// One before the server of this port, with this certificate.
    #[must_use]
    pub fn new(port: u16, certificate: Certificate) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.der], certificate.key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    _ = stopped => {}
                    () = accept(listener, acceptor, port) => {}
                }
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _gone = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

async fn accept(listener: std::net::TcpListener, acceptor: TlsAcceptor, port: u16) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            // A client that does not believe the certificate leaves, and nobody behind hears of it.
            let _left = hand_on(stream, &acceptor, port).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn hand_on(stream: TcpStream, acceptor: &TlsAcceptor, port: u16) -> std::io::Result<()> {
    let mut outer = acceptor.accept(stream).await?;
    let mut inner = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    tokio::io::copy_bidirectional(&mut outer, &mut inner).await?;
    Ok(())
}
