//! A stored task envelope: whatever is read and found good can be written and read again, and is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_core::json;
use scalbotics_core::task::Envelope;

fuzz_target!(|data: &[u8]| {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(data) else { return };
    if envelope.check().is_err() {
        return;
    }
    let Ok(bytes) = json::canonical_of(&envelope) else { return };
    let again: Envelope = serde_json::from_slice(&bytes).expect("what was written can be read");
    assert_eq!(again, envelope);
    assert_eq!(again.check(), Ok(()));
});
