//! Key authorities: states in their order, certificates under the one that signs, and nothing changed by what is refused.

use scalbotics_core::identity::{AuthorityError, AuthorityId, AuthorityState, SpiffeId};
use scalbotics_core::ports::{AuthorityMark, KeyAuthority, KeyAuthorityError, RevokedSvid, SvidOrder};
use scalbotics_core::time::Timestamp;

/// What the suite cannot make by itself.
pub struct AuthorityGround<'a> {
    /// Signs a request as the root of the port does; the answer is a certificate, both DER.
    pub root: &'a (dyn Fn(&[u8]) -> Vec<u8> + Sync),
    /// A workload of the port's trust domain.
    pub workload: SpiffeId,
    /// A public key that the port issues for.
    pub key_spki: Vec<u8>,
    /// A time at which the first authority is valid.
    pub now: Timestamp,
}

impl std::fmt::Debug for AuthorityGround<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthorityGround").field("workload", &self.workload).finish_non_exhaustive()
    }
}

/// Runs the suite on a port whose one authority is active.
pub async fn key_authority(port: &dyn KeyAuthority, ground: &AuthorityGround<'_>) {
    let now = ground.now;
    let lifetime_ms = 3_600_000;
    let order =
        SvidOrder { id: ground.workload.clone(), key_spki: ground.key_spki.clone(), lifetime_ms, dns: vec![], ips: vec![] };
    let [first] = port.authorities().await.unwrap().try_into().unwrap();
    assert!(first.state == AuthorityState::Active && !first.certificate.is_empty() && first.vouches(now));
    let issued = port.issue(&order, now).await.unwrap();
    assert_eq!((&issued.authority, issued.not_after), (&first.id, at_second(now.plus_ms(lifetime_ms))));
    assert_eq!(issued.chain.last(), Some(&first.certificate), "the authority follows the leaf");
    assert_ne!(port.issue(&order, now).await.unwrap().serial, issued.serial);

    // What is refused changes nothing.
    let absent = AuthorityId::of_key_identifier([0; 20]);
    let taint = async |id: &AuthorityId| port.mark(id, AuthorityMark::Taint, now).await;
    let revoke = async |id: &AuthorityId| port.mark(id, AuthorityMark::Revoke { root_crl: vec![] }, now).await;
    assert!(matches!(taint(&absent).await, Err(KeyAuthorityError::State(AuthorityError::Absent { .. }))));
    assert!(matches!(taint(&first.id).await, Err(KeyAuthorityError::State(AuthorityError::Step { .. }))));
    assert!(matches!(revoke(&first.id).await, Err(KeyAuthorityError::State(AuthorityError::Step { .. }))));
    assert!(matches!(port.activate(b"no certificate", now).await, Err(KeyAuthorityError::Refused { .. })));
    for broken in [
        SvidOrder { key_spki: vec![], ..order.clone() },
        SvidOrder { lifetime_ms: 1, ..order.clone() },
        SvidOrder { dns: vec!["localhost".into()], ..order.clone() },
        SvidOrder { id: SpiffeId::parse("spiffe://elsewhere.test/acme/agent/clerk").unwrap(), ..order.clone() },
    ] {
        assert!(matches!(port.issue(&broken, now).await, Err(KeyAuthorityError::Refused { .. })), "{broken:?}");
    }
    assert_eq!(port.authorities().await.unwrap(), std::slice::from_ref(&first));

    let (prepared, request) = port.prepare(now).await.unwrap();
    assert_eq!((prepared.state, port.prepare(now).await.unwrap().0), (AuthorityState::Prepared, prepared.clone()));
    assert_eq!(port.issue(&order, now).await.unwrap().authority, first.id, "one that waits does not sign");
    let certificate = (ground.root)(&request);
    let active = port.activate(&certificate, now).await.unwrap();
    assert_eq!((&active.id, active.state, &active.certificate), (&prepared.id, AuthorityState::Active, &certificate));
    assert_eq!(port.activate(&certificate, now).await.unwrap(), active, "twice is once");
    let states = async || port.authorities().await.unwrap().iter().map(|it| it.state).collect::<Vec<_>>();
    assert_eq!(states().await, [AuthorityState::Retired, AuthorityState::Active]);
    assert_eq!(port.issue(&order, now).await.unwrap().authority, active.id);
    let revoked = [RevokedSvid { serial: issued.serial, revoked_at: now }];
    assert!(!port.revocations(&first.id, &revoked, now).await.unwrap().is_empty(), "a retired one signs its list");

    assert_eq!(taint(&first.id).await.unwrap().state, AuthorityState::Tainted);
    assert_eq!(taint(&first.id).await.unwrap().state, AuthorityState::Tainted, "twice is once");
    assert_eq!(revoke(&first.id).await.unwrap().state, AuthorityState::Revoked);
    assert_eq!(revoke(&first.id).await.unwrap().state, AuthorityState::Revoked, "twice is once");
    assert_eq!(states().await, [AuthorityState::Revoked, AuthorityState::Active]);
    assert!(matches!(port.revocations(&first.id, &[], now).await, Err(KeyAuthorityError::State(_))), "its key is gone");
    assert!(matches!(taint(&first.id).await, Err(KeyAuthorityError::State(_))), "there is no way back");
}

/// Certificates know no parts of a second.
fn at_second(time: Timestamp) -> Timestamp {
    Timestamp::from_unix_ms(time.unix_ms().div_euclid(1_000) * 1_000)
}
