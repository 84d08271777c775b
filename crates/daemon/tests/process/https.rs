//! Servers of other machines, over TLS: a company's own authority is believed where the configuration says so, and nowhere else.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use scalbotics_testkit::model::{Answer, ScriptedServer};
use scalbotics_testkit::tls::{Authority, Front};
use serde_json::{Value, json};

use crate::installation::{Installation, id};
use crate::remote::Place;
use crate::web::{Web, page};

/// The names of this machine that certificates of the tests carry.
const HERE: [&str; 2] = ["localhost", "127.0.0.1"];

/// The authority's certificate, as a file beside the place.
fn bundle(authority: &Authority, folder: &Path) -> PathBuf {
    let path = folder.join("authorities.pem");
    std::fs::write(&path, authority.pem()).unwrap();
    path
}

#[test]
fn a_remote_repository_and_an_issuer_of_a_companys_own_authority() {
    let authority = Authority::new("Acme authority");
    let place = Place::new();
    let front = Front::new(place.server.port(), authority.certificate(&HERE));
    let behind = Web::serve(|_, request| {
        // Whoever asks names the front, behind which this server stands.
        let base = format!("https://{}", request.header("Host").unwrap_or_default());
        let document = json!({ "issuer": base, "jwks_uri": format!("{base}/keys") });
        let keys = json!({ "keys": [{ "kty": "EC", "kid": "one", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM", "use": "sig" }] });
        page(200, "application/json", if request.path == "/keys" { keys } else { document }.to_string())
    });
    let issuer = Front::new(behind.port, authority.certificate(&HERE));
    let file = bundle(&authority, &place.path("."));
    let (git, url) = (format!("https://localhost:{}/desired.git", front.port()), format!("https://localhost:{}", issuer.port()));
    let token = place.path("token").display().to_string();
    let words = ["--git", &git, "--git-token-file", &token];
    // Nobody believes it by themselves, and nothing is made.
    let alone = place.initialize(&words).exits(1);
    assert!(alone.stderr.contains("SETUP_REMOTE") && alone.stderr.contains("certificate"), "{alone:#?}");
    let alone = place.initialize(&["--issuer", &url]).exits(1);
    assert!(alone.stderr.contains("SETUP_ISSUER") && alone.stderr.contains("certificate"), "{alone:#?}");
    assert!(!place.made());
    // Nor one of another name, or one that ended.
    for wrong in [authority.certificate(&["elsewhere.example"]), authority.expired(&HERE)] {
        let wrong = Front::new(place.server.port(), wrong);
        let git = format!("https://localhost:{}/desired.git", wrong.port());
        let words = ["--git", &git, "--git-token-file", &token, "--ca-bundle", file.to_str().unwrap()];
        let refused = place.initialize(&words).exits(1);
        assert!(refused.stderr.contains("SETUP_REMOTE") && refused.stderr.contains("certificate"), "{refused:#?}");
    }
    assert!(!place.made());

    let with = [&words[..], &["--issuer", &url, "--ca-bundle", file.to_str().unwrap()]].concat();
    let made = place.initialize(&with).exits(0);
    assert!(made.stdout.contains("pushed and read back") && made.stdout.contains("created    issuer"), "{made:#?}");
    let again = place.initialize(&with).exits(0);
    assert!(again.stdout.lines().all(|line| line.starts_with("unchanged")), "{again:#?}");
    let other = place.path("others.pem");
    std::fs::copy(&file, &other).unwrap();
    let refused = place.initialize(&["--ca-bundle", other.to_str().unwrap()]).exits(2);
    assert!(refused.stderr.contains("egress.ca_bundle"), "{refused:#?}");
    // The daemon follows it by the same authority, and so looks its doctor.
    let daemon = place.start();
    let second = place.server.commit("desired.git", "teams/far.yaml", "id: far\ndescription: Far away.\n");
    assert_eq!(place.ann(&["repo", "apply"]).exits(0).json()["commit"], second.as_str());
    let checks = place.ann(&["doctor"]).json();
    for name in ["authorities", "remote repository", "issuer"] {
        let check = checks.as_array().unwrap().iter().find(|check| check["name"] == name).unwrap();
        assert_eq!(check["result"], "ok", "{check:#}");
    }
    let _ended = daemon.stop();
}

/// An installation with a destination and a model behind TLS, whose configuration names this bundle, if one.
fn installation(port: u16, model: u16, bundle: Option<&Path>) -> Installation {
    let installation = Installation::with(|desired| {
        desired.add_destination(
            "inside",
            json!({ "id": "inside", "description": "Inside.", "scheme": "https", "host": "localhost", "port": port, "private": true }),
        );
        desired.add_workflow(
            "look",
            &json!({
                "id": "look", "description": "Looks inside.", "input": { "type": "object", "properties": {} },
                "steps": [{ "id": "look", "tool": "http.fetch.inside", "args": { "url": format!("https://localhost:{port}/x") } }],
                "output": { "content": "${steps.look.output.content}" },
            }),
        );
        desired.put(
            "models/small.yaml",
            json!({
                "id": "small", "base_url": format!("https://localhost:{model}/v1"), "model": "scripted", "context_tokens": 100_000,
                "output_tokens_max": 500,
            }),
        );
        desired.drive(&["small"]);
    });
    if let Some(path) = bundle {
        let mut config = std::fs::OpenOptions::new().append(true).open(installation.config()).unwrap();
        writeln!(config, "\n[egress]\nca_bundle = \"{}\"", path.display()).unwrap();
    }
    installation
}

/// How a task of the workflow and a task of the model end.
fn ends(installation: &Installation) -> [Value; 2] {
    let look = installation.run("look", &json!({}));
    let asked = id(&installation.ann(&["task", "run", "--agent", "clerk", "--detach", "say hello"]));
    [installation.rest(&look), installation.rest(&asked)]
}

#[test]
fn destinations_and_models_of_a_companys_own_authority() {
    let authority = Authority::new("Acme authority");
    let server = ScriptedServer::choosing(0, |_| Answer::Say("Hello.".to_owned())).unwrap();
    let web = Web::serve(|_, _| page(200, "text/plain", "inside"));
    let fronts = |certificate: &dyn Fn() -> scalbotics_testkit::tls::Certificate| {
        (Front::new(web.port, certificate()), Front::new(server.address().port(), certificate()))
    };
    let dir = tempfile::tempdir().unwrap();
    let file = bundle(&authority, dir.path());
    let (pages, model) = fronts(&|| authority.certificate(&HERE));

    let believing = installation(pages.port(), model.port(), Some(&file));
    let daemon = believing.start();
    let [look, asked] = ends(&believing);
    assert_eq!((&look["status"], &asked["status"]), (&json!("COMPLETED"), &json!("COMPLETED")), "{look:#} {asked:#}");
    let result = believing.ann(&["task", "result", look["name"].as_str().unwrap()]).exits(0).json();
    assert_eq!(result["content"], "inside");
    let _ended = daemon.stop();

    let reached = server.asked().len();
    let (wrong_pages, wrong_model) = fronts(&|| authority.certificate(&["elsewhere.example"]));
    let (old_pages, old_model) = fronts(&|| authority.expired(&HERE));
    for (pages, model, bundle) in [
        (&pages, &model, None),
        (&wrong_pages, &wrong_model, Some(file.as_path())),
        (&old_pages, &old_model, Some(file.as_path())),
    ] {
        let refusing = installation(pages.port(), model.port(), bundle);
        let daemon = refusing.start();
        for task in ends(&refusing) {
            assert_eq!(task["status"], "FAILED", "{task:#}");
            assert!(task["failure_detail"].as_str().unwrap().contains("certificate"), "{task:#}");
        }
        let _ended = daemon.stop();
    }
    assert_eq!(server.asked().len(), reached, "a server that nobody believes was told something");
}

#[test]
fn a_bundle_that_is_none_stops_the_start_and_says_why() {
    let installation = Installation::new();
    let authority = Authority::new("Acme authority");
    let leaf = authority.certificate(&HERE);
    let path = installation.path("bundle.pem");
    let mut config = std::fs::OpenOptions::new().append(true).open(installation.config()).unwrap();
    writeln!(config, "\n[egress]\nca_bundle = \"{}\"", path.display()).unwrap();
    for (text, says) in [
        (None, "No such file"),
        (Some("hello".to_owned()), "holds no certificate"),
        (Some(authority.pem().replace("-----END", "-----E")), "no PEM file"),
        (Some(format!("{}{}", authority.pem(), leaf.pem())), "certificate 2 is not an authority's"),
        (Some(authority.pem().repeat(5_000)), "longer than"),
    ] {
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        for words in [&[][..], &["--check-config"]] {
            let answer = crate::command::Answer::of(installation.serve(&crate::installation::shipped()).args(words)).exits(1);
            assert!(answer.stderr.contains("CONFIG_INVALID") && answer.stderr.contains(says), "{says}: {answer:#?}");
            assert!(answer.stderr.contains("egress.ca_bundle"), "{answer:#?}");
        }
    }
}

#[test]
fn keepers_of_a_companys_own_authority() {
    let authority = Authority::new("Acme authority");
    let taken = Arc::new(Mutex::new(Vec::new()));
    let takes = Arc::clone(&taken);
    let web = Web::serve(move |_, request| {
        takes.lock().unwrap().push(String::from_utf8_lossy(&request.body).into_owned());
        page(200, "text/plain", "")
    });
    let hook = Front::new(web.port, authority.certificate(&HERE));
    let installation = Installation::new();
    let file = bundle(&authority, &installation.path("."));
    let (port, _) = crate::installation::ports();
    // Its folder is its own as soon as it runs.
    let key = crate::witness::key(&installation);
    let witness = crate::witness::start(&installation, port);
    let cosigns = Front::new(port, authority.certificate(&HERE));
    let bare = std::fs::read_to_string(installation.config()).unwrap();
    let configure = |hook: u16, cosigns: u16, bundle: Option<&Path>| {
        let egress = bundle.map(|path| format!("[egress]\nca_bundle = \"{}\"\n", path.display())).unwrap_or_default();
        let audit = format!(
            "[audit]\nwitnesses = [{{ key = \"{key}\", url = \"https://localhost:{cosigns}\" }}]\n\
             checkpoint_webhook = \"https://localhost:{hook}/kept\"\n"
        );
        std::fs::write(installation.config(), format!("{bare}\n{egress}{audit}")).unwrap();
    };
    let keepers = |wanted: &dyn Fn(&Value) -> bool| {
        crate::process::until("both keepers", std::time::Duration::from_secs(60), || {
            let status = installation.ann(&["status"]).exits(0).json();
            let keepers = status["keepers"].as_array().unwrap().clone();
            (keepers.len() == 2 && keepers.iter().all(wanted)).then_some(keepers)
        })
    };
    // Nobody is believed, and nobody is told anything.
    let wrong = |port| Front::new(port, authority.certificate(&["elsewhere.example"]));
    let old = |port| Front::new(port, authority.expired(&HERE));
    let fronts = [(wrong(web.port), wrong(port)), (old(web.port), old(port))];
    for (hook, cosigns, bundle) in [
        (&hook, &cosigns, None),
        (&fronts[0].0, &fronts[0].1, Some(file.as_path())),
        (&fronts[1].0, &fronts[1].1, Some(file.as_path())),
    ] {
        configure(hook.port(), cosigns.port(), bundle);
        let daemon = installation.start();
        for keeper in keepers(&|keeper| keeper["trouble"] != "") {
            assert!(keeper["trouble"].as_str().unwrap().contains("certificate") && keeper["size"] == 0, "{keeper:#}");
        }
        let _ended = daemon.stop();
    }
    assert!(taken.lock().unwrap().is_empty(), "a server that nobody believes was told something");

    configure(hook.port(), cosigns.port(), Some(&file));
    let daemon = installation.start();
    keepers(&|keeper| keeper["size"].as_u64() > Some(0) && keeper["trouble"] == "");
    let note = taken.lock().unwrap().last().cloned().unwrap();
    assert!(scalbotics_core::audit::checkpoint::Checkpoint::of_note(&note).is_ok(), "{note}");
    let _ended = daemon.stop();
    drop(witness);
}
