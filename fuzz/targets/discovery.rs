//! Discovery documents of outside issuers, before both of their readers: what counts is the issuer's own, and leads to no place that it must not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_fuzz::issuer;

/// One elsewhere, and one of this machine.
const ISSUERS: [&str; 2] = ["https://id.example", "http://127.0.0.1:1/realm"];

fuzz_target!(|data: &[u8]| {
    for issuer in ISSUERS {
        issuer::command_line_reads(issuer, data);
    }
    assert!(!ISSUERS.iter().all(|issuer| issuer::daemon_reads(issuer, data)), "the document of two issuers");
});
