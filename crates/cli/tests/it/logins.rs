//! Contexts whose people log in at an identity provider: what works, and fails, without one.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::program::{Home, Ran, dead_port};

/// Adds a context called `acme` that names an issuer.
fn add(home: &Home, issuer: &str, more: &[&str]) -> Ran {
    let trust = home.path("trust.json").display().to_string();
    let words = ["context", "add", "acme", "--server", "https://127.0.0.1:1", "--trust-file", &trust, "--of-tenant", "acme"];
    home.run(&[&words[..], &["--issuer", issuer, "--client-id", "cli", "--use"], more].concat())
}

fn home(issuer: &str) -> Home {
    let home = Home::new();
    home.with_context(dead_port());
    let added = add(&home, issuer, &[]);
    assert_eq!(added.code, 0, "{added:?}");
    home
}

/// Keeps a login at this issuer, as an earlier one left it.
fn keep(home: &Home, issuer: &str) -> std::path::PathBuf {
    let folder = home.path(".local/state/scalbotics/logins");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("acme.json");
    let login = serde_json::json!({
        "issuer": issuer, "client_id": "cli", "subject": "u-ann", "refresh_token": "canary-refresh", "since": 1_000_000_000_000_i64,
    });
    std::fs::write(&file, login.to_string()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file
}

fn refused(ran: &Ran, code: i32, says: &[&str]) {
    assert_eq!(ran.code, code, "{ran:?}");
    for part in says.iter().chain(&["error: ", "  why: ", " next: ", "docs: errors/"]) {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn a_context_learns_its_issuer() {
    let home = home("https://login.acme.test/realm");
    let more = [
        "--scopes",
        "openid groups",
        "--audience",
        "api",
        "--issuer-token",
        "access",
        "--redirect-port",
        "8123",
        "--issuer-ca",
        "ca.pem",
    ];
    assert_eq!(add(&home, "https://login.acme.test/realm", &more).code, 0);
    let list: Value = serde_json::from_str(&home.run(&["context", "list", "-o", "json"]).stdout).unwrap();
    assert_eq!((&list[0]["name"], &list[0]["issuer"]), (&"acme".into(), &"https://login.acme.test/realm".into()));
    assert!(list[0]["principal"].is_null() && list[1]["issuer"].is_null(), "nobody is known before the first login: {list}");
    let text = std::fs::read_to_string(home.path(".config/scalbotics/contexts.toml")).unwrap();
    for line in
        ["scopes = \"openid groups\"", "audience = \"api\"", "token = \"access\"", "redirect_port = 8123", "client_id = \"cli\""]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(text.contains(&format!("ca_file = \"{}\"", home.path("ca.pem").display())), "absolute: {text}");
}

#[test]
fn an_issuer_that_is_none() {
    let home = home("https://login.acme.test");
    for (issuer, says) in [
        ("http://login.acme.test", "it is not https"),
        ("login.acme.test", "it is not https"),
        ("https://user@login.acme.test", "a user or a password"),
        ("https://login.acme.test?x=1", "a query"),
        ("https://login.acme.test#x", "a fragment"),
    ] {
        refused(&add(&home, issuer, &[]), 2, &["--issuer is not usable", says]);
    }
    for (flags, says) in [
        (["--scopes", " "].as_slice(), "--scopes is not usable"),
        (&["--audience", "a\nb"], "--audience is not usable"),
        (&["--issuer-token", "refresh"], "--issuer-token"),
        (&["--redirect-port", "0"], "--redirect-port"),
        (&["--service", "ci", "--service-uid", "svc_1"], "--service"),
    ] {
        let ran = add(&home, "https://login.acme.test", flags);
        assert!(ran.code == 2 && ran.stderr.contains(says), "{flags:?}: {ran:?}");
    }
    let ran =
        home.run(&["context", "add", "x", "--server", "s", "--trust-file", "t", "--of-tenant", "acme", "--issuer", "https://i"]);
    assert!(ran.code == 2 && ran.stderr.contains("--client-id"), "{ran:?}");
    for name in ["../acme", ".acme", "a/b", "a b", ""] {
        let ran = home.run(&[
            "context",
            "add",
            name,
            "--server",
            "s",
            "--trust-file",
            "t",
            "--of-tenant",
            "acme",
            "--issuer",
            "https://i",
            "--client-id",
            "c",
        ]);
        assert!(ran.code == 2 && ran.stderr.contains("name of the context is not usable"), "{name:?}: {ran:?}");
    }
}

#[test]
fn nobody_is_logged_in() {
    let home = home("https://login.acme.test");
    let ran = home.run(&["login", "--status"]);
    refused(&ran, 4, &["[CLI_LOGIN]", "scalbotics login"]);
    assert!(ran.stdout.contains("logged in      false"), "{ran:?}");
    let ran = home.run(&["login", "--status", "-o", "json"]);
    let status: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &status["logged_in"], &status["renews"]), (4, &false.into(), &false.into()), "{status}");
    let ran = home.run(&["logout"]);
    assert!(ran.code == 0 && ran.stderr.contains("was not logged in"), "{ran:?}");
}

#[test]
fn what_is_kept_is_shown_but_no_token() {
    let issuer = format!("http://127.0.0.1:{}", dead_port());
    let home = home(&issuer);
    keep(&home, &issuer);
    for format in ["table", "json", "yaml", "wide"] {
        let ran = home.run(&["login", "--status", "-o", format]);
        assert!(ran.code == 0 && ran.stdout.contains("u-ann") && ran.stdout.contains("2001-09-09"), "{ran:?}");
        assert!(!ran.stdout.contains("canary"), "{ran:?}");
    }
    // Of another issuer, or readable by others: not this context's.
    let file = keep(&home, "https://other.test");
    assert_eq!(home.run(&["login", "--status"]).code, 4);
    keep(&home, &issuer);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(home.run(&["login", "--status"]).code, 4);
}

#[test]
fn logout_forgets_also_where_the_issuer_is_away_and_says_so() {
    let issuer = format!("http://127.0.0.1:{}", dead_port());
    let home = home(&issuer);
    let file = keep(&home, &issuer);
    let ran = home.run(&["logout"]);
    refused(&ran, 8, &["logged out here, but the identity provider was not told", "[CLI_ISSUER]", "does not answer"]);
    assert!(!file.exists() && !ran.stderr.contains("canary"), "{ran:?}");
    assert_eq!(home.run(&["logout"]).code, 0);
}

#[test]
fn an_issuer_that_is_away() {
    let issuer = format!("http://127.0.0.1:{}", dead_port());
    let home = home(&issuer);
    for words in [["login"].as_slice(), &["login", "--device"], &["login", "--headless"]] {
        refused(&home.run(words), 8, &["[CLI_ISSUER]", "does not answer", &issuer]);
    }
    let key = home.path(".config/scalbotics/keys/acme.pem");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600, "the key is the person's alone");
    let before = std::fs::read(&key).unwrap();
    assert_eq!(home.run(&["login"]).code, 8);
    assert_eq!(std::fs::read(&key).unwrap(), before, "and stays");
}

#[test]
fn ways_that_do_not_fit() {
    let home = home("https://login.acme.test");
    for way in ["--device", "--headless"] {
        refused(&home.run(&["login", way, "--context", "dead"]), 2, &["context dead has no identity provider"]);
    }
    refused(&home.run(&["login", "--headless", "--no-input"]), 2, &["nothing may be asked", "the flag --device"]);
    for words in [["--device", "--headless"], ["--status", "--device"], ["--status", "--headless"]] {
        assert_eq!(home.run(&[&["login"], &words[..]].concat()).code, 2, "{words:?}");
    }
}
