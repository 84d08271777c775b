//! A database of several tenants, put back from a backup: what holds for the one that operates the installation holds for each.

use serde_json::{Value, json};

use crate::command::Answer;
use crate::installation::{Installation, id, shipped};
use crate::process::until;
use crate::restore::{admin, backup, restore};
use crate::rollback::{copy, put_back, refused};
use crate::second_tenant::agents;

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Carol's stamping task of beta, which waits for somebody to say yes.
#[track_caller]
fn waits(installation: &Installation, entry: &str) -> String {
    let run = ["task", "run", "--agent", "clerk", "--workflow", "stamp", "--detach", "--request-id", entry, "--input", "{}"];
    let task = id(&installation.of("beta", "carol", &run));
    until("the task waits for an approval", PATIENCE, || {
        let shown = installation.of("beta", "carol", &["task", "show", &task]).exits(0).json();
        (shown["status"] == "INPUT_REQUIRED").then_some(())
    });
    task
}

/// The audit logs from the files, by tenant.
#[track_caller]
pub(crate) fn offline(installation: &Installation, more: &[&str]) -> Vec<(String, Value)> {
    let config = installation.config().display().to_string();
    let words = ["audit", "verify", "--offline", "--config", &config];
    let verified = installation.ann(&[&words[..], more].concat()).exits(0).json();
    let logs = verified["logs"].as_array().unwrap().iter();
    logs.map(|log| (log["tenant"].as_str().unwrap().to_owned(), log.clone())).collect()
}

fn standing(answer: &Answer) -> Value {
    answer.clone().exits(0).json()["standing"].clone()
}

#[test]
fn sem_7_4_a_restore_gives_nothing_back_to_any_tenant() {
    let installation = Installation::new();
    let daemon = installation.start();
    let carol = |words: &[&str]| installation.of("beta", "carol", words);
    installation.add_tenant("beta", "carol");
    installation.add_tenant("gamma", "gus");
    installation.give_a_stamp("beta", "carol");
    installation.add_to_tenant(("beta", "carol"), "dora", &["operators"]);
    let (kept, erased) = (waits(&installation, "kept"), waits(&installation, "erased"));
    let yesterday = backup(&installation, "yesterday");

    // Since then: people and an agent of beta are suspended, a hold is placed, a task erased; gamma is suspended, and another tenant added.
    carol(&["human", "suspend", "dora", "--yes"]).exits(0);
    carol(&["agent", "offboard", "clerk", "--yes"]).exits(0);
    let held = carol(&["admin", "hold", "add", "--task", &kept, "--reason", "case 12"]).exits(0).json();
    carol(&["task", "cancel", &erased]).exits(0);
    until("the task has ended", PATIENCE, || (carol(&["task", "show", &erased]).json()["status"] == "CANCELED").then_some(()));
    carol(&["admin", "erase", "--task", &erased, "--reason", "asked for", "--yes"]).exits(0);
    installation.set_tenant("gamma", false);
    installation.add_tenant("late", "lena");
    let walker = json!({ "id": "walker", "team": "ops", "description": "Since.", "tools": ["fs.read"] }).to_string();
    installation.commit(&[("agents/walker.yaml", Some(&walker))]);
    installation.ann(&["repo", "apply"]).exits(0);
    // An agent that is registered is remembered behind the next checkpoint, whoever is suspended at once.
    let standings = installation.root.join("keys/standings");
    until("the new agent is remembered", PATIENCE, || {
        std::fs::read_to_string(&standings).unwrap().contains("walker").then_some(())
    });
    daemon.kill();

    let from = ["restore", "--from", yesterday.to_str().unwrap(), "--dry-run"];
    let plan = admin(&installation, &from).exits(0).json();
    assert_eq!(plan["suspended_humans"], json!(["beta/dora"]), "{plan:#}");
    assert_eq!((&plan["suspended_tenants"], &plan["tenants_without_admin"]), (&json!(["gamma", "late"]), &json!([])), "{plan:#}");
    let done = restore(&installation, &yesterday);
    assert_eq!((&done["humans_suspended"], &done["tenants_suspended"]), (&json!(["beta/dora"]), &json!(["gamma", "late"])));
    assert_eq!((&done["tasks_ended"], &done["approvals_lapsed"]), (&json!(2), &json!(2)), "{done:#}");
    assert_eq!((&done["holds_placed_again"], &done["erased_again"]), (&json!(1), &json!(1)), "{done:#}");

    // Each log says what it lost, also that of a tenant that the backup did not know.
    let logs = offline(&installation, &[]);
    assert_eq!(logs.iter().map(|(tenant, _)| tenant.as_str()).collect::<Vec<_>>(), ["acme", "beta", "gamma", "late", "system"]);
    for (tenant, log) in &logs {
        assert_eq!((log["restores"].as_array().unwrap().len(), &log["restores"][0]["incarnation"]), (1, &json!(2)), "{log:#}");
        assert_eq!(log["covered"], log["records"], "its head is signed: {log:#}");
        assert_eq!(log["restores"][0]["lost_from"] == 0, tenant == "late", "{log:#}");
    }

    let _daemon = installation.start();
    let tenants = installation.tenants();
    let text = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
    let suspended = "suspended";
    assert_eq!(tenants, text(&[("acme", "active"), ("beta", "active"), ("gamma", suspended), ("late", suspended)]));
    assert_eq!(installation.of("gamma", "gus", &["login"]).error().code, "TENANT_SUSPENDED");
    // Its name is nobody else's.
    let taken = installation.try_add_tenant("late", "lou").unwrap_err();
    assert!(taken.message().contains("late") && taken.code() == tonic::Code::AlreadyExists, "{taken}");
    // Every token of beta is void, and nobody of it is un-suspended.
    assert_eq!(carol(&["whoami"]).exits(4).error().code, "PRINCIPAL_SUSPENDED");
    carol(&["login"]).exits(0);
    assert_ne!(installation.of("beta", "dora", &["login"]).code, 0);
    assert_eq!(standing(&carol(&["human", "show", "dora"])), "suspended");
    // What became of an agent is kept apart: beta's clerk is gone, that of acme waits to be resumed, and what acme had since is not beta's.
    installation.ann(&["login"]).exits(0);
    assert_eq!(standing(&carol(&["agent", "show", "clerk"])), "offboarded");
    assert_eq!(standing(&installation.ann(&["agent", "show", "clerk"])), "suspended");
    assert!(!agents(&carol(&["agent", "list"])).iter().any(|(name, _)| name == "walker"));
    assert_eq!(agents(&installation.ann(&["agent", "list"])), text(&[("clerk", suspended), ("walker", suspended)]));
    // No approval counts, what was erased is erased, and what is held is held.
    assert_eq!(carol(&["approval", "list"]).exits(0).json(), json!([]));
    for task in [&kept, &erased] {
        assert_eq!(carol(&["task", "show", task]).exits(0).json()["calls"][0]["phase"], "in_doubt");
    }
    let holds = carol(&["admin", "hold", "list"]).exits(0).json();
    assert!(holds.as_array().unwrap().len() == 1 && holds[0]["name"] == held["name"], "{holds:#}");
    assert_eq!(installation.ann(&["admin", "hold", "list"]).exits(0).json(), json!([]));
    let verified = carol(&["audit", "verify"]).exits(0).json();
    assert_eq!((&verified["ok"], verified["restores"].as_array().unwrap().len()), (&json!(true), 1), "{verified:#}");
    installation.verify_audit();
    // Gamma goes on when it is resumed.
    installation.set_tenant("gamma", true);
    installation.of("gamma", "gus", &["login"]).exits(0);
    installation.of("gamma", "gus", &["agent", "resume", "clerk"]).exits(0);
}

#[test]
fn sem_7_4_where_nobody_remembers_other_tenants_are_suspended_and_their_people_are_kept_by_name() {
    let installation = Installation::new();
    let daemon = installation.start();
    for (tenant, human) in [("beta", "carol"), ("gamma", "gus")] {
        installation.add_tenant(tenant, human);
        installation.of(tenant, human, &["login"]).exits(0);
    }
    let backup = backup(&installation, "backup");
    assert!(daemon.stop().0.success());
    for name in ["anchor", "standings"] {
        std::fs::remove_file(installation.root.join("keys").join(name)).unwrap();
    }
    let from = ["restore", "--from", backup.to_str().unwrap()];
    let refused = |more: &[&str]| admin(&installation, &[&from[..], &["--yes"], more].concat()).exits(1);
    for (keep, named) in [("beta/nobody", "`beta/nobody`"), ("nowhere/carol", "`nowhere/carol`"), ("carol", "`carol`")] {
        assert!(refused(&["--keep", "ann", "--keep", keep]).stderr.contains(named), "{keep}");
    }
    // One who administers another tenant is nobody who could resume this one's.
    assert!(refused(&["--keep", "beta/carol"]).error().next.contains("--keep"));
    let keep = ["--keep", "ann", "--keep", "beta/carol"];
    let plan = admin(&installation, &[&from[..], &["--dry-run"], &keep].concat()).exits(0).json();
    assert_eq!((&plan["suspended_humans"], &plan["tenants_without_admin"]), (&json!(["bob", "gamma/gus"]), &json!(["gamma"])));
    let done = admin(&installation, &[&from[..], &["--yes"], &keep].concat()).exits(0).json();
    assert_eq!((&done["humans_suspended"], &done["tenants_without_admin"]), (&json!(["bob", "gamma/gus"]), &json!(["gamma"])));
    assert_eq!(done["tenants_suspended"], json!(["beta", "gamma"]), "{done:#}");

    let _daemon = installation.start();
    assert_eq!(installation.of("beta", "carol", &["login"]).error().code, "TENANT_SUSPENDED");
    for tenant in ["beta", "gamma"] {
        installation.set_tenant(tenant, true);
    }
    installation.of("beta", "carol", &["login"]).exits(0);
    assert_eq!(installation.of("gamma", "gus", &["login"]).error().code, "PRINCIPAL_SUSPENDED");
}

/// The database of several tenants is one: an older one is older for all of them, and so is one that was served elsewhere.
#[test]
fn sem_7_4_a_database_that_is_older_for_another_tenant_is_not_served() {
    let installation = Installation::new();
    let (data, old, old_keys) = (installation.root.join("data"), installation.path("old"), installation.path("old-keys"));
    let daemon = installation.start();
    let before = backup(&installation, "before");
    // Added while it runs: it is remembered from then on, without a clean end.
    installation.add_tenant("beta", "carol");
    installation.of("beta", "carol", &["whoami"]).exits(0);
    until("the log of the new tenant is remembered", PATIENCE, || anchored(&installation, "beta").filter(|size| *size > 0));
    daemon.kill();
    copy(&data, &old);
    copy(&installation.root.join("keys"), &old_keys);
    let daemon = installation.start();
    installation.of("beta", "carol", &["human", "list"]).exits(0);
    installation.add_to_tenant(("beta", "carol"), "dora", &[]);
    assert!(daemon.stop().0.success());
    let newest = installation.path("newest");
    copy(&data, &newest);
    let size = anchored(&installation, "beta").unwrap();

    put_back(&installation, &old);
    refused(&installation, "DATA_OLDER");
    // Served elsewhere with its anchor, so that beta's log has another history, and then under the anchor of here.
    let anchor = installation.root.join("keys/anchor");
    let here = std::fs::read(&anchor).unwrap();
    std::fs::copy(old_keys.join("anchor"), &anchor).unwrap();
    // Each start says something in every log, so that all of them become longer than those of here.
    for human in ["dan", "dave", "dick", "dirk"] {
        let daemon = installation.start();
        installation.add_to_tenant(("beta", "carol"), human, &[]);
        assert!(daemon.stop().0.success());
    }
    assert!(anchored(&installation, "beta").unwrap() > size);
    std::fs::write(&anchor, here).unwrap();
    refused(&installation, "DATA_FORKED");
    put_back(&installation, &newest);
    let daemon = installation.start();
    installation.of("beta", "carol", &["human", "show", "dora"]).exits(0);
    assert!(daemon.stop().0.success());

    // A backup from before beta: its name stays taken, and its log says that all of it was lost.
    let done = restore(&installation, &before);
    assert_eq!(done["tenants_suspended"], json!(["beta"]), "{done:#}");
    let lost = done["lost"].as_array().unwrap().iter().find(|lost| lost["tenant"] == "beta").unwrap();
    assert!(lost["from_record"] == 0 && lost["to_size"].as_u64() >= Some(size), "{done:#}");
    let _daemon = installation.start();
    installation.ann(&["login"]).exits(0);
    assert!(installation.try_add_tenant("beta", "mallory").is_err());
}

/// The size of a tenant's log in the anchor.
fn anchored(installation: &Installation, tenant: &str) -> Option<u64> {
    let text = std::fs::read_to_string(crate::rollback::anchor(installation)).unwrap();
    let anchor: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let log = anchor["logs"].as_array().unwrap().iter().find(|log| log["tenant"] == tenant)?;
    log["size"].as_u64()
}

#[test]
fn a_backup_and_the_files_alone_hold_the_log_of_every_tenant() {
    let installation = Installation::new();
    let daemon = installation.start();
    installation.add_tenant("beta", "carol");
    installation.of("beta", "carol", &["whoami"]).exits(0);
    let out = installation.path("backup");
    let made = admin(&installation, &["backup", "--out", out.to_str().unwrap()]).exits(0).json();
    let names = |logs: &Value| logs.as_array().unwrap().iter().map(|log| log["tenant"].clone()).collect::<Vec<_>>();
    assert_eq!((&made["verified"], names(&made["logs"])), (&json!(true), vec![json!("acme"), json!("beta"), json!("system")]));
    assert!(made["logs"][1]["records"].as_u64() > Some(0), "{made:#}");
    assert!(daemon.stop().0.success());

    // From the files alone, also against a checkpoint of the other tenant's log that was kept elsewhere.
    let tiles = installation.path("tiles");
    let config = installation.config().display().to_string();
    let export = ["audit", "tiles", "--out", tiles.to_str().unwrap(), "--log", "beta", "--config", &config];
    let exported = Answer::of(installation.environment(&shipped()).args(export)).exits(0).json();
    assert!(exported["log"].as_str().unwrap().ends_with("/audit/beta"), "{exported:#}");
    let checkpoint = tiles.join("checkpoint");
    let logs = offline(&installation, &["--checkpoint", checkpoint.to_str().unwrap()]);
    for (tenant, log) in &logs {
        assert_eq!((&log["records"], &log["kept"]), (&log["covered"], &json!(u8::from(tenant == "beta"))), "{log:#}");
        assert!(log["signatures"].as_u64() > Some(0), "{log:#}");
    }
    assert_eq!(logs.len(), 3);
    // A backup from before what was signed is not what the checkpoint says: the log of that tenant alone shows it.
    let daemon = installation.start();
    installation.of("beta", "carol", &["human", "list"]).exits(0);
    assert!(daemon.stop().0.success());
    let newer = installation.path("newer");
    let export = ["audit", "tiles", "--out", newer.to_str().unwrap(), "--log", "beta", "--config", &config];
    Answer::of(installation.environment(&shipped()).args(export)).exits(0);
    let (trust, newer) = (installation.root.join("trust.json"), newer.join("checkpoint"));
    let words = ["audit", "verify", "--offline", "--data", out.to_str().unwrap(), "--trust", trust.to_str().unwrap()];
    let checked = installation.ann(&[&words[..], &["--checkpoint", newer.to_str().unwrap()]].concat()).exits(1);
    assert!(checked.stderr.contains("beta"), "{checked:#?}");
}
