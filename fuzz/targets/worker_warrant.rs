//! Warrants as workers get them: what is taken has one text, is for one worker, and begins nothing for ever.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_core::identity::SpiffeId;
use scalbotics_core::time::Timestamp;
use scalbotics_core::worker::CallWarrant;

fuzz_target!(|data: &[u8]| {
    let Ok(warrant) = CallWarrant::parse(data) else { return };
    assert_eq!(warrant.to_text().expect("it was read"), data, "one warrant has two texts");
    let other = SpiffeId::parse("spiffe://other.test/none/agent/none").expect("a name");
    assert!(warrant.worker == other || warrant.check(&other, b"", Timestamp::from_unix_ms(0)).is_err());
    assert!(warrant.check_time(warrant.not_after).is_err(), "it begins after its time");
});
