//! Evidence of a task, with the trust file of its installation: nothing is accepted but what the daemon made, and nothing breaks the verifier.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_verify::{Options, verify};

const TRUST: &[u8] = include_bytes!("../../crates/verify/tests/data/trust.json");
const BUNDLE: &[u8] = include_bytes!("../../crates/verify/tests/data/task.evidence");

fuzz_target!(|data: &[u8]| {
    let report = verify(data, Some(TRUST), Options::default());
    assert!(report.refusal().is_some() || data == BUNDLE, "evidence that nobody made is accepted");
    // The input may be a trust file as well; whatever it says, an open task is no reason to break.
    let other = verify(BUNDLE, Some(data), Options { open: true });
    assert!(other.refusal().is_some() || data.strip_suffix(b"\n").unwrap_or(data) == TRUST.strip_suffix(b"\n").unwrap_or(TRUST) || !other.steps.is_empty());
    drop((report.to_text(), report.to_json(), other.to_json()));
});
