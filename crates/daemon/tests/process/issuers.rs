//! Whom an installation trusts about people: the verbs that edit its file, and what comes of it.

use serde_json::json;

use crate::command::Answer;
use crate::installation::{Installation, cli};
use crate::web::{Web, page};

/// An issuer with one key, and one that publishes a private key.
fn issuer() -> Web {
    Web::serve(|port, request| {
        let name = request.path.split('/').nth(1).unwrap_or_default();
        let base = format!("http://127.0.0.1:{port}/{name}");
        if request.path.ends_with("/keys") {
            let mut key = json!({"kty": "EC", "kid": "one", "crv": "P-256", "x": "AA", "y": "AA", "use": "sig"});
            if name == "secret" {
                key["d"] = json!("AA");
            }
            return page(200, "application/json", json!({ "keys": [key] }).to_string());
        }
        page(200, "application/json", json!({ "issuer": base, "jwks_uri": format!("{base}/keys") }).to_string())
    })
}

#[test]
fn issuers_are_added_listed_and_removed_and_the_rest_of_the_file_stays() {
    let installation = Installation::new();
    let web = issuer();
    let (good, other) = (web.at("/good"), web.at("/other"));
    let config = installation.config();
    let before = std::fs::read_to_string(&config).unwrap();
    let run = |words: &[&str]| {
        let mut command = installation.environment(&cli());
        Answer::of(command.args(["identity", "issuer"]).args(words).arg("--config").arg(&config))
    };
    assert!(run(&["list"]).exits(0).stdout.contains("nobody is trusted"));
    let add =
        |url: &str, more: &[&str]| run(&[&["add", url, "--audience", "scalbotics", "--tenants", "t-1=acme"], more].concat());
    for (url, more, says) in [
        ("http://id.example", &[][..], "only this machine is trusted without"),
        (&web.at("/secret"), &[], "private key"),
        (&good, &["--tenants", "x=elsewhere"], "no tenant `elsewhere`"),
        (&good, &["--algorithms", "HS256"], "HS256"),
        (&good, &["--algorithms", "none"], "none"),
        (&good, &["--groups-claim", ""], "empty"),
    ] {
        let refused = add(url, more);
        assert!(refused.code != 0 && refused.stderr.contains(says), "{says}: {refused:#?}");
        assert_eq!(std::fs::read_to_string(&config).unwrap(), before, "{says}");
    }
    let shown = add(&good, &["--groups", "Platform=admins", "--dry-run"]).exits(0);
    assert!(shown.stdout.contains("Platform=admins"), "{shown:#?}");
    assert_eq!(std::fs::read_to_string(&config).unwrap(), before);

    let added = add(&good, &["--groups", "Platform=admins,ops", "--tenant-claim", "tid"]).exits(0);
    assert!(added.stdout.contains("1 keys") && added.stdout.contains("break_glass"), "{added:#?}");
    let again = add(&good, &[]);
    assert!(again.code == 2 && again.stderr.contains("twice"), "{again:#?}");
    add(&other, &[]).exits(0);
    let listed = run(&["list", "-o", "json"]).exits(0).json();
    let first = json!({
        "url": good, "audience": "scalbotics", "tenants": {"t-1": "acme"}, "groups": {"Platform": "admins", "ops": "ops"},
        "claims": {"tenant": "tid", "groups": "groups", "name": "preferred_username"},
    });
    assert_eq!((&listed[0], listed[1]["url"].as_str()), (&first, Some(other.as_str())));
    let text = std::fs::read_to_string(&config).unwrap();
    assert!(text.starts_with(before.trim_end()), "{text}");

    // The daemon takes it, and people log in by it only.
    let daemon = installation.start();
    let refused = installation.ann(&["whoami"]);
    assert!(refused.stderr.contains("OUTSIDE_ISSUER_ONLY"), "{refused:#?}");
    let _ended = daemon.stop();

    run(&["remove", &good]).exits(0);
    assert!(run(&["remove", &good]).exits(2).stderr.contains("does not trust it"));
    run(&["remove", &other]).exits(0);
    assert_eq!(std::fs::read_to_string(&config).unwrap().trim_end(), before.trim_end());
    let daemon = installation.start();
    installation.ann(&["whoami"]).exits(0);
    let _ended = daemon.stop();
}
