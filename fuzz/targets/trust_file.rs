//! Trust files: what is accepted is canonical, so that its digest names it and nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalbotics_identity::holder::trust::File;

fuzz_target!(|data: &[u8]| {
    let Ok(file) = File::parse(data) else { return };
    let bytes = file.to_bytes().expect("what is accepted can be written");
    assert_eq!(bytes, data.strip_suffix(b"\n").unwrap_or(data), "two texts of one trust file are accepted");
    assert!(!file.roots().expect("its roots were read").is_empty());
});
