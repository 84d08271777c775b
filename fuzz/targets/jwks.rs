//! Sets of keys of outside issuers: one that counts has no secret, no name twice, and as many keys as it says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_fuzz::issuer;
use scalbotics_identity::authority::outside::{Algorithm, KeySet};
use serde_json::Value;

/// Members that only a private key or a shared secret has (RFC 7518 §6).
const SECRET: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

fuzz_target!(|data: &[u8]| {
    let _counted = issuer::keys_counted(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(set) = KeySet::parse(text, &Algorithm::ALL) else { return };
    let value: Value = serde_json::from_str(text).expect("what counts is JSON");
    let keys = value["keys"].as_array().expect("and has keys");
    assert!((1..=keys.len()).contains(&set.count()), "{} of {}", set.count(), keys.len());
    assert!(!keys.iter().any(|key| SECRET.iter().any(|name| key.get(name).is_some())), "a secret is published");
    let named = keys.iter().filter_map(|key| key["kid"].as_str()).filter(|kid| set.has(kid)).count();
    assert!(named >= set.count(), "keys without names");
    // Fewer algorithms are never more keys.
    for algorithm in Algorithm::ALL {
        assert!(KeySet::parse(text, &[algorithm]).map_or(0, |fewer| fewer.count()) <= set.count());
    }
});
