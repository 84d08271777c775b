//! What is reviewed like an interface: the published schemas and the help. With `UPDATE_SNAPSHOTS=1` the files are written.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::command::Answer;
use crate::installation::shipped;

/// Kinds of files that people write.
const KINDS: [&str; 9] = ["daemon", "agent", "destination", "model", "overlay", "skill", "team", "tool", "workflow"];

/// Verbs of the daemon's program.
const VERBS: [&[&str]; 22] = [
    &[],
    &["initialize"],
    &["dev"],
    &["enroll"],
    &["ca"],
    &["ca", "sign"],
    &["ca", "crl"],
    &["ca", "seal"],
    &["issuer"],
    &["issuer", "add"],
    &["issuer", "list"],
    &["issuer", "remove"],
    &["audit"],
    &["audit", "verify"],
    &["admin"],
    &["admin", "backup"],
    &["admin", "restore"],
    &["admin", "start"],
    &["config"],
    &["config", "show"],
    &["config", "validate"],
    &["config", "schema"],
];

fn printed(words: &[&str]) -> String {
    Answer::of(Command::new(shipped()).args(words).env_clear()).exits(0).stdout
}

/// The kept text, written anew if the environment says so. Blanks at the end of a line mean nothing, and editors take them away.
fn kept(path: &str, found: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
    }
    std::fs::read_to_string(&path).unwrap_or_default()
}

#[test]
fn published_schemas_are_the_ones_that_the_program_prints() {
    for kind in KINDS {
        let text = printed(&["config", "schema", kind]);
        let schema: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(schema["additionalProperties"], Value::Bool(false), "{kind}: an unknown key is an error");
        let path = format!("../../docs/schemas/{kind}.schema.json");
        // As values: the order of keys depends on what else the build links.
        let published: Value = serde_json::from_str(&kept(&path, &text)).unwrap_or_default();
        assert_eq!(published, schema, "{path} is not what is printed");
    }
    assert_eq!(printed(&["config", "schema"]), printed(&["config", "schema", "daemon"]));
}

#[test]
fn every_help_is_the_one_that_was_reviewed() {
    let of = |words: &&[&str]| {
        let typed = [&["scalboticsd"], *words, &["--help"]].concat().join(" ");
        format!("$ {typed}\n{}\n", printed(&[*words, &["--help"]].concat()))
    };
    let text: String = VERBS.iter().map(of).collect();
    let text: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    let path = "tests/process/scalboticsd.txt";
    let kept = kept(path, &text);
    let differs = kept.lines().zip(text.lines()).find(|(kept, found)| kept != found);
    assert!(kept == text, "{path} is not what is printed: first at {differs:?}");
}
