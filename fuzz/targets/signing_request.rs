//! Signing requests (PKCS#10) as strangers send them: whatever is accepted is a key that the request proves to hold, and asks for nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_core::identity::SpiffeId;
use scalbotics_identity::authority::ca;

fuzz_target!(|data: &[u8]| {
    let registered = SpiffeId::parse("spiffe://td.test/acme/agent/clerk").expect("a SPIFFE id");
    let Ok(key) = ca::read_workload(data, &registered) else {
        // An authority's request is none of a workload's, and the other way round.
        let _other = ca::read_authority(data, registered.trust_domain());
        return;
    };
    assert!(data.len() <= ca::REQUEST_LEN_MAX);
    assert_eq!(ca::read_workload(data, &registered).ok(), Some(key), "another reading of the same bytes");
    assert!(ca::read_authority(data, registered.trust_domain()).is_err(), "a workload becomes an authority");
});
