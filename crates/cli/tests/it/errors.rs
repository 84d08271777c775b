//! Every class of failure that needs no daemon: exit code, four parts, and JSON where JSON was asked for.

use serde_json::Value;

use super::program::{Home, dead_port};

fn check(home: &Home, words: &[&str], exit: i32, code: &str, next: &str) {
    let ran = home.run(words);
    assert_eq!(ran.code, exit, "{words:?}: {ran:?}");
    assert_eq!(ran.stdout, "", "{words:?}: data only on stdout");
    assert!(ran.stderr.starts_with("error: "), "{words:?}: {}", ran.stderr);
    assert!(ran.stderr.contains(&format!("[{code}]")) && ran.stderr.contains(&format!("docs: errors/{code}")), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!(" next: {next}")), "{words:?}: {}", ran.stderr);
    let with_json = [words, &["-o", "json"]].concat();
    let ran = home.run(&with_json);
    assert_eq!((ran.code, ran.stdout.as_str()), (exit, ""), "{with_json:?}");
    let error: Value = serde_json::from_str(&ran.stderr).expect("one JSON value");
    let error = error.pointer("/error").expect("under `error`");
    assert_eq!(error.pointer("/code").and_then(Value::as_str), Some(code));
    assert_eq!(error.pointer("/exit").and_then(Value::as_i64), Some(exit.into()));
    for part in ["what", "why", "next", "ref", "docs"] {
        assert!(error.get(part).is_some_and(Value::is_string), "{part} of {error}");
    }
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/errors/{code}.md"));
    assert!(page.is_file(), "{code} has no page");
}

#[test]
fn without_a_context() {
    let home = Home::new();
    check(&home, &["task", "list"], 4, "CLI_NO_CONTEXT", "scalbotics dev");
    check(&home, &["whoami"], 4, "CLI_NO_CONTEXT", "scalbotics dev");
    check(&home, &["login"], 4, "CLI_NO_CONTEXT", "scalbotics dev");
    check(&home, &["logout", "--context", "x"], 10, "CLI_NO_CONTEXT", "scalbotics context list");
    check(&home, &["context", "use", "x"], 10, "CLI_NO_CONTEXT", "scalbotics context list");
    check(&home, &["status", "--context", "x"], 10, "CLI_NO_CONTEXT", "scalbotics context list");
}

#[test]
fn wrong_words() {
    let home = Home::new();
    check(&home, &["tsk"], 2, "CLI_USAGE", "scalbotics --help");
    check(&home, &["task", "lst"], 2, "CLI_USAGE", "scalbotics task --help");
    check(&home, &["task", "run"], 2, "CLI_USAGE", "scalbotics task run --help");
    check(&home, &["task", "show"], 2, "CLI_USAGE", "scalbotics task show --help");
    check(&home, &["task", "list", "--limit", "0"], 2, "CLI_USAGE", "");
    check(&home, &["status", "--timeout", "soon"], 2, "CLI_USAGE", "");
    check(&home, &["help", "nothing"], 2, "CLI_USAGE", "scalbotics --help");
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let home = Home::new();
    let ran = home.run(&["context", "add", "x"]);
    for flag in ["--server", "--trust-file", "--of-tenant", "--human", "--service", "--login-key"] {
        assert!(ran.stderr.contains(flag), "{flag}: {}", ran.stderr);
    }
    for (half, other) in [("--human", "--human-uid"), ("--service-uid", "--service")] {
        let ran = home.run(&["context", "add", "x", half, "y"]);
        assert!(ran.code == 2 && ran.stderr.contains(other), "{half}: {}", ran.stderr);
    }
    assert!(home.run(&["tsk"]).stderr.contains("'task'"), "did you mean");
    let bare = home.run(&[]);
    assert!(bare.code == 2 && bare.stderr.contains("Usage: scalbotics"), "{bare:?}");
}

#[test]
fn nobody_answers() {
    let home = Home::new();
    home.with_context(dead_port());
    check(&home, &["task", "list"], 8, "CLI_UNREACHABLE", "scalbotics doctor");
    check(&home, &["whoami", "--tenant", "other"], 10, "CLI_TENANT", "scalbotics context list");
    let verbose = home.run(&["whoami", "--verbose"]);
    assert!(verbose.stderr.contains("context dead: ann of acme at https://127.0.0.1:"), "{}", verbose.stderr);
}

#[test]
fn a_stranger_answers() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let home = Home::new();
    home.with_context(listener.local_addr().unwrap().port());
    let stranger = std::thread::spawn(move || {
        use std::io::Write as _;
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let _gone = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    check(&home, &["status"], 8, "CLI_UNREACHABLE", "scalbotics doctor");
    stranger.join().unwrap();
}

#[test]
fn unusable_files() {
    let home = Home::new();
    home.with_context(dead_port());
    std::fs::write(home.path("trust.json"), "{}").unwrap();
    check(&home, &["status"], 1, "CLI_TRUST", "scalbotics doctor");
    let contexts = home.path(".config/scalbotics/contexts.toml");
    let text = std::fs::read_to_string(&contexts).unwrap();
    std::fs::write(&contexts, text.replace("https://", "http://")).unwrap();
    std::fs::write(&contexts, "curent = 1\n").unwrap();
    check(&home, &["context", "list"], 1, "CLI_CONTEXTS", "");
    let ran: super::program::Ran = home.command(&["context", "list"]).env_remove("HOME").output().unwrap().into();
    assert!(ran.code == 1 && ran.stderr.contains("[CLI_NO_HOME]"), "{ran:?}");
}

#[test]
fn doctor_lists_what_it_found_and_what_to_do() {
    let home = Home::new();
    let ran = home.run(&["doctor"]);
    assert!(ran.code == 1 && ran.stdout.contains("fail") && ran.stdout.contains("scalbotics dev"), "{ran:?}");
    assert!(ran.stderr.contains("[DOCTOR]"));
    home.with_context(dead_port());
    let ran = home.run(&["doctor", "-o", "json"]);
    let checks: Value = serde_json::from_str(&ran.stdout).unwrap();
    let of = |name: &str| checks.as_array().unwrap().iter().find(|check| check["name"] == name).unwrap()["result"].clone();
    assert_eq!((of("trust file"), of("login key"), of("daemon and login")), ("ok".into(), "ok".into(), "fail".into()));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(home.path("login.pem"), mode).unwrap();
    let ran = home.run(&["doctor", "-o", "jsonl", "--fields", "name,next"]);
    assert!(ran.stdout.contains("chmod 600"), "{ran:?}");
}

#[test]
fn a_verb_of_the_daemon_without_its_program() {
    let home = Home::new();
    // The built daemon may stand beside the built program; a copy elsewhere has no neighbour.
    let alone = home.path("scalbotics");
    std::fs::copy(env!("CARGO_BIN_EXE_scalbotics"), &alone).unwrap();
    let output = std::process::Command::new(&alone).args(["init", "--dir", "x", "-o", "json"]).env_clear().output().unwrap();
    let ran = super::program::Ran::from(output);
    assert!(ran.code == 1 && ran.stderr.contains("[CLI_NO_DAEMON]") && ran.stdout.is_empty(), "{ran:?}");
}

#[test]
fn a_verb_of_the_daemon_gets_its_words_as_they_are() {
    let home = Home::new();
    let alone = home.path("scalbotics");
    std::fs::copy(env!("CARGO_BIN_EXE_scalbotics"), &alone).unwrap();
    let beside = home.path("scalboticsd");
    std::fs::write(&beside, "#!/bin/sh\nfor word in \"$@\"; do echo \"<$word>\"; done\nexit 7\n").unwrap();
    std::fs::set_permissions(&beside, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let words = ["--context", "dev", "init", "--yes", "-o", "json", "--", "a b"];
    let output = std::process::Command::new(&alone).args(words).env_clear().output().unwrap();
    let ran = super::program::Ran::from(output);
    assert_eq!((ran.code, ran.stdout.as_str()), (7, "<initialize>\n<--yes>\n<-o>\n<json>\n<-->\n<a b>\n"), "{ran:?}");
}
