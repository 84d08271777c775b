//! Logins that are kept in the keyring of the desktop: what the program that speaks to it may do, and what it may not.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::program::{Home, Ran, dead_port};

/// A program that keeps items in files beside it, and writes down what it is called with.
const GOOD: &str = r#"
here=${0%/*}; verb=$1
echo "$*" >> "$here/called"
item='*'
while [ $# -gt 0 ]; do if [ "$1" = item ]; then item=$2; fi; shift; done
case $verb in
store) /bin/cat > "$here/item-$item" ;;
lookup) [ -f "$here/item-$item" ] && /bin/cat "$here/item-$item" ;;
clear) /bin/rm "$here"/item-$item ;;
search) /bin/ls "$here" | { while read -r name; do case $name in item-*) echo "[/1]"; echo "secret = canary-in-search" ;; esac; done; } ;;
esac
"#;

struct Desk {
    home: Home,
    issuer: String,
}

impl Desk {
    /// A home with a context whose issuer is away, and a program for the keyring.
    fn new(program: &str) -> Self {
        let (home, issuer) = (Home::new(), format!("http://127.0.0.1:{}", dead_port()));
        home.with_context(dead_port());
        let trust = home.path("trust.json").display().to_string();
        let words = ["context", "add", "acme", "--server", "https://127.0.0.1:1", "--trust-file", &trust, "--of-tenant", "acme"];
        let added = home.run(&[&words[..], &["--issuer", &issuer, "--client-id", "cli", "--store", "keyring", "--use"]].concat());
        assert_eq!(added.code, 0, "{added:?}");
        let desk = Self { home, issuer };
        desk.install(program);
        desk
    }

    fn install(&self, program: &str) {
        let file = self.home.path("secret-tool");
        // Under another name first: a file that is written to cannot be run, and another test may be forking.
        let fresh = self.home.path("fresh");
        std::fs::write(&fresh, format!("#!/bin/sh\n{program}")).unwrap();
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(fresh, file).unwrap();
    }

    fn logins(&self, name: &str) -> PathBuf {
        self.home.path(".local/state/scalbotics/logins").join(name)
    }

    /// Keeps a login, as an earlier one left it: the file says that the keyring has the token.
    fn keep(&self, secret: &str) {
        std::fs::create_dir_all(self.logins("")).unwrap();
        let login = json!({
            "issuer": self.issuer, "client_id": "cli", "subject": "u-ann", "refresh_token": null, "since": 1_000_000_000_000_i64,
            "store": "keyring",
        });
        for (file, text) in [("acme.json", login.to_string()), ("acme.keyring", String::new())] {
            std::fs::write(self.logins(file), text).unwrap();
            std::fs::set_permissions(self.logins(file), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        std::fs::write(self.home.path("item-login"), secret).unwrap();
    }

    fn secret(&self) -> String {
        json!({ "issuer": self.issuer, "client_id": "cli", "refresh_token": "canary-refresh" }).to_string()
    }

    /// Runs a command; whatever happens, no secret shows.
    fn run(&self, words: &[&str]) -> Ran {
        let ran = self.home.run(words);
        assert!(!ran.stdout.contains("canary") && !ran.stderr.contains("canary"), "{words:?}: {ran:?}");
        ran
    }

    /// What doctor says of where the login is kept.
    fn doctor(&self, more: &[&str]) -> Value {
        let ran = self.run(&[&["doctor", "-o", "json", "--timeout", "20s"], more].concat());
        let findings: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
        findings.into_iter().find(|finding| finding["name"] == "login store").unwrap_or_default()
    }
}

fn refused(ran: &Ran, says: &[&str]) {
    assert_eq!(ran.code, 1, "{ran:?}");
    for part in says.iter().chain(&["error: ", "  why: ", " next: ", "docs: errors/CLI_KEYRING"]) {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn the_keyring_is_tried_before_anybody_does_anything() {
    let desk = Desk::new(GOOD);
    // The keyring is good: the next thing that is not is the issuer.
    let ran = desk.run(&["login"]);
    assert!(ran.code == 8 && ran.stderr.contains("CLI_ISSUER"), "{ran:?}");
    assert!(!desk.home.path("item-trial").try_exists().unwrap(), "the trial is forgotten");
    let called = std::fs::read_to_string(desk.home.path("called")).unwrap();
    assert!(called.lines().all(|line| line.contains("application scalbotics context acme state ")), "{called}");

    std::fs::remove_file(desk.home.path("secret-tool")).unwrap();
    refused(&desk.run(&["login"]), &["no program `secret-tool` on PATH", "libsecret-tools", "--store file"]);
    // The way out, and back, once.
    let ran = desk.run(&["login", "--store", "file"]);
    assert!(ran.code == 8 && ran.stderr.contains("CLI_ISSUER"), "{ran:?}");
    refused(&desk.run(&["login", "--store", "keyring"]), &["no program `secret-tool`"]);
    let ran = desk.run(&["login", "--store", "keyring", "--context", "dead"]);
    assert!(ran.code == 2 && ran.stderr.contains("context dead has no identity provider"), "{ran:?}");
    for words in [["--store", "cloud"].as_slice(), &["--store", "file", "--status"]] {
        assert_eq!(desk.run(&[&["login"], words].concat()).code, 2, "{words:?}");
    }
}

#[test]
fn what_the_program_may_answer_and_still_nothing_is_lost() {
    let endless = "while :; do echo canary-canary-canary-canary; done";
    let deaf = GOOD.replace("store) /bin/cat", "store) : ");
    let table = [
        ("exit 1", "it is locked, or has no login"),
        ("echo 'secret-tool: Cannot autolaunch D-Bus without X11 $DISPLAY' >&2; exit 1", "Cannot autolaunch D-Bus"),
        ("echo 'Cannot create an item in a locked collection' >&2; exit 1", "a locked collection"),
        ("/bin/cat >/dev/null; exit 0", "it is locked, or has no login"),
        ("echo '<html>no</html>'", "it does not give back what it was given"),
        (endless, "prints more than 65536 bytes"),
        ("while :; do echo 'canary-canary-canary' >&2; done", "prints more than 65536 bytes"),
        ("kill -9 $$", "it is locked, or has no login"),
        (&deaf, "it is locked, or has no login"),
        ("printf '\\033[2Jcleared' >&2; exit 1", "\\u{1b}[2Jcleared"),
    ];
    for (program, says) in table {
        let desk = Desk::new(program);
        refused(&desk.run(&["login", "--timeout", "60s"]), &[says, "the keyring cannot be used for the login of context acme"]);
    }
    let desk = Desk::new("exit 1");
    std::fs::set_permissions(desk.home.path("secret-tool"), std::fs::Permissions::from_mode(0o644)).unwrap();
    refused(&desk.run(&["login"]), &["`secret-tool` cannot be run"]);
    // What a later command finds there is no login of this context's, and stays a secret.
    for found in ["canary", "{}", r#"{"issuer":"https://other.test","client_id":"cli","refresh_token":"canary"}"#] {
        let desk = Desk::new(GOOD);
        desk.keep(found);
        let finding = desk.doctor(&[]);
        assert!(
            finding["result"] == "fail" && finding["detail"].as_str().unwrap().contains("no login at this issuer"),
            "{finding}"
        );
        assert!(desk.logins("acme.json").try_exists().unwrap(), "and nothing is forgotten");
    }
}

#[test]
fn a_program_that_hangs_is_ended_with_all_that_it_started() {
    for hang in ["/bin/sleep 600 & echo $! > \"${0%/*}/pid\"; wait", "/bin/sleep 600 & echo $! > \"${0%/*}/pid\"; exit 0"] {
        let desk = Desk::new(hang);
        refused(&desk.run(&["login", "--timeout", "2s"]), &["did not end within 2 s", "somebody who unlocks it"]);
        let pid = std::fs::read_to_string(desk.home.path("pid")).unwrap();
        // Nobody may be there to wait for it: what is dead may still be listed.
        let is_dead = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).map_or(true, |stat| stat.contains(") Z "));
        for _ in 0..600 {
            if is_dead() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert!(is_dead(), "{hang}: {pid} lives");
    }
}

#[test]
fn where_a_login_is_kept_shows_and_logout_empties_the_keyring() {
    let desk = Desk::new(GOOD);
    let list: Value = serde_json::from_str(&desk.run(&["context", "list", "-o", "json"]).stdout).unwrap();
    assert_eq!((&list[0]["name"], &list[0]["store"]), (&json!("acme"), &json!("keyring")), "{list}");
    assert_eq!(desk.doctor(&[])["detail"], "the keyring, from the next login on");
    desk.keep(&desk.secret());
    let status: Value = serde_json::from_str(&desk.run(&["login", "--status", "-o", "json"]).stdout).unwrap();
    assert_eq!((&status["renews"], &status["store"], &status["subject"]), (&json!(true), &json!("keyring"), &json!("u-ann")));
    assert_eq!(desk.doctor(&[])["detail"], "the keyring has it");
    assert_eq!(desk.doctor(&["--offline"])["detail"], "the keyring, which was not asked");

    let ran = desk.run(&["logout"]);
    assert!(ran.code == 8 && ran.stderr.contains("logged out here, but the identity provider was not told"), "{ran:?}");
    for gone in [desk.logins("acme.json"), desk.logins("acme.keyring"), desk.home.path("item-login")] {
        assert!(!gone.try_exists().unwrap(), "{}", gone.display());
    }
    std::fs::remove_file(desk.home.path("secret-tool")).unwrap();
    let ran = desk.run(&["logout"]);
    assert!(ran.code == 0 && ran.stderr.contains("was not logged in"), "the keyring is asked for nothing: {ran:?}");
}

#[test]
fn a_logout_that_finds_the_keyring_locked_is_tried_again() {
    let desk = Desk::new(GOOD);
    desk.keep(&desk.secret());
    // As gnome-keyring has it: what is locked is found, and neither read nor removed, without a word.
    desk.install(&GOOD.replace("clear) ", "clear) exit 1; ").replace("lookup) ", "lookup) exit 1; "));
    for _ in 0..2 {
        let ran = desk.run(&["logout"]);
        refused(&ran, &["the keyring still has a login of context acme", "it is locked", "log out again"]);
        assert!(!desk.logins("acme.json").try_exists().unwrap(), "this side is logged out");
        assert_eq!(desk.run(&["login", "--status"]).code, 4);
    }
    desk.install(GOOD);
    let ran = desk.run(&["logout"]);
    assert!(ran.code == 0 && ran.stderr.contains("logged out"), "{ran:?}");
    assert!(!desk.home.path("item-login").try_exists().unwrap() && !desk.logins("acme.keyring").try_exists().unwrap());
}
