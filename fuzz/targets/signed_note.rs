//! Signed notes. Input that begins with `S` is a text that is signed by a known key; anything else is a whole note.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scalbotics_fuzz::keys;
use scalbotics_identity::holder::key::Pair;
use scalbotics_identity::holder::signed_note::{self, Verifier};

/// The known key's name.
const NAME: &str = "scalbotics.test/log";

static KEY: LazyLock<(Pair, Vec<Verifier>)> = LazyLock::new(|| {
    let pair = keys::ed25519();
    let verifier = Verifier::new(NAME, pair.public().clone()).expect("a verifier");
    assert_eq!(verifier.to_string().parse::<Verifier>().as_ref(), Ok(&verifier));
    (pair, vec![verifier])
});

fuzz_target!(|data: &[u8]| {
    let (pair, known) = &*KEY;
    let Ok(input) = str::from_utf8(data) else { return };
    let _verifier = input.lines().next().unwrap_or_default().parse::<Verifier>();
    if let Some(text) = input.strip_prefix('S') {
        let Ok(note) = signed_note::sign(text, NAME, pair) else { return };
        let Ok(verified) = signed_note::verify(&note, known) else {
            // A signed text may be too long once its signature is added; nothing else makes a note of our own bad.
            assert!(note.len() > 65_536, "a note of our own is refused");
            return;
        };
        assert_eq!((verified.text, verified.signers.as_slice()), (text, &[NAME][..]));
    } else if let Ok(verified) = signed_note::verify(input, known) {
        assert!(input.starts_with(verified.text) && verified.signers == [NAME]);
        assert!(signed_note::verify(input, &[]).is_err());
        let fresh = signed_note::sign(verified.text, NAME, pair).expect("a verified text can be signed");
        assert!(signed_note::verify(&fresh, known).is_ok());
    }
});
