//! Proofs about logs and requests to witnesses: what is accepted is what is written, but for extra data, and a proof never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::merkle::{Head, leaf_hash, verify_consistency, verify_inclusion};
use scalbotics_core::audit::proof_text::{AddCheckpoint, Consistency, Inclusion};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(proof) = Inclusion::parse(text) {
        assert!(proof.text() == text || text.contains("\nextra "), "one proof, one text");
        if let Ok(signed) = Checkpoint::of_note(&proof.note) {
            let _refused = verify_inclusion(&leaf_hash(b"leaf"), proof.index, signed.size, &proof.proof, &signed.root);
        }
    }
    if let Ok(proof) = Consistency::parse(text) {
        assert_eq!(proof.text(), text, "one proof, one text");
        if let Ok(signed) = Checkpoint::of_note(&proof.note) {
            let (old, new) = (Head { size: proof.old_size, root: proof.old_root }, Head { size: signed.size, root: signed.root });
            let _refused = verify_consistency(old, new, &proof.proof);
        }
    }
    if let Ok(request) = AddCheckpoint::parse(text) {
        assert_eq!(request.text(), text, "one request, one text");
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.text(), text);
        assert_eq!(Checkpoint::parse_any(text), Ok(checkpoint));
    }
});
