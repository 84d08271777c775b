//! The one effect.

use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fixture::{Folder, answer, run, start};

#[test]
fn a_kill_between_effect_and_answer_makes_no_second_entry() {
    let folder = Folder::new("kill");
    let ledger = folder.path("ledger");
    let entry = json!({"commit": "c", "credentials": 0, "conflict_markers": 0, "markdown": "text"});
    let words = ["publish", "--ledger", &ledger, "--key", "eff_1", "--linger-ms", "60000"];
    let mut first = start(&words, &entry);
    let begun = Instant::now();
    while folder.entries().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no entry appears");
        std::thread::yield_now();
    }
    first.kill().unwrap();
    assert_eq!(first.wait().unwrap().signal(), Some(9));
    let before = std::fs::read(folder.0.join("ledger/eff_1.json")).unwrap();
    // The same command again, as recovery runs it: it answers at once, for there is nothing to hold back.
    assert_eq!(answer(&words, &entry), json!({"entry": "eff_1.json", "existed": true}));
    assert_eq!(folder.entries(), ["eff_1.json"]);
    assert_eq!(std::fs::read(folder.0.join("ledger/eff_1.json")).unwrap(), before);
}

fn code_of(words: &[&str], input: &Value) -> Option<i32> {
    run(words, input).status.code()
}

#[test]
fn exit_codes_tell_what_a_verify_command_must() {
    let folder = Folder::new("codes");
    let ledger = folder.path("ledger");
    let entry = json!({"commit": "c", "credentials": 0, "conflict_markers": 0, "markdown": "text"});
    assert_eq!(code_of(&["published", "--ledger", &ledger, "--key", "k"], &json!({})), Some(1));
    assert_eq!(code_of(&["publish", "--ledger", &ledger, "--key", "k"], &entry), Some(0));
    assert_eq!(code_of(&["published", "--ledger", &ledger, "--key", "k"], &json!({})), Some(0));
    let other = json!({"commit": "c", "credentials": 0, "conflict_markers": 0, "markdown": "other"});
    assert_eq!(code_of(&["publish", "--ledger", &ledger, "--key", "k"], &other), Some(3));
    assert_eq!(code_of(&["publish", "--ledger", &ledger, "--key", "k2"], &json!({"markdown": "text"})), Some(3));
    assert_eq!(code_of(&["published", "--ledger", &folder.path("missing"), "--key", "k"], &json!({})), Some(3));
    assert_eq!(code_of(&["publish", "--ledger", &ledger, "--key", "../k"], &entry), Some(2));
    assert_eq!(folder.entries(), ["k.json"]);
}
