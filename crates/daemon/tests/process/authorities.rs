//! Issuing CAs from outside: rotated, tainted and revoked by the command line while calls go on, and found again after every kind of end.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use scalbotics_identity::authority::ca;
use scalbotics_identity::holder::key::Public;
use scalbotics_identity::holder::{certificate, svid, trust};
use serde_json::Value;

use crate::command::Answer;
use crate::installation::{ANN, BOB, Installation, cli, shipped};

impl Installation {
    pub(crate) fn ca(&self, words: &[&str]) -> Answer {
        self.ann(&[&["--yes", "identity", "ca"], words].concat())
    }

    /// States of the issuing CAs, oldest first, with their ids.
    #[track_caller]
    pub(crate) fn authorities(&self) -> Vec<(String, String)> {
        let shown = self.ca(&["show"]).exits(0).json();
        let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
        shown.as_array().unwrap().iter().map(|item| (text(item, "state"), text(item, "id"))).collect()
    }

    fn states(&self) -> Vec<String> {
        self.authorities().into_iter().map(|(state, _)| state).collect()
    }

    #[track_caller]
    pub(crate) fn rotate(&self) -> String {
        let made = self.ca(&["rotate", "--config", self.config().to_str().unwrap()]).exits(0).json();
        assert_eq!(made["state"], "active");
        made["id"].as_str().unwrap().to_owned()
    }

    fn root_file(&self, name: &str) -> std::path::PathBuf {
        self.root.join("keys").join(name)
    }

    /// `scalboticsd ca …`, where the root's key is.
    fn root_ca(&self, words: &[&str]) -> Answer {
        let mut command = self.serve(&shipped());
        command.arg("ca").args(words).env("OLD_PASSPHRASE", "correct horse battery").env("SHORT", "short");
        Answer::of(&mut command)
    }
}

/// Status and length of the list of revoked certificates, which is no text, that the admin address serves under a name.
fn list(installation: &Installation, name: &str) -> (u16, usize) {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", installation.admin)).unwrap();
    write!(stream, "GET /crl/{name}.crl HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let status = String::from_utf8_lossy(&answer[..12]).split(' ').nth(1).unwrap().parse().unwrap();
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    (status, answer.len() - head)
}

#[test]
fn security_5_an_issuing_ca_is_rotated_under_calls_tainted_and_revoked_for_good() {
    let installation = Installation::new();
    let daemon = installation.start();
    let (first, ends) = (installation.authorities()[0].1.clone(), AtomicBool::new(false));
    let (calls, failed) = (AtomicU32::new(0), AtomicU32::new(0));
    // Nobody who calls is troubled by a rotation (semantics 4.8).
    let second = std::thread::scope(|scope| {
        let caller = |who: &'static str| {
            let (installation, ends, calls, failed) = (&installation, &ends, &calls, &failed);
            scope.spawn(move || {
                while !ends.load(Ordering::Relaxed) {
                    let answer = Answer::of(&mut installation.cli(who, &["whoami"]));
                    calls.fetch_add(1, Ordering::Relaxed);
                    failed.fetch_add(u32::from(answer.code != 0), Ordering::Relaxed);
                }
            });
        };
        caller(ANN);
        caller(BOB);
        let second = installation.rotate();
        ends.store(true, Ordering::Relaxed);
        second
    });
    assert!(calls.load(Ordering::Relaxed) > 0 && failed.load(Ordering::Relaxed) == 0, "{calls:?} {failed:?}");
    assert_eq!(installation.authorities(), [("retired".to_owned(), first.clone()), ("active".to_owned(), second.clone())]);

    // Steps that are none.
    for (words, code, known) in [
        (["taint", second.as_str()], 7, "AUTHORITY_STATE"),
        (["revoke", first.as_str()], 7, "AUTHORITY_STATE"),
        (["taint", &"0".repeat(40)], 10, "NOT_FOUND"),
        (["taint", "../x"], 2, "INVALID_ARGUMENT"),
    ] {
        let answer = installation.ca(&words);
        assert_eq!((answer.code, answer.error().code.as_str()), (code, known), "{answer:#?}");
    }
    installation.ca(&["taint", &first]).exits(0);
    let revoked = installation.ca(&["revoke", &first, "--config", installation.config().to_str().unwrap()]).exits(0).json();
    assert_eq!(revoked["state"], "revoked");
    installation.ann(&["whoami"]).exits(0);

    // What other verifiers fetch.
    let (status, bundle) = daemon.get("/bundle.pem");
    let roots = certificate::from_pem(&bundle).unwrap();
    assert_eq!((status, &roots), (200, &trust::File::load(&installation.trust_file()).unwrap().roots().unwrap()));
    let shown = installation.ann(&["identity", "bundle", "show"]).exits(0).json();
    assert_eq!((shown["certificates"].as_str(), shown["trust_domain"].as_str()), (Some(bundle.as_str()), Some("acme.example")));
    // For people it is the file itself, as other programs read it.
    let mut printed = installation.environment(&cli());
    let printed = Answer::of(printed.args(["--context", ANN, "identity", "bundle", "show"])).exits(0);
    assert_eq!(printed.stdout.trim_end(), bundle.trim_end());
    let (status, jwks) = daemon.get("/bundle.json");
    assert_eq!((status, &serde_json::from_str::<Value>(&jwks).unwrap()["keys"][0]["use"]), (200, &"x509-svid".into()));
    assert_eq!(list(&installation, &first).0, 404, "its key is gone");
    assert!(list(&installation, &second).1 > 100 && list(&installation, "root").1 > 100);
    assert_eq!((list(&installation, "../root").0, list(&installation, "x").0), (404, 404));

    // All of it is found again, and the installation log tells it.
    drop(daemon);
    let _daemon = installation.start();
    assert_eq!(installation.authorities(), [("revoked".to_owned(), first), ("active".to_owned(), second)]);
    assert_eq!(list(&installation, "root").0, 200);
    installation.ann(&["whoami"]).exits(0);
    installation.verify_audit();
}

#[test]
fn semantics_4_6_the_root_signs_elsewhere_and_a_start_never_needs_it() {
    let installation = Installation::new();
    // Carried away, with the key file that opens it.
    let safe = installation.path("safe");
    std::fs::create_dir(&safe).unwrap();
    for file in ["root-ca.keystore", "root-ca.key"] {
        std::fs::rename(installation.root_file(file), safe.join(file)).unwrap();
    }
    let _daemon = installation.start();
    let config = installation.config();
    let refused = installation.ca(&["rotate", "--config", config.to_str().unwrap()]);
    let error = refused.exits(1).error();
    assert_eq!((error.code.as_str(), error.next.contains("scalboticsd ca")), ("CLI_SIGN", true), "{error:?}");
    assert_eq!(installation.states(), ["active", "prepared"], "it waits for its certificate");

    let (request, signed) = (installation.path("request.pem"), installation.path("issuing.pem"));
    let asked = installation.ca(&["rotate", "--request", request.to_str().unwrap()]).exits(0).json();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (keystore, key) = (text(&safe.join("root-ca.keystore")), text(&safe.join("root-ca.key")));
    let root = ["--root-keystore", &keystore, "--root-key-file", &key];
    let sign = |path: &str| installation.root_ca(&[&["sign", "--request", path], &root[..]].concat());
    let certificate = sign(&text(&request)).exits(0).stdout;
    std::fs::write(&signed, &certificate).unwrap();

    // What is not exactly that certificate changes nothing.
    let other = installation.path("other.pem");
    for bad in ["", "nothing", &std::fs::read_to_string(installation.root_file("root-ca.pem")).unwrap(), &certificate.repeat(2)] {
        std::fs::write(&other, bad).unwrap();
        let answer = installation.ca(&["rotate", "--certificate", &text(&other)]);
        assert_eq!((answer.code, answer.error().code.as_str()), (2, "INVALID_ARGUMENT"), "{answer:#?}");
    }
    assert_eq!(installation.states(), ["active", "prepared"]);
    let made = installation.ca(&["rotate", "--certificate", &text(&signed)]).exits(0).json();
    assert_eq!((&made["id"], made["state"].as_str()), (&asked["id"], Some("active")));
    assert_eq!(installation.ca(&["rotate", "--certificate", &text(&signed)]).exits(0).json(), made, "twice is once");
    assert_eq!(installation.states(), ["retired", "active"]);

    // Sealed by a passphrase, the key file is of no use any more.
    let seal = |new: &str| installation.root_ca(&[&["seal", "--new-passphrase-env", new], &root[..]].concat());
    assert_eq!(seal("NOT_SET").exits(2).error_in_words().code, "SETUP_FLAGS");
    assert_eq!(seal("SHORT").error_in_words().code, "SETUP_KEYS");
    seal("OLD_PASSPHRASE").exits(0);
    assert_eq!(sign(&text(&request)).error_in_words().code, "SETUP_KEYS");
    let sealed = ["sign", "--request", &text(&request), "--root-keystore", &keystore, "--root-passphrase-env", "OLD_PASSPHRASE"];
    let again = installation.root_ca(&sealed).exits(0).stdout;
    assert!(again.starts_with("-----BEGIN CERTIFICATE-----"), "{again}");
    // Whoever is no admin rotates nothing.
    let denied = Answer::of(&mut installation.cli(BOB, &["--yes", "identity", "ca", "rotate", "--request", "/dev/null"]));
    assert_eq!(denied.exits(5).error().code, "POLICY_DENIED");
}

#[test]
fn security_6_the_root_signs_no_request_that_is_not_one_of_its_own() {
    let installation = Installation::new();
    let (_daemon, request) = (installation.start(), installation.path("request.pem"));
    installation.ca(&["rotate", "--request", request.to_str().unwrap()]).exits(0);
    let good = std::fs::read_to_string(&request).unwrap();
    let der = certificate::request_from_pem(&good).unwrap();
    let domain = trust::File::load(&installation.trust_file()).unwrap().trust_domain;
    let key: Public = ca::read_authority(&der, &domain).unwrap();
    let mut flipped = der.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let workload = certificate::request_to_pem(&flipped);
    for bad in [workload.as_str(), "", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"] {
        std::fs::write(&request, bad).unwrap();
        let error = installation.root_ca(&["sign", "--request", request.to_str().unwrap()]).exits(2).error_in_words();
        assert_eq!(error.code, "SETUP_FLAGS", "{error:?}");
    }
    std::fs::write(&request, &good).unwrap();
    let signed = installation.root_ca(&["sign", "--request", request.to_str().unwrap()]).exits(0).stdout;
    let signed = certificate::from_pem(&signed).unwrap();
    let roots = trust::File::load(&installation.trust_file()).unwrap().roots().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let now = scalbotics_core::time::Timestamp::from_unix_ms(i64::try_from(now).unwrap());
    ca::check_issuing(&signed[0], (&key, &domain), &roots, now).unwrap();
    svid::serial(&signed[0]).unwrap();
}

/// Killed when the keystore is about to be written, or just was: the authority is prepared or is not, and goes on.
#[test]
fn a_rotation_that_is_killed_is_whole_or_not_there() {
    for (point, then) in [("keys.before", vec!["active"]), ("keys.after", vec!["active", "prepared"])] {
        let installation = Installation::new();
        let mut daemon = installation.start_mortal(point, 1);
        assert!(daemon.is_ready(), "{}", installation.log_text());
        let request = installation.path("request.pem");
        assert_ne!(installation.ca(&["rotate", "--request", request.to_str().unwrap()]).code, 0, "{point}");
        daemon.wait();
        drop(daemon);
        let _daemon = installation.start();
        assert_eq!(installation.states(), then, "{point}");
        installation.rotate();
        assert_eq!(installation.states(), ["retired", "active"], "{point}");
        installation.verify_audit();
    }
}
