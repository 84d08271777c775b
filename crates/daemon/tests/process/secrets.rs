//! Canaries: what was given in confidence is found in no file of the daemon, however it is written.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::installation::{Installation, Times, id};
use crate::ledger::Class;

/// A text that nothing else writes.
const CANARY: &str = "canary-quoth-the-7391-nightjar";

/// The canary as logs, databases and URLs might hold it.
pub(crate) fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let url: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let reversed: String = secret.chars().rev().collect();
    let mut forms =
        vec![bytes.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes(), url.into_bytes(), wide, reversed.into_bytes()];
    // Base64 depends on where the text begins; the middle of each of the three shifts is always the same.
    for shift in 0..3 {
        let shifted = [vec![0; shift], bytes.to_vec()].concat();
        let encoded = base64(&shifted);
        forms.push(encoded.as_bytes()[4..encoded.len() - 4].to_vec());
    }
    forms
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let chunks = bytes.chunks(3).flat_map(|chunk| {
        let three = [chunk[0], *chunk.get(1).unwrap_or(&0), *chunk.get(2).unwrap_or(&0)];
        let number = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        [18, 12, 6, 0].map(|shift| DIGITS[(number >> shift) as usize & 63] as char)
    });
    chunks.collect()
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Fails if one of the files holds a secret in any form; answers how many bytes were looked through.
pub(crate) fn search(files: &[PathBuf], secrets: &[(&str, String)]) -> usize {
    let mut bytes = 0;
    for path in files {
        let content = std::fs::read(path).unwrap_or_default();
        bytes += content.len();
        // Rooms that were kept and never written are zeroes; looking through them takes long and finds nothing.
        let content: Vec<u8> =
            content.chunks(4096).filter(|chunk| chunk.iter().any(|byte| *byte != 0)).flatten().copied().collect();
        for (name, secret) in secrets {
            for form in forms(secret) {
                assert!(!holds(&content, &form), "{name} is in {}", path.display());
            }
        }
    }
    bytes
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let dir = tempfile::tempdir().unwrap();
    for (index, form) in forms(CANARY).into_iter().enumerate() {
        let path = dir.path().join(index.to_string());
        std::fs::write(&path, [b"before ".as_slice(), &form, b" after"].concat()).unwrap();
        let found = std::panic::catch_unwind(|| search(&[path], &[("canary", CANARY.to_owned())]));
        assert!(found.is_err(), "form {index} is not found");
    }
}

#[test]
fn no_canary_is_in_a_file_of_the_daemon() {
    let installation = Installation::with(|desired| {
        desired.add_tool(
            "says",
            json!({
                "id": "says", "description": "Says it again.", "argv": ["/bin/sh", "-c", "cat; cat /dev/fd/0 >&2; exit 7"],
                "input": { "type": "object", "required": ["text"], "properties": { "text": { "type": "string" } } },
                "tier": 0, "effect": "pure",
            }),
        );
    });
    let daemon = installation.start();
    for class in [Class::Pure, Class::Keyed, Class::Opaque] {
        let entry = format!("{CANARY}-{}", class.word());
        let input = json!({ "entry": entry, "before_ms": 0, "after_ms": 0 }).to_string();
        let arguments = ["task", "run", "--agent", "clerk", "--detach", "--workflow", class.word(), "--input", &input];
        let task = id(&installation.ann(&arguments));
        if class.tier() == 2 {
            let approval = installation.approval_of(&task);
            installation.bob(&["approval", "approve", &approval, "--reason", CANARY]).exits(0);
        }
        assert_eq!(installation.rest(&task)["status"], "COMPLETED");
        installation.ann(&["task", "result", &task]).exits(0);
    }
    let denied = id(&installation.submit(Class::Opaque, "denied", Times::default()));
    installation.bob(&["approval", "deny", &installation.approval_of(&denied), "--reason", CANARY]).exits(0);
    assert_eq!(installation.rest(&installation.run("says", &json!({ "text": CANARY })))["status"], "FAILED");
    installation.ann(&["task", "run", "--agent", "clerk", CANARY]);
    installation.ann(&["task", "run", "--agent", CANARY, CANARY]);
    let input = json!({ "entry": CANARY, "before_ms": 0, "after_ms": 0 }).to_string();
    installation.ann(&["policy", "can-i", "--agent", "clerk", "--tool", "ledger.pure", "--args", &input]).exits(0);
    let metrics = daemon.get("/metrics").1;
    assert!(metrics.len() > 100 && !metrics.contains(CANARY), "{metrics}");
    let audit = installation.ann(&["audit", "tail", "--lines", "500"]).exits(0);
    assert!(audit.stdout.len() > 1_000, "{audit:#?}");
    let said: Vec<_> = audit.stdout.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(said.is_empty(), "{said:#?}");
    // Killed, so that the write-ahead log is left as it is.
    daemon.kill();
    let key = |person: &str, name: &str| {
        let text = std::fs::read_to_string(installation.root.join("people").join(person).join(name)).unwrap();
        text.lines().find(|line| !line.starts_with('-')).unwrap()[20..].to_owned()
    };
    let secrets = [
        ("the canary", CANARY.to_owned()),
        ("Ann's login key", key("ann", "login.pem")),
        ("Bob's approval key", key("bob", "approval.pem")),
    ];
    let mut looked_at = files(&installation.root.join("data"));
    assert!(looked_at.len() >= 2, "{looked_at:?}");
    looked_at.push(installation.log());
    looked_at.extend(files(&installation.root.join("keys")));
    let bytes = search(&looked_at, &secrets);
    println!("{} files, {bytes} bytes", looked_at.len());
    assert!(!installation.log_text().is_empty() && bytes > 10_000);
}
