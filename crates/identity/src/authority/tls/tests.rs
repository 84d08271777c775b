use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, ServerConnection};
use scalbotics_core::ports::Clock;
use scalbotics_core::time::Timestamp;

use super::*;
use crate::authority::ca::{Issuing, Names, Root, SVID_LIFETIME_MS_MAX};
use crate::holder::key::{Algorithm, Pair};
use crate::holder::tls::{ClockTime, client_config};

mod forged;
mod warrants;

const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);

#[derive(Debug)]
struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn time(at: Timestamp) -> Arc<dyn TimeProvider> {
    Arc::new(ClockTime(Arc::new(At(at))))
}

struct House {
    trust_domain: TrustDomain,
    root: Root,
    issuing: Issuing,
}

fn house(trust_domain: &str) -> House {
    let trust_domain = TrustDomain::parse(trust_domain).unwrap();
    let root = Root::generate(&trust_domain, NOW).unwrap();
    let key = Pair::generate(Algorithm::P256).unwrap();
    let issuing = Issuing::load(root.sign_issuing(key.public(), NOW).unwrap(), &key).unwrap();
    House { trust_domain, root, issuing }
}

impl House {
    fn roots(&self) -> Vec<CertificateDer<'static>> {
        vec![self.root.certificate().clone()]
    }

    fn identity(&self, path: &str, algorithm: Algorithm) -> Identity {
        let key = Pair::generate(algorithm).unwrap();
        let id = SpiffeId::parse(&format!("spiffe://{}{path}", self.trust_domain)).unwrap();
        let issued = self.issuing.issue(&id, key.public(), &Names::default(), SVID_LIFETIME_MS_MAX, NOW).unwrap();
        Identity { chain: issued.chain, key }
    }

    fn server(&self, identity: &Identity, at: Timestamp) -> Arc<ServerConfig> {
        let serving = ServingCertificate::new(identity).unwrap();
        Arc::new(server_config(serving, self.anchors(), &self.trust_domain, time(at)).unwrap())
    }

    fn anchors(&self) -> Arc<ClientAnchors> {
        let anchors = ClientAnchors::new(&self.roots()).unwrap();
        anchors.replace(&[self.issuing.certificate().clone()]).unwrap();
        anchors
    }

    fn client(&self, identity: Option<&Identity>, at: Timestamp) -> Arc<ClientConfig> {
        Arc::new(client_config(&self.roots(), &self.trust_domain, identity, time(at)).unwrap())
    }
}

/// Runs a handshake in memory, and sends what follows it (tickets).
fn connect(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
    let name = ServerName::try_from("name-that-no-certificate-has.test").unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    for _ in 0..10 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok((client, server))
}

#[test]
fn without_a_client_certificate() {
    let house = house("td.test");
    for algorithm in [Algorithm::P256, Algorithm::Ed25519] {
        let server = house.server(&house.identity("/system/daemon/n1", algorithm), NOW);
        let (client, server) = connect(&house.client(None, NOW), &server).unwrap();
        assert_eq!(client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(client.alpn_protocol(), Some(b"h2".as_slice()));
        assert_eq!(client.negotiated_key_exchange_group().unwrap().name(), rustls::NamedGroup::X25519MLKEM768);
        assert!(server.peer_certificates().is_none());
    }
}

#[test]
fn with_a_client_certificate() {
    let house = house("td.test");
    let server = house.server(&house.identity("/system/daemon/n1", Algorithm::P256), NOW);
    let agent = house.identity("/acme/agent/clerk", Algorithm::Ed25519);
    let (_, server) = connect(&house.client(Some(&agent), NOW), &server).unwrap();
    let peer = peer(&server.peer_certificates().unwrap()[0], &house.trust_domain).unwrap();
    assert_eq!(peer.id.to_string(), "spiffe://td.test/acme/agent/clerk");
}

#[test]
fn sessions_resume_by_ticket() {
    let house = house("td.test");
    let server = house.server(&house.identity("/system/daemon/n1", Algorithm::P256), NOW);
    let client = house.client(None, NOW);
    let kind = || connect(&client, &server).unwrap().0.handshake_kind();
    assert_eq!(kind(), Some(HandshakeKind::Full));
    assert_eq!(kind(), Some(HandshakeKind::Resumed));
}

#[test]
fn a_resumed_session_keeps_the_client_identity() {
    let house = house("td.test");
    let daemon = house.identity("/system/daemon/n1", Algorithm::P256);
    let agent = house.identity("/acme/agent/clerk", Algorithm::P256);
    let client = house.client(Some(&agent), NOW);
    let server = house.server(&daemon, NOW);
    connect(&client, &server).unwrap();
    let (resumed, server) = connect(&client, &server).unwrap();
    assert_eq!(resumed.handshake_kind(), Some(HandshakeKind::Resumed));
    let svid = peer(&server.peer_certificates().unwrap()[0], &house.trust_domain).unwrap();
    assert_eq!(svid.id.to_string(), "spiffe://td.test/acme/agent/clerk");
}

#[test]
fn a_clock_before_1970_fails_every_handshake() {
    let house = house("td.test");
    let server = house.server(&house.identity("/system/daemon/n1", Algorithm::P256), NOW);
    let refusal = connect(&house.client(None, Timestamp::from_unix_ms(-1)), &server).unwrap_err();
    assert_eq!(refusal, rustls::Error::FailedToGetCurrentTime);
}

#[test]
fn sem_4_1_servers_that_are_refused() {
    let house = house("td.test");
    let client = house.client(None, NOW);
    let agent = house.identity("/acme/agent/clerk", Algorithm::P256);
    let refusal = connect(&client, &house.server(&agent, NOW)).unwrap_err();
    assert!(matches!(refusal, rustls::Error::InvalidCertificate(CertificateError::Other(_))), "an agent: {refusal:?}");

    // Another root with the same trust domain.
    let twin = self::house("td.test");
    let imposter = twin.server(&twin.identity("/system/daemon/n1", Algorithm::P256), NOW);
    let refusal = connect(&client, &imposter).unwrap_err();
    assert!(matches!(refusal, rustls::Error::InvalidCertificate(_)), "{refusal:?}");

    // A daemon of another trust domain whose root is trusted, as a bundle of several roots may.
    let other = self::house("other.test");
    let server = other.server(&other.identity("/system/daemon/n1", Algorithm::P256), NOW);
    let roots = [house.roots(), other.roots()].concat();
    let both = Arc::new(client_config(&roots, &house.trust_domain, None, time(NOW)).unwrap());
    let refusal = connect(&both, &server).unwrap_err();
    assert!(matches!(refusal, rustls::Error::InvalidCertificate(CertificateError::Other(_))), "{refusal:?}");

    let server = house.server(&house.identity("/system/daemon/n1", Algorithm::P256), NOW);
    let later = NOW.plus_ms(SVID_LIFETIME_MS_MAX + 1000);
    let refusal = connect(&house.client(None, later), &server).unwrap_err();
    assert!(matches!(refusal, rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { .. })), "{refusal:?}");
}

#[test]
fn clients_that_are_refused() {
    let house = house("td.test");
    let daemon = house.identity("/system/daemon/n1", Algorithm::P256);
    let server = house.server(&daemon, NOW);
    let twin = self::house("td.test");
    let stranger = twin.identity("/acme/agent/clerk", Algorithm::P256);
    let config = Arc::new(client_config(&house.roots(), &house.trust_domain, Some(&stranger), time(NOW)).unwrap());
    assert!(connect(&config, &server).is_err(), "chains to another root");

    let other = self::house("other.test");
    let foreign = other.identity("/acme/agent/clerk", Algorithm::P256);
    let serving = ServingCertificate::new(&daemon).unwrap();
    let both = house.anchors();
    both.replace(&[house.issuing.certificate().clone(), other.issuing.certificate().clone()]).unwrap();
    let lenient = Arc::new(server_config(serving, both, &house.trust_domain, time(NOW)).unwrap());
    let config = house.client(Some(&foreign), NOW);
    let refusal = connect(&config, &lenient).unwrap_err();
    assert!(matches!(refusal, rustls::Error::InvalidCertificate(CertificateError::Other(_))), "{refusal:?}");

    let agent = house.identity("/acme/agent/clerk", Algorithm::P256);
    let later = NOW.plus_ms(SVID_LIFETIME_MS_MAX + 1000);
    let refusal = connect(&house.client(Some(&agent), NOW), &house.server(&daemon, later)).unwrap_err();
    assert!(matches!(refusal, rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { .. })), "{refusal:?}");
}

#[test]
fn the_serving_certificate_is_replaced_while_running() {
    let house = house("td.test");
    let (first, second) =
        (house.identity("/system/daemon/n1", Algorithm::P256), house.identity("/system/daemon/n1", Algorithm::P256));
    let serving = ServingCertificate::new(&first).unwrap();
    let server = Arc::new(server_config(Arc::clone(&serving), house.anchors(), &house.trust_domain, time(NOW)).unwrap());
    let seen = || connect(&house.client(None, NOW), &server).unwrap().0.peer_certificates().unwrap()[0].clone();
    assert_eq!(seen(), first.chain[0]);
    serving.replace(&second).unwrap();
    assert_eq!(seen(), second.chain[0]);
    let mismatch = Identity { chain: first.chain.clone(), key: Pair::generate(Algorithm::P256).unwrap() };
    assert!(matches!(serving.replace(&mismatch), Err(Error::Certificate(_))));
    assert_eq!(seen(), second.chain[0]);
}

#[test]
fn an_empty_bundle_trusts_nobody() {
    let trust_domain = TrustDomain::parse("td.test").unwrap();
    assert!(matches!(client_config(&[], &trust_domain, None, time(NOW)), Err(tls::Error::NoRoots)));
}

#[test]
fn security_5_what_a_revoked_authority_signed_is_refused_whatever_it_says() {
    let house = house("td.test");
    let daemon = house.identity("/system/daemon/n1", Algorithm::P256);
    let stolen = house.identity("/acme/agent/clerk", Algorithm::P256);
    let key = Pair::generate(Algorithm::P256).unwrap();
    let next = Issuing::load(house.root.sign_issuing(key.public(), NOW).unwrap(), &key).unwrap();
    let anchors = house.anchors();
    let serving = ServingCertificate::new(&daemon).unwrap();
    let server = Arc::new(server_config(serving, Arc::clone(&anchors), &house.trust_domain, time(NOW)).unwrap());
    let reached = |identity: &Identity| connect(&house.client(Some(identity), NOW), &server).is_ok();
    assert!(reached(&stolen));

    // Rotated: both vouch. Revoked: the new one alone, although the root has signed both.
    let own = Pair::generate(Algorithm::P256).unwrap();
    let id = SpiffeId::parse("spiffe://td.test/acme/agent/clerk").unwrap();
    let issued = next.issue(&id, own.public(), &Names::default(), SVID_LIFETIME_MS_MAX, NOW).unwrap();
    let renewed = Identity { chain: issued.chain, key: own };
    assert!(!reached(&renewed), "not before it is activated");
    anchors.replace(&[house.issuing.certificate().clone(), next.certificate().clone()]).unwrap();
    assert!(reached(&stolen) && reached(&renewed));
    anchors.replace(&[next.certificate().clone()]).unwrap();
    assert!(!reached(&stolen) && reached(&renewed));

    // Whatever the thief adds to the chain: the good authority, the root, or both.
    for extra in [vec![next.certificate().clone()], house.roots(), [vec![next.certificate().clone()], house.roots()].concat()] {
        let forged = Identity {
            chain: [stolen.chain.clone(), extra].concat(),
            key: Pair::from_pkcs8_der(&stolen.key.to_pkcs8_der().unwrap()).unwrap(),
        };
        assert!(!reached(&forged));
    }
    anchors.replace(&[]).unwrap();
    assert!(!reached(&renewed), "nobody vouches");
    connect(&house.client(None, NOW), &server).unwrap();
}

/// Semantics §4.2: a worker that knows nothing but the digest of a token talks to the daemon that has the bundle, and to nobody else.
#[test]
fn sem_4_2_a_worker_knows_the_daemon_by_the_digest_of_its_bundle() {
    use crate::holder::join_token::bundle_digest;
    use crate::holder::joining::Joining;
    let (house, other) = (house("td.test"), house("td.test"));
    let daemon = house.identity("/system/daemon/n1", Algorithm::P256);
    let server = |identity: &Identity, roots: Vec<CertificateDer<'static>>| {
        let serving = ServingCertificate::announcing(identity, roots).unwrap();
        assert_eq!(serving.chain().len(), 2, "roots are no part of its own chain");
        Arc::new(server_config(serving, house.anchors(), &house.trust_domain, time(NOW)).unwrap())
    };
    let joins = |server: &Arc<ServerConfig>, roots: &[CertificateDer<'static>]| {
        let joining = Joining::new(bundle_digest(roots));
        let client = Arc::new(joining.client_config(time(NOW)).unwrap());
        let connected = connect(&client, server);
        assert_eq!(connected.is_ok(), joining.learned().is_some());
        assert!(connected.is_err() || !joining.met_another());
        joining.learned().cloned()
    };
    let learned = joins(&server(&daemon, house.roots()), &house.roots()).unwrap();
    assert_eq!((learned.trust_domain, learned.roots), (house.trust_domain.clone(), house.roots()));
    let both = [house.roots(), other.roots()].concat();
    assert_eq!(joins(&server(&daemon, both.clone()), &both).unwrap().roots, both);
    // Another bundle, none, a part of it, and roots that were sent and have not signed it.
    assert!(joins(&server(&daemon, other.roots()), &house.roots()).is_none());
    assert!(joins(&server(&daemon, Vec::new()), &house.roots()).is_none());
    assert!(joins(&server(&daemon, house.roots()), &both).is_none());
    assert!(joins(&server(&daemon, other.roots()), &other.roots()).is_none(), "its chain does not end there");
    // An agent of the same house is no daemon.
    let agent = house.identity("/acme/agent/clerk", Algorithm::P256);
    assert!(joins(&server(&agent, house.roots()), &house.roots()).is_none());
}
