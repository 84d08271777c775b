//! Warrants of workers, by the certificates that serve connections: who may sign one, and what of.

use rustls::pki_types::CertificateDer;

use super::*;
use crate::holder::worker_warrant::{Error, Verifier, sign};

const TEXT: &[u8] = b"{\"act\":\"run\"}";

#[test]
fn sem_8_1_a_daemon_of_the_trust_domain_signs_a_warrant_and_nobody_else() {
    let house = house("td.test");
    let verifier = Verifier::new(&house.roots(), &house.trust_domain).unwrap();
    let daemon = house.identity("/system/daemon/n1", Algorithm::P256);
    let signature = sign(&daemon.key, TEXT).unwrap();
    let verify = |signature: &[u8], chain: &[CertificateDer<'static>], at| verifier.verify(TEXT, signature, chain, at);
    verify(&signature, &daemon.chain, NOW).unwrap();
    verify(&sign(&house.identity("/system/daemon/n1", Algorithm::P256).key, TEXT).unwrap(), &daemon.chain, NOW).unwrap_err();
    // Another text, no text's signature, and one that was made without the tag.
    assert!(verifier.verify(b"{\"act\":\"verify\"}", &signature, &daemon.chain, NOW).is_err());
    assert!(matches!(verify(&[], &daemon.chain, NOW), Err(Error::Key(_))));
    assert!(matches!(verify(&daemon.key.sign(TEXT).unwrap(), &daemon.chain, NOW), Err(Error::Key(_))));
    // Agents, services and daemons of others have keys and certificates too.
    let stranger = super::house("td.test");
    let other = super::house("other.test");
    for (house, path) in [
        (&house, "/acme/agent/till"),
        (&house, "/acme/service/ci"),
        (&stranger, "/system/daemon/n1"),
        (&other, "/system/daemon/n1"),
    ] {
        let identity = house.identity(path, Algorithm::P256);
        let refused = verify(&sign(&identity.key, TEXT).unwrap(), &identity.chain, NOW);
        assert!(matches!(refused, Err(Error::Certificate(_))), "{path}: {refused:?}");
    }
    // Its time, its chain.
    let over = NOW.plus_ms(2 * SVID_LIFETIME_MS_MAX);
    assert!(matches!(verify(&signature, &daemon.chain, over), Err(Error::Certificate(_))));
    assert!(matches!(verify(&signature, &[], NOW), Err(Error::Chain)));
    let long = vec![daemon.chain[0].clone(); 5];
    assert!(matches!(verify(&signature, &long, NOW), Err(Error::Chain)));
    assert!(matches!(verify(&signature, &[CertificateDer::from(vec![0; 40])], NOW), Err(Error::Certificate(_))));
}
