//! Whom an installation trusts about people: the verbs that edit its file, and what comes of it.

use serde_json::{Value, json};

use crate::command::Answer;
use crate::installation::{Installation, cli};
use crate::web::{Web, page};

/// An issuer with one key, and one that publishes a private key.
fn issuer() -> Web {
    Web::serve(|port, request| {
        let name = request.path.split('/').nth(1).unwrap_or_default();
        let base = format!("http://127.0.0.1:{port}/{name}");
        if request.path.ends_with("/keys") {
            let mut key = json!({"kty": "EC", "kid": "one", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM", "use": "sig"});
            let keys = match name {
                "secret" => json!([{ "kty": "oct", "kid": "two", "k": "AA" }, key]),
                "twice" => json!([key, key]),
                "small" => {
                    key["x"] = json!("AA");
                    json!([key])
                }
                _ => json!([key]),
            };
            return page(200, "application/json", json!({ "keys": keys }).to_string());
        }
        page(200, "application/json", json!({ "issuer": base, "jwks_uri": format!("{base}/keys") }).to_string())
    })
}

/// What the log of the installation says of changes of the trusted issuers, by its entries as others read them.
fn changes(installation: &Installation, out: &str) -> Vec<Value> {
    let out = installation.path(out);
    let mut export = installation.environment(&cli());
    export.args(["audit", "tiles", "--offline", "--log", "system", "--config"]).arg(installation.config()).arg("--out").arg(&out);
    Answer::of(&mut export).exits(0);
    let mut folders = vec![out];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            for leaf in text.split("{\"action\":").filter(|leaf| leaf.starts_with("\"issuer.trust_changed\"")) {
                let leaf = format!("{{\"action\":{leaf}");
                let record: Value = serde_json::Deserializer::from_str(&leaf).into_iter().next().unwrap().unwrap();
                found.push(serde_json::from_str(record["target"].as_str().unwrap()).unwrap());
            }
        }
    }
    found
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
        (&web.at("/twice"), &[], "same kid"),
        (&web.at("/small"), &[], "no named key"),
        (&good, &["--algorithms", "RS256"], "no named key"),
        (&good, &["--tenants", "x=system"], "nobody is in the tenant `system`"),
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
    for _ in 0..2 {
        let daemon = installation.start();
        let refused = installation.ann(&["whoami"]);
        assert!(refused.stderr.contains("OUTSIDE_ISSUER_ONLY"), "{refused:#?}");
        let _ended = daemon.stop();
    }
    let came = changes(&installation, "came");
    assert_eq!(came.len(), 1, "{came:#?}");
    assert_eq!(
        (&came[0]["added"], &came[0]["removed"], &came[0]["break_glass"]),
        (&json!([good, other]), &json!([]), &json!(false))
    );

    run(&["remove", &good]).exits(0);
    let stranger = run(&["remove", &good, "-o", "json"]).exits(2).error();
    assert_eq!(
        (stranger.why.as_str(), stranger.next.as_str()),
        ("the configuration does not trust it", "scalbotics identity issuer --help")
    );
    run(&["remove", &other]).exits(0);
    assert_eq!(std::fs::read_to_string(&config).unwrap().trim_end(), before.trim_end());
    let daemon = installation.start();
    installation.ann(&["whoami"]).exits(0);
    let _ended = daemon.stop();
    let gone = changes(&installation, "gone");
    assert_eq!((gone.len(), &gone[1]["removed"]), (2, &json!([good, other])), "{gone:#?}");
    assert_eq!((&gone[1]["from"], &gone[1]["to"]), (&came[0]["to"], &came[0]["from"]));
}

#[test]
fn a_tenant_that_is_not_there_is_warned_of_and_not_refused() {
    let installation = Installation::new();
    let web = issuer();
    let url = web.at("/good");
    let config = installation.config();
    let add = |tenants: &str, more: &[&str]| {
        let mut command = installation.environment(&cli());
        command.args(["identity", "issuer", "add", &url, "--audience", "scalbotics", "--tenants", tenants]);
        Answer::of(command.args(more).arg("--config").arg(&config)).exits(0)
    };
    let shown = add("t-2=acmee,t-3=acme", &["--dry-run"]).stdout;
    let line = shown.lines().find(|line| line.starts_with("warning: ")).unwrap();
    assert!(line.contains("no tenant `acmee`") && shown.matches("warning").count() == 1, "{shown}");
    let next = shown.lines().find_map(|line| line.strip_prefix(" next: ")).unwrap();
    assert_eq!(crate::next_steps::commands(next), ["scalbotics tenant list"]);
    let shown = add("acmee", &["--dry-run", "-o", "json"]).json();
    assert_eq!(
        (&shown[0]["url"], &shown[0]["warnings"][0]["what"]),
        (&json!(url), &json!("there is no tenant `acmee`")),
        "{shown:#}"
    );
    let good = add("t-3=acme", &["--dry-run"]).stdout;
    assert!(!good.contains("warning"), "{good}");
    let added = add("acmee", &["-o", "json"]).json();
    assert_eq!((&added["keys"], added["warnings"].as_array().unwrap().len()), (&json!(1), 1), "{added:#}");
    assert!(added["warnings"][0]["next"].as_str().unwrap().contains("scalbotics tenant list"), "{added:#}");
    assert!(std::fs::read_to_string(&config).unwrap().contains("acmee"), "it may be one that is to come");
}
