//! Contexts: all of it works offline, in every format.

use super::program::{Home, Ran};

fn home() -> Home {
    let home = Home::new();
    home.with_context(1);
    home
}

#[test]
fn formats() {
    let cases: [(&[&str], &str); 8] = [
        (&["-o", "name"], "dead\n"),
        (&["--fields", "name,principal"], "NAME  PRINCIPAL\ndead  ann\n"),
        (&["--fields", "approves", "-o", "json"], "[\n  {\n    \"approves\": false\n  }\n]\n"),
        (&["--fields", "tenant", "-o", "jsonl"], "{\"tenant\":\"acme\"}\n"),
        (&["--fields", "tenant", "-o", "yaml"], "- tenant: acme\n"),
        (&["--context", "other", "-o", "name"], "dead\n"),
        (&["-q", "--no-progress", "--color", "always", "-o", "name"], "dead\n"),
        (&["--no-input", "--timeout", "5s", "-o", "name"], "dead\n"),
    ];
    let home = home();
    for (flags, wanted) in cases {
        let ran = home.run(&[&["context", "list"], flags].concat());
        assert_eq!((ran.stdout.as_str(), ran.code), (wanted, 0), "{flags:?}: {}", ran.stderr);
    }
    let table = home.run(&["contexts", "ls"]).stdout;
    let mut lines = table.lines();
    assert!(lines.next().is_some_and(|head| head.starts_with("NAME  CURRENT  SERVER  ")), "{table}");
    assert!(lines.next().is_some_and(|row| row.starts_with("dead  true     https://127.0.0.1:1  acme ")), "{table}");
}

#[test]
fn flags_and_their_twins() {
    let home = home();
    let with = |name: &str, value: &str, words: &[&str]| Ran::from(home.command(words).env(name, value).output().unwrap());
    assert_eq!(with("SCALBOTICS_OUTPUT", "name", &["context", "list"]).stdout, "dead\n");
    assert_eq!(with("SCALBOTICS_FIELDS", "principal", &["context", "list"]).stdout, "PRINCIPAL\nann\n");
    assert_eq!(
        with("SCALBOTICS_OUTPUT", "name", &["context", "list", "-o", "jsonl", "--fields", "principal"]).stdout,
        "{\"principal\":\"ann\"}\n"
    );
    assert_eq!(with("SCALBOTICS_CONTEXT", "gone", &["whoami"]).code, 10);
    let refused = with("SCALBOTICS_OUTPUT", "json", &["tsk"]);
    assert!(refused.code == 2 && refused.stderr.starts_with("{\"error\":"), "{refused:?}");
    for off in ["", "0", "no", "false"] {
        let ran = with("SCALBOTICS_YES", off, &["context", "remove", "dead"]);
        assert!(ran.code == 2 && ran.stderr.contains("[CLI_NOT_CONFIRMED]"), "{off}: {ran:?}");
    }
    let ran = with("SCALBOTICS_YES", "1", &["context", "remove", "dead"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(home.run(&["context", "list", "-o", "name"]).stdout, "");
}

#[test]
fn an_unknown_field_says_which_there_are() {
    let ran = home().run(&["context", "list", "--fields", "nam"]);
    assert!(ran.code == 2 && ran.stdout.is_empty() && ran.stderr.contains("approves"), "{ran:?}");
}

#[test]
fn removal_is_confirmed() {
    let home = home();
    let ran = home.run(&["context", "rm", "dead"]);
    assert!(ran.code == 2 && ran.stderr.contains("[CLI_NOT_CONFIRMED]") && ran.stderr.contains("--yes"), "{ran:?}");
    assert_eq!(home.run(&["context", "list", "-o", "name"]).stdout, "dead\n");
    assert_eq!(home.run(&["context", "rm", "dead", "--yes"]).code, 0);
    assert!(home.path("login.pem").is_file(), "keys stay");
    assert!(home.run(&["context", "list"]).stderr.contains("nothing found"));
}

#[test]
fn what_others_wrote_moves_no_cursor_in_any_format() {
    let home = home();
    let file = home.path(".config/scalbotics/contexts.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let hostile = text.replace("https://127.0.0.1:1", "https://h\\u001b[2J\\u202e\\u009b");
    assert_ne!(hostile, text);
    std::fs::write(&file, hostile).unwrap();
    for format in ["table", "wide", "json", "jsonl", "yaml", "name"] {
        let ran = home.run(&["context", "list", "-o", format]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(!ran.stdout.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{format}: {:?}", ran.stdout);
    }
    let json: serde_json::Value = serde_json::from_str(&home.run(&["context", "list", "-o", "json"]).stdout).unwrap();
    assert_eq!(json[0]["server"], "https://h\u{1b}[2J\u{202e}\u{9b}", "the value is whole");
    let ran = home.run(&["status"]);
    assert!(ran.code == 2 && !ran.stderr.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{ran:?}");
}

#[test]
fn colour_is_asked_for_and_refused() {
    let home = Home::new();
    let with = |name: &str, words: &[&str]| Ran::from(home.command(words).env(name, "1").output().unwrap()).stderr;
    assert!(!home.run(&["whoami"]).stderr.contains('\u{1b}'), "no terminal, no colour");
    assert!(with("CLICOLOR_FORCE", &["whoami"]).contains("\u{1b}["));
    assert!(!with("NO_COLOR", &["whoami"]).contains('\u{1b}'));
    assert!(with("NO_COLOR", &["whoami", "--color", "always"]).contains("\u{1b}["), "the flag wins");
}
