//! Several tenants of one installation: what is one's is no other's, one operates it, and one that is suspended does nothing.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::Answer;
use crate::desired::Desired;
use crate::installation::{Installation, Times, id, ports};
use crate::ledger::Class;
use crate::process::until;

/// The context of the first human of the tenant that the tests add.
const EVE: &str = "beta-eve";

/// Time within which a suspension bites, and what a busy machine adds to starting the command that looks.
const BITES: Duration = Duration::from_secs(1);
const BUSY: Duration = Duration::from_secs(2);

/// How long a step runs when nobody stops it, in milliseconds.
const LONG_MS: u64 = 3_500;

impl Installation {
    fn eve(&self, arguments: &[&str]) -> Answer {
        Answer::of(&mut self.cli(EVE, arguments))
    }

    /// Eve's key pair; answers the public half's file.
    fn eves_key(&self) -> String {
        let key = self.path("eve.pem").display().to_string();
        self.ann(&["human", "keygen", &key]).exits(0);
        format!("{key}.pub")
    }

    /// The tenant `beta`, by the way that the command line tells: Eve's key pair, the tenant, her context.
    fn add_beta(&self, more: &[&str]) -> Value {
        let public = self.eves_key();
        let add = ["tenant", "add", "beta", "--admin", "eve", "--login-key", &public];
        let added = self.ann(&[&add[..], more].concat()).exits(0).json();
        self.enter_beta(&added);
        added
    }

    /// Eve's context.
    fn enter_beta(&self, added: &Value) {
        let (server, trust) = (format!("https://127.0.0.1:{}", self.api), self.trust_file());
        let (uid, key) = (added["admin_uid"].as_str().unwrap(), self.path("eve.pem").display().to_string());
        let whose = ["--of-tenant", "beta", "--human", "eve", "--human-uid", uid, "--login-key", &key];
        let place = ["context", "add", EVE, "--server", &server, "--trust-file", trust.to_str().unwrap()];
        self.ann(&[&place[..], &whose[..]].concat()).exits(0);
    }

    /// Beta's repository gets the tests' tools, with its own folder for the agent.
    fn equip_beta(&self) {
        let own = self.root.join("data/tenants/beta");
        let mut desired = Desired::new(&self.ledger.folder, &own.join("files"));
        desired.files.retain(|path, _| !path.starts_with("policies/"));
        let files: Vec<(&str, Option<&str>)> =
            desired.files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        self.commit_to(&own.join("desired.git"), "checkout-beta", &files);
        self.eve(&["repo", "apply"]).exits(0);
    }

    fn eve_submits(&self, class: Class, entry: &str, times: Times) -> String {
        let input = json!({ "entry": entry, "before_ms": times.before_ms, "after_ms": times.after_ms }).to_string();
        id(&self.eve(&["task", "run", "--agent", "clerk", "--workflow", class.word(), "--detach", "--input", &input]))
    }

    #[track_caller]
    fn eves_task(&self, task: &str) -> Value {
        until("the task of beta comes to rest", Duration::from_secs(60), || {
            let shown = self.eve(&["task", "show", task]).exits(0).json();
            Some(shown).filter(crate::installation::is_at_rest)
        })
    }
}

#[test]
fn what_is_one_tenants_is_no_other_ones() {
    let installation = Installation::new();
    let daemon = installation.start();
    let added = installation.add_beta(&["--host-access"]);
    assert_eq!((&added["standing"], &added["operating"]), (&json!("active"), &json!(false)), "{added:#}");
    assert_eq!(added["desired_state"], "in_force", "with a first team, agent and policies: {added:#}");
    let me = installation.eve(&["whoami"]).exits(0).json();
    assert_eq!((&me["tenant"], &me["groups"]), (&json!("beta"), &json!(["admins"])), "{me:#}");

    // The starter's agent works at once, under its own repository.
    let stock = id(&installation.eve(&["task", "run", "--agent", "clerk", "--workflow", "take-stock", "--detach"]));
    assert_eq!(installation.eves_task(&stock)["status"], "COMPLETED");
    installation.equip_beta();
    let task = installation.eve_submits(Class::Pure, "of-beta", Times::default());
    assert_eq!(installation.eves_task(&task)["status"], "COMPLETED");
    let own = installation.run("pure", &json!({ "entry": "of-acme", "before_ms": 0, "after_ms": 0 }));
    installation.rest(&own);

    // Nobody sees the other's, not even by its full name.
    for (answer, foreign) in [(installation.ann(&["audit", "query"]), &task), (installation.eve(&["audit", "query"]), &own)] {
        assert!(!answer.exits(0).stdout.contains(foreign.as_str()), "a record of the other tenant is shown");
    }
    let uid = |answer: Answer| answer.exits(0).json()["uid"].as_str().unwrap().to_owned();
    let clerks = [installation.ann(&["agent", "show", "clerk"]), installation.eve(&["agent", "show", "clerk"])].map(uid);
    assert_ne!(clerks[0], clerks[1], "agents of one name are two");
    let (theirs, ours) = (format!("tenants/beta/tasks/{task}"), format!("tenants/acme/tasks/{own}"));
    for (answer, name) in
        [(installation.ann(&["task", "show", &theirs]), "of beta"), (installation.eve(&["task", "show", &ours]), "of acme")]
    {
        assert_eq!(answer.exits(10).error().code, "NOT_FOUND", "{name}");
    }
    for (answer, foreign) in [(installation.ann(&["task", "list"]), &task), (installation.eve(&["task", "list"]), &own)] {
        let listed = answer.exits(0).json();
        let names: Vec<&str> = listed.as_array().unwrap().iter().map(|task| task["name"].as_str().unwrap()).collect();
        assert!(!names.is_empty() && !names.contains(&foreign.as_str()), "{names:?}");
    }

    // An agent that is added is added to the caller's repository.
    installation
        .eve(&[
            "agent",
            "add",
            "scribe",
            "--team",
            "ops",
            "--description",
            "Writes.",
            "--workflow",
            "pure",
            "--tool",
            "ledger.pure",
        ])
        .exits(0);
    assert_eq!(installation.ann(&["agent", "show", "scribe"]).exits(10).error().code, "NOT_FOUND");

    // Both logs verify, and the evidence of beta's task with the installation's trust file.
    installation.verify_audit();
    installation.eve(&["audit", "verify"]).exits(0);
    let out = installation.path("beta.evidence");
    installation.eve(&["audit", "export", "--task", &task, "--out", out.to_str().unwrap()]).exits(0);
    crate::evidence::verify(&std::fs::read(&out).unwrap(), &installation.root.join("trust.json"), &["--open"]).exits(0);

    // And so it is after a kill.
    drop(daemon);
    let _daemon = installation.start();
    assert_eq!(installation.eve(&["task", "show", &task]).exits(0).json()["status"], "COMPLETED");
    let shown = installation.ann(&["tenant", "list"]).exits(0).json();
    let names: Vec<&str> = shown.as_array().unwrap().iter().map(|tenant| tenant["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["acme", "beta"]);
}

#[test]
fn sem_3_7_installation_verbs_are_the_operating_tenants() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let public = installation.eves_key();
    let add = |name: &str| installation.ann(&["tenant", "add", name, "--admin", "eve", "--login-key", &public]);
    installation.ann(&["tenant", "add", "beta", "--admin", "eve", "--login-key", &public, "--dry-run"]).exits(0);
    assert_eq!(installation.ann(&["tenant", "show", "beta"]).exits(10).error().code, "NOT_FOUND", "a dry run adds nobody");
    assert!(!installation.root.join("data/tenants/beta").exists(), "nor makes anything");
    installation.enter_beta(&add("beta").exits(0).json());
    for (name, code, exit) in [("beta", "NAME_TAKEN", 7), ("acme", "NAME_TAKEN", 7), ("system", "INVALID_ARGUMENT", 2)] {
        assert_eq!(add(name).exits(exit).error().code, code, "{name}");
    }
    let nobody = installation.ann(&["tenant", "add", "gamma"]).exits(2).error();
    assert!(nobody.next.contains("--admin"), "nobody could enter: {nobody:?}");
    let refused = installation.ann(&["tenant", "suspend", "acme", "--yes"]).exits(7).error();
    assert_eq!(refused.code, "CONFLICT", "{refused:?}");
    assert!(refused.why.contains("tenant resume"), "{refused:?}");

    // An admin of another tenant may do none of it, whatever the policies of their repository permit.
    let own = installation.root.join("data/tenants/beta/desired.git");
    let all = "@id(\"everything\")\npermit (principal, action, resource);\n";
    installation.commit_to(&own, "checkout-beta", &[("policies/everything.cedar", Some(all))]);
    installation.eve(&["repo", "apply"]).exits(0);
    let key = public.as_str();
    let verbs: [&[&str]; 7] = [
        &["tenant", "add", "gamma", "--admin", "eve", "--login-key", key],
        &["tenant", "list"],
        &["tenant", "show", "acme"],
        &["tenant", "suspend", "acme", "--yes"],
        &["tenant", "resume", "beta"],
        &["identity", "ca", "show"],
        &["identity", "ca", "rotate", "--request", "next.csr"],
    ];
    for verb in verbs {
        let refused = installation.eve(verb).exits(5).error();
        assert_eq!(refused.code, "POLICY_DENIED", "{verb:?}");
        assert!(refused.why.contains("installation-verbs-are-its-operators"), "{refused:?}");
    }
    installation.eve(&["status"]).exits(0);

    // The creation stands in the installation log, which holds the heads of both tenants' logs.
    let query = ["audit", "query", "--action", "tenant.add"];
    assert_eq!(
        installation.ann(&query).exits(0).json().as_array().unwrap().len(),
        6,
        "the refused and the dry run are there too"
    );
    installation.verify_audit();
}

/// Commits one file of beta's beside a note that makes it another commit, and applies it.
fn applied(installation: &Installation, (path, text): (&str, &str), note: &str) -> Answer {
    let own = installation.root.join("data/tenants/beta/desired.git");
    installation.commit_to(&own, "checkout-beta", &[("teams/README.md", Some(note)), (path, Some(text))]);
    installation.eve(&["repo", "apply"])
}

fn peek(path: &str) -> String {
    json!({
        "id": "peek", "description": "Looks.", "argv": ["/bin/true"], "tier": 0, "effect": "pure", "read_paths": [path],
        "input": { "type": "object", "properties": {} },
    })
    .to_string()
}

fn agent_with(field: &str, value: &Value) -> String {
    let mut agent = json!({ "id": "clerk", "team": "ops", "description": "Looks.", "tools": ["fs.list"] });
    agent[field] = value.clone();
    agent.to_string()
}

#[test]
fn a_tenants_agents_have_its_own_folder_and_no_other_place() {
    let installation = Installation::new();
    let _daemon = installation.start();
    installation.add_beta(&["--host-access"]);
    let path = |name: &str| installation.root.join(name).display().to_string();
    let (work, files) = (installation.path("work").display().to_string(), path("data/tenants/beta/files/deeper"));
    std::fs::create_dir_all(&files).unwrap();
    let mounted = |path: &str| agent_with("mounts", &json!([{ "name": "files", "path": path }]));
    for place in [&work, &path("data"), &path("data/tenants"), &path("desired.git"), &files] {
        applied(&installation, ("agents/clerk.yaml", &mounted(&files)), &format!("before the tool {place}"));
        let as_tool = applied(&installation, ("tools/peek.yaml", &peek(place)), &format!("tool {place}"));
        assert_eq!(as_tool.code == 0, *place == files, "tool {place}: {as_tool:#?}");
        applied(&installation, ("tools/peek.yaml", &peek(&files)), &format!("before the mount {place}"));
        let as_mount = applied(&installation, ("agents/clerk.yaml", &mounted(place)), &format!("mount {place}"));
        assert_eq!(as_mount.code == 0, *place == files, "mount {place}: {as_mount:#?}");
    }
}

#[test]
fn a_guest_runs_nothing_on_the_host_and_reaches_no_network_of_it() {
    let installation = Installation::new();
    let _daemon = installation.start();
    assert_eq!(installation.add_beta(&[])["host_access"], false);
    let destination =
        json!({ "id": "inner", "description": "The host.", "scheme": "http", "host": "127.0.0.1", "private": true });
    let model = json!({ "id": "near", "base_url": "http://127.0.0.1:1/v1", "model": "m", "context_tokens": 4096, "output_tokens_max": 512 });
    let unix = json!({ "unix": { "uid": 1 } });
    for (path, text) in [
        ("tools/peek.yaml", peek("/usr")),
        ("agents/clerk.yaml", agent_with("programs", &json!(["/bin/sh"])).replace("fs.list", "process.run")),
        ("agents/clerk.yaml", agent_with("workload", &unix)),
        ("destinations/inner.yaml", destination.to_string()),
        ("models/near.yaml", model.to_string()),
    ] {
        let refused = applied(&installation, (path, &text), &format!("{path} {text}")).exits(7).error();
        let status = installation.eve(&["repo", "status"]);
        assert!(status.stdout.contains("the daemon's host is not the tenant's"), "{path}: {refused:?} {status:#?}");
        installation.commit_to(&installation.root.join("data/tenants/beta/desired.git"), "checkout-beta", &[(path, None)]);
        if path == "agents/clerk.yaml" {
            applied(&installation, (path, &agent_with("mounts", &json!([]))), "as it was");
        }
    }
    installation.eve(&["repo", "apply"]).exits(0);
}

#[test]
fn a_link_that_is_put_in_the_way_of_a_tools_path_leads_nowhere() {
    let dir = tempfile::Builder::new().prefix("scalbotics-").tempdir().unwrap();
    let within = dir.path().canonicalize().unwrap().join("work/within");
    let seen = within.join("daemon.key");
    let installation = Installation::within(dir, |desired| {
        std::fs::create_dir_all(&within).unwrap();
        let manifest = json!({
            "id": "peek", "description": "Looks.", "argv": ["/usr/bin/base64", seen], "tier": 0, "effect": "pure", "read_paths": [within],
            "input": { "type": "object", "properties": {} },
        });
        desired.add_tool("peek", manifest);
    });
    let _daemon = installation.start();
    std::fs::write(&seen, "plain").unwrap();
    let before = installation.run("peek", &json!({}));
    assert_eq!(installation.rest(&before)["status"], "COMPLETED", "what is really there may be read");
    std::fs::remove_dir_all(&within).unwrap();
    std::os::unix::fs::symlink(installation.root.join("keys"), &within).unwrap();
    let after = installation.run("peek", &json!({}));
    let shown = installation.rest(&after);
    assert_eq!(shown["status"], "FAILED", "{shown:#}");
    let told = installation.ann(&["task", "result", &after]);
    let key = std::process::Command::new("/usr/bin/base64").arg(installation.root.join("keys/daemon.key")).output().unwrap();
    let key = String::from_utf8(key.stdout).unwrap();
    assert!(key.len() > 40 && told.code != 0 && !told.stdout.contains(&key[..20]), "{told:#?}");
}

#[test]
fn a_guest_sees_that_the_log_is_kept_and_not_by_whom() {
    let installation = Installation::new();
    // A file that keeps checkpoints, and a witness that does not answer.
    let (away, _) = ports();
    crate::witness::configure(&installation, away);
    let _daemon = installation.start();
    installation.add_beta(&[]);
    let names = until("one keeps and one is in trouble", Duration::from_secs(60), || {
        let keepers = installation.ann(&["status"]).exits(0).json()["keepers"].clone();
        let keepers = keepers.as_array().unwrap();
        let is_so = keepers.iter().any(|keeper| keeper["size"].as_u64() > Some(0))
            && keepers.iter().any(|keeper| keeper["trouble"] != "");
        is_so.then(|| keepers.iter().map(|keeper| keeper["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>())
    });
    assert!(names.len() == 2 && names.iter().all(|name| !name.is_empty()), "{names:?}");
    for format in ["json", "table", "yaml"] {
        let seen = installation.eve(&["status", "-o", format]).exits(0).stdout;
        assert!(names.iter().all(|name| !seen.contains(name)) && !seen.contains(&away.to_string()), "{names:?}: {seen}");
        assert!(seen.contains("of the installation log, kept at "), "{seen}");
        assert!(seen.contains("sees who"), "the trouble of one is none of its matters: {seen}");
    }
    let kept = &installation.eve(&["status"]).exits(0).json()["keepers"];
    assert_eq!((kept.as_array().unwrap().len(), &kept[0]["name"], &kept[0]["trouble"]), (1, &json!(""), &json!("")), "{kept:#}");
    assert!(kept[0]["size"].as_u64() > Some(0) && kept[0]["witness"] == false, "{kept:#}");
}

#[test]
fn a_suspended_tenant_does_nothing_and_goes_on_when_it_is_resumed() {
    let installation = Installation::new();
    let daemon = installation.start();
    installation.add_beta(&["--host-access"]);
    installation.equip_beta();
    let times = Times { before_ms: LONG_MS, after_ms: 0 };
    let task = installation.eve_submits(Class::Pure, "stopped", times);
    let untouched = installation.submit(Class::Pure, "untouched", times);
    let untouched = id(&untouched);
    for entry in ["stopped", "untouched"] {
        until("the tool is at work", Duration::from_secs(30), || installation.ledger.has(entry, "begin").then_some(()));
    }
    let mut watch = installation.cli(EVE, &["task", "watch", &task]);
    let mut stream = watch.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(stream.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(!first.is_empty(), "the stream is open");

    let suspended = installation.ann(&["tenant", "suspend", "beta", "--yes"]).exits(0).json();
    let begun = Instant::now();
    assert_eq!(suspended["standing"], "suspended");
    let ended = until("the stream is cut", BITES + BUSY, || stream.try_wait().unwrap());
    assert!(!ended.success() && begun.elapsed() < BITES, "the open stream took {:?}", begun.elapsed());
    assert_eq!(installation.eve(&["whoami"]).exits(4).error().code, "TENANT_SUSPENDED");
    std::fs::remove_dir_all(installation.path("state/tokens")).unwrap_or_default();
    assert_eq!(installation.eve(&["login"]).exits(4).error().code, "TENANT_SUSPENDED", "nobody logs in either");
    assert_eq!(installation.rest(&untouched)["status"], "COMPLETED", "the other tenant goes on");
    assert!(!installation.ledger.has("stopped", "landed"), "nothing of it arrived");

    // A start does not forget it.
    drop(daemon);
    let _daemon = installation.start();
    assert_eq!(installation.eve(&["whoami"]).exits(4).error().code, "TENANT_SUSPENDED");
    assert_eq!(installation.ann(&["tenant", "show", "beta"]).exits(0).json()["standing"], "suspended");
    let again = installation.ann(&["tenant", "suspend", "beta", "--yes"]).exits(0).json();
    assert_eq!(again["standing"], "suspended", "a second time changes nothing");

    assert_eq!(installation.ann(&["tenant", "resume", "beta"]).exits(0).json()["standing"], "active");
    installation.eve(&["whoami"]).exits(0);
    let shown = installation.eves_task(&task);
    assert_ne!(shown["status"], "COMPLETED", "{shown:#}");
    assert!(!installation.ledger.has("stopped", "landed"), "nor does anything of it come later");
    let after = installation.eve_submits(Class::Pure, "after", Times::default());
    assert_eq!(installation.eves_task(&after)["status"], "COMPLETED");
    installation.verify_audit();
    installation.eve(&["audit", "verify"]).exits(0);
}

#[test]
fn a_logout_of_a_suspended_tenants_human_says_that_the_session_is_not_over() {
    let installation = Installation::new();
    let _daemon = installation.start();
    installation.add_beta(&[]);
    installation.eve(&["whoami"]).exits(0);
    let token = installation.path(&format!("state/tokens/{EVE}.json"));
    let copy = std::fs::read(&token).unwrap();
    installation.ann(&["tenant", "suspend", "beta", "--yes"]).exits(0);
    let refused = installation.eve(&["logout"]).exits(4).error();
    assert!(refused.code == "TENANT_SUSPENDED" && refused.what.contains("the daemon refused to end the session"), "{refused:?}");
    assert!(refused.why.contains("suspended") && refused.next.contains("ten minutes"), "{refused:?}");
    assert!(!token.try_exists().unwrap(), "it is forgotten here all the same");
    // A copy of the token counts again once the tenant is resumed, until it is over or its bearer logs out.
    std::fs::write(&token, copy).unwrap();
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    installation.ann(&["tenant", "resume", "beta"]).exits(0);
    installation.eve(&["whoami"]).exits(0);
    installation.eve(&["logout"]).exits(0);
}

#[test]
fn a_tenant_whose_adding_was_killed_is_added_again() {
    for (point, count) in [
        ("keys.before", 1),
        ("keys.after", 1),
        ("commit.before", 1),
        ("commit.after", 1),
        ("commit.before", 2),
        ("commit.after", 2),
    ] {
        let installation = Installation::new();
        let public = {
            let _daemon = installation.start();
            // Kept tokens, so that no login is a commit of its own.
            installation.ann(&["whoami"]).exits(0);
            installation.eves_key()
        };
        let add = ["tenant", "add", "beta", "--admin", "eve", "--login-key", &public, "--request-id", "once"];
        let dying = installation.start_mortal(point, count + if point.starts_with("commit") { 3 } else { 0 });
        let _died = installation.ann(&add);
        drop(dying);
        let _daemon = installation.start();
        let added = installation.ann(&add).exits(0).json();
        assert_eq!(added["desired_state"], "in_force", "{point}:{count} {added:#}");
        installation.enter_beta(&added);
        installation.eve(&["whoami"]).exits(0);
        let stock = id(&installation.eve(&["task", "run", "--agent", "clerk", "--workflow", "take-stock", "--detach"]));
        assert_eq!(installation.eves_task(&stock)["status"], "COMPLETED", "{point}:{count}");
        installation.eve(&["audit", "verify"]).exits(0);
    }
}
