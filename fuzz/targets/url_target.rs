//! URLs as callers and redirects write them, and hosts as destinations do: what is read is read in one way, and never leads inside
//! without a declaration.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_core::egress::{Class, Host, HostPattern, Method, Reach, Scheme, Target, classify};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(pattern) = text.parse::<HostPattern>() {
        assert_eq!(pattern.to_string().parse::<HostPattern>(), Ok(pattern), "another pattern");
    }
    let Ok(target) = Target::parse(text) else { return };
    let written = target.to_string();
    assert_eq!(Target::parse(&written).as_ref(), Ok(&target), "another reading of `{written}`");
    assert!(written.is_ascii() && !written.contains(['@', '\\', '#']) || target.path.contains('@') || target.query.is_some());
    if Reach::Open.check(Method::Get, &target).is_ok() {
        assert_eq!((target.scheme, target.port), (Scheme::Https, 443));
        if let Host::Address(address) = target.host {
            assert_eq!(classify(address), Class::Public);
        }
    }
});
