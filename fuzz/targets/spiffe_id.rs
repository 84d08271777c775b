//! SPIFFE IDs and trust domains, as certificates, tokens and files say them: one identity has one text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_core::identity::{SpiffeId, TrustDomain};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(domain) = TrustDomain::parse(&text) {
        assert_eq!(domain.to_string(), text);
        assert_eq!(SpiffeId::parse(&format!("spiffe://{text}")).map(|id| id.trust_domain().clone()), Ok(domain));
    }
    let Ok(id) = SpiffeId::parse(&text) else { return };
    assert_eq!(id.to_string(), text, "one identity has two texts");
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:/".contains(&byte)), "{text:?}");
    assert!(!id.path().split('/').any(|part| matches!(part, "." | "..")), "{text:?}");
    if let Some(subject) = id.subject() {
        assert_eq!(SpiffeId::new(id.trust_domain().clone(), &subject), id, "a subject has two identities");
    }
});
