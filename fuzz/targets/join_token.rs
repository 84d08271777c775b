//! Join tokens as people paste them: what is taken has one text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_identity::holder::join_token::JoinToken;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let Ok(token) = JoinToken::parse(&text) else { return };
    assert_eq!(token.text().as_str(), text.trim(), "one token has two texts");
    assert!(!format!("{token:?}").contains(token.text().get(5..48).expect("a secret of 43 characters")), "it is shown");
});
