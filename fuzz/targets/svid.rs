//! X.509-SVIDs as a peer presents them: DER that nobody vouches for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rustls_pki_types::CertificateDer;
use scalbotics_identity::holder::svid;

fuzz_target!(|data: &[u8]| {
    let certificate = CertificateDer::from(data);
    let Ok(svid) = svid::read(&certificate) else { return };
    assert!(svid::read(&certificate).is_ok_and(|again| again == svid), "another reading of the same bytes");
    assert!(!svid.id.to_string().is_empty());
});
