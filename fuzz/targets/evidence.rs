//! Evidence of a task, with the trust file of its installation: nothing is accepted but what the daemon made, and nothing breaks the verifier.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_verify::{Options, verify};

const TRUST: &[u8] = include_bytes!("../../crates/verify/tests/data/trust.json");
const BUNDLE: &[u8] = include_bytes!("../../crates/verify/tests/data/task.evidence");

fuzz_target!(|data: &[u8]| {
    let report = verify(data, Some(TRUST), Options::default());
    assert!(report.refusal().is_some() || data == BUNDLE, "evidence that nobody made is accepted");
    // What is read may be a trust file as well; an honest bundle under it is verified, or refused with a reason.
    let other = verify(BUNDLE, Some(data), Options { open: true });
    assert!(other.refusal().is_none_or(|refusal| !refusal.reason.is_empty()));
    drop((report.to_text(), report.to_json(), other.to_json()));
});
