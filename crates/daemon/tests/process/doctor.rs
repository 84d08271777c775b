//! `doctor`: faults are planted, one after the other, and each is named, with what to do; what is safe to mend is mended.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::command::Answer;
use crate::installation::{ANN, Installation, shipped};
use crate::web::{Web, page};

/// The checks that `doctor` of the daemon makes, by name.
pub(crate) struct Checked(pub(crate) Vec<Value>);

impl Checked {
    #[track_caller]
    fn of(answer: &Answer) -> Self {
        let checked = Self(answer.json().as_array().unwrap().clone());
        let fails = checked.0.iter().any(|check| check["result"] == "fail");
        assert_eq!(answer.code, i32::from(fails), "{answer:#?}");
        for check in &checked.0 {
            let text = |field: &str| check[field].as_str().unwrap().to_owned();
            assert!(["ok", "warn", "fail"].contains(&text("result").as_str()), "{check:#}");
            assert_eq!(text("next").is_empty(), text("result") == "ok", "what to do: {check:#}");
            assert!(!text("detail").is_empty() && !text("detail").contains('\n') && !text("next").contains('\n'), "{check:#}");
        }
        checked
    }

    pub(crate) fn failed(&self) -> Vec<&str> {
        self.0.iter().filter(|check| check["result"] == "fail").map(|check| check["name"].as_str().unwrap()).collect()
    }

    #[track_caller]
    pub(crate) fn named(&self, name: &str) -> &Value {
        self.0.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name}: {:#?}", self.0))
    }
}

pub(crate) fn doctor(installation: &Installation, words: &[&str]) -> Checked {
    let mut command = installation.serve(&shipped());
    Checked::of(&Answer::of(command.args(["-o", "json", "doctor"]).args(words)))
}

/// Exactly this check fails, and its words have these parts.
#[track_caller]
pub(crate) fn finds(installation: &Installation, name: &str, says: &str, next: &str) {
    let checked = doctor(installation, &[]);
    assert_eq!(checked.failed(), [name], "{:#?}", checked.0);
    let check = checked.0.iter().find(|check| check["result"] == "fail").unwrap();
    assert!(check["detail"].as_str().unwrap().contains(says), "{check:#}");
    assert!(check["next"].as_str().unwrap().contains(next), "{check:#}");
}

/// The same, and `--fix` mends it, after which nothing is wrong.
#[track_caller]
fn mends(installation: &Installation, name: &str, (says, next): (&str, &str), done: &str) {
    let checked = doctor(installation, &[]);
    assert!(checked.failed().contains(&name), "{:#?}", checked.0);
    let check = checked.named(name);
    assert!(check["detail"].as_str().unwrap().contains(says), "{check:#}");
    assert!(check["next"].as_str().unwrap().contains(next), "{check:#}");
    let mended = doctor(installation, &["--fix"]);
    assert_eq!(mended.failed(), Vec::<&str>::new(), "{:#?}", mended.0);
    assert!(mended.named(name)["fixed"].as_str().unwrap().contains(done), "{:#}", mended.named(name));
    let again = doctor(installation, &["--fix"]);
    assert!(again.failed().is_empty() && again.0.iter().all(|check| check["fixed"] == ""), "{:#?}", again.0);
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) -> String {
    let before = std::fs::read_to_string(path).unwrap();
    std::fs::write(path, change(before.clone())).unwrap();
    before
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_is_safe_to_mend_is_mended() {
    let installation = Installation::new();
    let (root, work) = (installation.root.clone(), installation.path("work"));
    assert!(doctor(&installation, &[]).failed().is_empty());
    for key in ["keys/daemon.key", "keys/root-ca.key", "people/ann/login.pem", "people/bob/approval.pem"] {
        mode(&root.join(key), 0o644);
        mends(&installation, "key files", (key, "chmod 600 "), "chmod 600 ");
        assert_eq!(std::fs::metadata(root.join(key)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    mode(&root.join("data"), 0o755);
    mends(&installation, "data directory", ("has mode 0755", "chmod 700 "), "chmod 700 ");
    std::fs::remove_dir_all(&work).unwrap();
    mends(&installation, "workspace roots", ("work is not there", "mkdir -p "), "made ");
    std::fs::remove_file(installation.path("config/contexts.toml")).unwrap();
    mends(&installation, "contexts", ("acme-ann, acme-bob", "--fix"), "added acme-ann, acme-bob");
    // One that leads elsewhere is mended too, and what is not ours stays.
    edit(&installation.path("config/contexts.toml"), |text| text.replace("https://127.0.0.1", "https://127.0.0.2"));
    mends(&installation, "contexts", ("or leads elsewhere", "--fix"), "added acme-ann, acme-bob");
    let lock = root.join("desired.git/packed-refs.lock");
    std::fs::write(&lock, "").unwrap();
    assert!(doctor(&installation, &["--fix"]).failed().is_empty() && lock.is_file(), "a lock that may be in use is left alone");
    let long_ago = SystemTime::now() - Duration::from_secs(3_600);
    std::fs::File::options().write(true).open(&lock).unwrap().set_modified(long_ago).unwrap();
    mends(&installation, "repository locks", ("left by a git", "rm "), "removed ");
    // What was mended serves, and the people get in.
    let _daemon = installation.start();
    installation.ann(&["whoami"]).exits(0);
    assert!(doctor(&installation, &[]).failed().is_empty());
}

#[test]
fn configuration_keys_and_trust() {
    let installation = Installation::new();
    let root = installation.root.clone();
    let config = installation.config();
    let before = edit(&config, |text| format!("{text}\n[colour]\nred = 1\n"));
    finds(&installation, "configuration", "colour", "");
    std::fs::write(&config, &before).unwrap();
    let before = edit(&root.join("trust.json"), |text| {
        text.replace("\"trust_domain\":\"acme.example\"", "\"trust_domain\":\"evil.example\"")
    });
    finds(&installation, "trust file", "that of trust domain `evil.example`", "trust file");
    std::fs::write(root.join("trust.json"), before).unwrap();
    moved(&root.join("trust.json"), || finds(&installation, "trust file", "cannot be used", "put back the trust file"));
    moved(&root.join("keys/daemon.key"), || finds(&installation, "keystore", "key file", "what unlocks it"));
    let before = edit(&config, |text| text.replace("key_file = \"keys/daemon.key\"", "passphrase_env = \"NOT_SET\""));
    finds(&installation, "keystore", "`NOT_SET` is not set", "what unlocks it");
    std::fs::write(&config, before).unwrap();
    let other = Installation::new();
    let certificate = root.join("keys/issuing-ca.pem");
    let own = std::fs::read(&certificate).unwrap();
    std::fs::copy(other.root.join("keys/issuing-ca.pem"), &certificate).unwrap();
    finds(&installation, "certificate", "certificate of the daemon cannot be made", "the issuing CA's certificate");
    std::fs::write(&certificate, own).unwrap();
    assert!(doctor(&installation, &[]).failed().is_empty());
}

/// Runs something while a file is elsewhere.
fn moved(path: &Path, during: impl FnOnce()) {
    let away = path.with_extension("away");
    std::fs::rename(path, &away).unwrap();
    during();
    std::fs::rename(away, path).unwrap();
}

#[test]
fn a_clock_beyond_the_life_of_certificates() {
    let installation = Installation::new();
    let (source, preload) = (installation.path("clock.c"), installation.path("clock.so"));
    std::fs::write(&source, include_str!("clock.c")).unwrap();
    Answer::of(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&preload).arg(&source)).exits(0);
    for years in [-1, 30] {
        std::fs::write(installation.path("shift"), (years * 366 * 86_400_i64).to_string()).unwrap();
        let mut command = installation.serve(&shipped());
        command.env("LD_PRELOAD", &preload).env("CLOCK_SHIFT", installation.path("shift"));
        let checked = Checked::of(&Answer::of(command.args(["-o", "json", "doctor"])));
        assert!(checked.failed().contains(&"certificate"), "{years}: {:#?}", checked.0);
        assert!(checked.named("certificate")["next"].as_str().unwrap().contains("the clock"), "{:#?}", checked.0);
    }
}

#[test]
fn databases() {
    let installation = Installation::new();
    let (data, database) = (installation.root.join("data"), installation.root.join("data/core.db"));
    let fails = |says: &str, next: &str| {
        let checked = doctor(&installation, &[]);
        let name = checked.failed().first().map(|name| (*name).to_owned());
        assert_eq!(name.as_deref(), Some("database"), "{:#?}", checked.0);
        let check = checked.named("database");
        assert!(check["detail"].as_str().unwrap().contains(says), "{check:#}");
        assert!(check["next"].as_str().unwrap().to_lowercase().contains(next), "{check:#}");
    };
    let log = data.join("core.db-wal");
    let whole = std::fs::read(&log).unwrap();
    let mut bytes = whole.clone();
    // In the middle of the second page that was committed: whoever skips it loses acknowledged commits.
    bytes[32 + 4_120 + 24 + 2_000] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    fails("is corrupt", "backup");
    std::fs::write(&log, whole).unwrap();
    let kept = data.with_extension("kept");
    Answer::of(Command::new("cp").arg("-a").arg(&data).arg(&kept)).exits(0);
    for beside in ["core.db-wal", "core.db-shm"] {
        std::fs::remove_file(data.join(beside)).unwrap();
    }
    let mut bytes = std::fs::read(&database).unwrap();
    // Whose it is, and the schema's number, stand at bytes 68 and 60 of a SQLite file.
    bytes[68..72].copy_from_slice(b"SBOT");
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&database, &bytes).unwrap();
    fails("has schema 99", "a newer one");
    bytes[68..72].copy_from_slice(b"NOPE");
    std::fs::write(&database, &bytes).unwrap();
    fails("belongs to another program", "of its own");
    std::fs::write(&database, "").unwrap();
    fails("there is none", "backup");
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&kept, &data).unwrap();
    assert!(doctor(&installation, &[]).failed().is_empty());
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&database, Some(12_345), None).unwrap();
        finds(&installation, "data is ours", "belongs to user 12345", "chown -R 0 ");
        std::os::unix::fs::chown(&database, Some(0), None).unwrap();
    } else {
        mode(&data, 0o500);
        finds(&installation, "data is ours", "cannot be written", "chmod 700");
        mode(&data, 0o700);
    }
    moved(&data, || {
        let checked = doctor(&installation, &[]);
        assert_eq!(checked.failed(), ["data directory", "database"], "{:#?}", checked.0);
    });
}

#[test]
fn ports_and_repository() {
    let installation = Installation::new();
    let taken = TcpListener::bind(("127.0.0.1", installation.api)).unwrap();
    finds(&installation, "API address", "cannot be had", "another server.listen");
    drop(taken);
    let taken = TcpListener::bind(("127.0.0.1", installation.admin)).unwrap();
    finds(&installation, "admin address", "cannot be had", "another server.admin_listen");
    drop(taken);
    moved(&installation.root.join("desired.git"), || {
        finds(&installation, "desired state", "cannot be read", "put the repository back");
    });
    installation.commit(&[("teams/bad.yaml", Some("id: bad\ncolour: red\n"))]);
    finds(&installation, "desired state", "teams/bad.yaml", "mend the files and commit");
    installation.commit(&[("teams/bad.yaml", None)]);
    assert!(doctor(&installation, &[]).failed().is_empty());
}

#[test]
fn what_desired_state_names_must_be_there() {
    let installation = Installation::new();
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let model = format!(
        "id: small\nbase_url: http://{nobody}/v1\nmodel: small\napi_key: secret://acme/model-key\ncontext_tokens: 4096\noutput_tokens_max: 512\n"
    );
    installation.commit(&[("models/small.yaml", Some(&model))]);
    let checked = doctor(&installation, &[]);
    assert_eq!(checked.failed(), ["secrets", "model server"], "{:#?}", checked.0);
    assert!(checked.named("secrets")["next"].as_str().unwrap().contains("`scalbotics secret put model-key`"), "{:#?}", checked.0);
    assert!(checked.named("model server")["detail"].as_str().unwrap().contains(&nobody.to_string()), "{:#?}", checked.0);
    assert_eq!(doctor(&installation, &["--offline"]).failed(), ["secrets"]);
    {
        let _daemon = installation.start();
        installation.secret(ANN, &["put", "model-key"], b"value").exits(0);
    }
    let _server = TcpListener::bind(nobody).unwrap();
    assert!(doctor(&installation, &[]).failed().is_empty());
}

#[test]
fn files_that_are_not_committed_are_not_in_force() {
    let installation = Installation::new();
    let (bare, tree) = (installation.root.join("desired.git"), installation.root.join("tree"));
    Answer::of(Command::new("git").args(["clone", "--quiet"]).args([&bare, &tree])).exits(0);
    edit(&installation.config(), |text| text.replace("desired.git\"", "tree\""));
    assert_eq!(doctor(&installation, &[]).named("work tree")["result"], "ok");
    edit(&tree.join("teams/ops.yaml"), |text| format!("{text}# soon\n"));
    std::fs::write(tree.join("tools/late.yaml"), "id: late\n").unwrap();
    let checked = doctor(&installation, &[]);
    let found = checked.named("work tree");
    let detail = found["detail"].as_str().unwrap();
    assert!(checked.failed().is_empty() && found["result"] == "warn", "{found:#}");
    assert!(detail.starts_with("teams/ops.yaml is changed, tools/late.yaml is new, other than in commit "), "{found:#}");
    assert!(found["next"].as_str().unwrap().contains(&format!("`git -C {} status`", tree.display())), "{found:#}");
}

#[test]
fn a_recorded_issuer_must_still_be_what_it_was() {
    let installation = Installation::new();
    let keys = |kid: &str| {
        json!({ "keys": [{ "kty": "EC", "kid": kid, "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" }] }).to_string()
    };
    let (old, new) = (keys("one"), keys("two"));
    let published = Arc::new(Mutex::new(old.clone()));
    let web = Web::serve({
        let published = Arc::clone(&published);
        move |port, request| {
            let issuer = format!("http://127.0.0.1:{port}/{}", request.path.split('/').nth(1).unwrap_or_default());
            let body = if request.path.ends_with("/keys") {
                published.lock().unwrap().clone()
            } else {
                json!({ "issuer": issuer.replace("/other", "/good"), "jwks_uri": format!("{issuer}/keys") }).to_string()
            };
            page(200, "application/json", body)
        }
    });
    let without = std::fs::read_to_string(installation.config()).unwrap();
    let record = |name: &str| {
        let issuer = format!("[issuer]\nurl = \"{}\"\nkeys = \"issuer.jwks.json\"\n", web.at(name));
        std::fs::write(installation.config(), format!("{without}\n{issuer}")).unwrap();
    };
    let result = |words: &[&str]| {
        let found = doctor(&installation, words).named("issuer").clone();
        (found["result"].as_str().unwrap().to_owned(), found["detail"].as_str().unwrap().to_owned())
    };
    assert!(doctor(&installation, &[]).0.iter().all(|check| check["name"] != "issuer"), "none is recorded");
    record("/good");
    assert_eq!(result(&[]).0, "warn", "its keys are not there");
    std::fs::write(installation.root.join("issuer.jwks.json"), &old).unwrap();
    assert_eq!(result(&[]).0, "ok");
    *published.lock().unwrap() = new;
    let (outcome, detail) = result(&[]);
    assert!(outcome == "warn" && detail.contains("publishes other keys"), "{detail}");
    *published.lock().unwrap() = " ".repeat(2 << 20);
    finds(&installation, "issuer", "more than", "check issuer.url");
    record("/other");
    finds(&installation, "issuer", "it is the document of the issuer", "check issuer.url");
    drop(web);
    finds(&installation, "issuer", "does not answer", "check issuer.url");
    assert!(result(&["--offline"]).1.contains("is not asked"));
}

#[test]
fn no_user_namespaces() {
    let installation = Installation::new();
    // In a user namespace of its own the limit is this test's to set.
    let line = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
    let mut command = installation.environment(Path::new("unshare"));
    command.args(["--user", "--map-root-user", "/bin/sh", "-c", line]).arg(shipped());
    command.arg("--config").arg(installation.config()).args(["-o", "json", "doctor"]);
    let checked = Checked::of(&Answer::of(&mut command));
    assert_eq!(checked.failed(), ["sandbox"], "{:#?}", checked.0);
    assert!(checked.named("sandbox")["next"].as_str().unwrap().contains("user.max_user_namespaces"), "{:#?}", checked.0);
}

#[test]
fn no_room_on_the_disk() {
    let installation = Installation::new();
    let data: PathBuf = installation.root.join("data");
    let line = "cp -a \"$0\" \"$0.first\" && mount -t tmpfs -o size=48m,mode=700 tmpfs \"$0\" && cp -a \"$0.first/.\" \"$0/\" && rm -r \"$0.first\" && shift 0 && exec \"$@\"";
    let mut command = installation.environment(Path::new("unshare"));
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "/bin/sh", "-c", line]).arg(&data).arg(shipped());
    command.arg("--config").arg(installation.config()).args(["-o", "json", "doctor"]);
    let checked = Checked::of(&Answer::of(&mut command));
    assert!(checked.failed().contains(&"disk space"), "{:#?}", checked.0);
    assert!(checked.named("disk space")["detail"].as_str().unwrap().contains("less than 64 MiB"), "{:#?}", checked.0);
}

#[test]
fn the_command_line_asks_files_and_daemon() {
    let installation = Installation::new();
    let daemon = installation.start();
    let all = |words: &[&str]| Checked::of(&installation.ann(&[&["doctor"], words].concat()));
    let sound = all(&[]);
    assert!(sound.failed().is_empty());
    for check in ["context", "login key", "configuration", "key files", "database", "sandbox", "daemon and login", "installation"]
    {
        assert_eq!(sound.named(check)["result"], "ok", "{:#?}", sound.0);
    }
    daemon.kill();
    assert_eq!(all(&[]).failed(), ["daemon and login"]);
    assert!(all(&["--offline"]).failed().is_empty());
    // A context that leads to a wrong address, and a key that others may read.
    edit(&installation.path("config/contexts.toml"), |text| text.replace(&format!(":{}", installation.api), ":1"));
    mode(&installation.root.join("people/ann/login.pem"), 0o644);
    let broken = all(&["--offline"]);
    assert_eq!(broken.failed(), ["login key", "key files", "contexts"], "{:#?}", broken.0);
    let mended = all(&["--offline", "--fix"]);
    assert!(mended.failed().is_empty(), "{:#?}", mended.0);
    assert!(mended.named("login key")["fixed"].as_str().unwrap().starts_with("chmod 600 "));
    std::fs::remove_file(installation.path("config/contexts.toml")).unwrap();
    let mut command = installation.environment(&crate::installation::cli());
    let answer = Answer::of(command.args(["doctor", "--json", "--offline", "--fix", "--config"]).arg(installation.config()));
    assert!(Checked::of(&answer).failed().is_empty(), "{answer:#?}");
}
