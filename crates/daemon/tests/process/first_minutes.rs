//! The first ten minutes of somebody who has the two programs and a model: a refund that waits for another human, a crash, and what
//! the log says of it; and the same start with nothing but a server's address and its key.

use std::time::Duration;

use scalbotics_testkit::model::{Answer, ScriptedServer, Wish};
use serde_json::json;

use crate::desired::Desired;
use crate::dev::Home;
use crate::installation::{ports, shipped};
use crate::ledger::{Class, Ledger};
use crate::process::until;
use crate::secrets;
use crate::serving::Daemon;

/// How long a refund takes after it has landed, in milliseconds: long enough for a kill between.
const SLOW_MS: u64 = 1_500;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_refund_is_asked_for_approved_and_made_once_over_a_crash() {
    let server = ScriptedServer::choosing(0, |asked| match asked.body["messages"].as_array().unwrap().len() {
        2 => Answer::Call(vec![Wish::new("ledger_pure", json!({"entry": "A-8891-read", "before_ms": 0, "after_ms": 0}))]),
        4 => Answer::Call(vec![Wish::new("ledger_keyed", json!({"entry": "A-8891", "before_ms": 0, "after_ms": SLOW_MS}))]),
        _ => Answer::Say("Order A-8891 is refunded.".to_owned()),
    })
    .unwrap();
    let home = Home::new();
    let (ledger, work, files) = (home.path("ledger"), home.path("work"), home.path("desired"));
    for folder in [&ledger, &work, &files] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let mut desired = Desired::new(&ledger, &work);
    let model = json!({
        "id": "small", "base_url": server.base_url(), "model": "scripted", "context_tokens": 100_000, "output_tokens_max": 500,
    });
    desired.put("models/small.yaml", model);
    desired.drive(&["small"]);
    desired.write(&files);
    let (ports, root, ledger) = (ports(), home.path("box"), Ledger { folder: ledger });
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let words = ["--persist", &text(&root), "--desired", &text(&files), "--workspace-root", &text(&work)];
    let daemon = home.dev_with(ports, &words, &[]);

    let asked = home.scalbotics("dev", &["task", "run", "refund order A-8891, it arrived damaged"]).exits(6);
    let approval = asked.stderr.split_whitespace().find(|word| word.starts_with("apr_")).unwrap().to_owned();
    assert!(ledger.has("A-8891-read", "landed") && !ledger.has("A-8891", "landed"));
    let shown = home.scalbotics("dev-approver", &["approval", "show", &approval]).exits(0);
    assert!(shown.stdout.contains("A-8891") && shown.stdout.contains("ledger.keyed"), "{shown:#?}");
    home.scalbotics("dev-approver", &["approval", "approve", &approval, "--reason", "photo checked"]).exits(0);
    until("the refund has landed", PATIENCE, || ledger.has("A-8891", "landed").then_some(()));
    daemon.kill();

    let mut command = home.command(&shipped());
    command.arg("--config").arg(root.join("scalbotics.toml"));
    let mut daemon = Daemon::spawn(command, &home.path("log"), ports.1);
    assert!(daemon.is_ready(), "{}", home.log());
    let listed = home.scalbotics("dev", &["task", "list", "-o", "json"]).exits(0).json();
    let task = listed[0]["name"].as_str().unwrap();
    home.scalbotics("dev", &["task", "watch", task, "--wait"]).exits(0);
    ledger.check(Class::Keyed, "A-8891");
    let result = home.scalbotics("dev", &["task", "result", task, "-o", "json"]).exits(0);
    assert!(result.stdout.contains("Order A-8891 is refunded."), "{result:#?}");

    let call = json!({"entry": "B", "before_ms": 0, "after_ms": 0}).to_string();
    let can = ["policy", "can-i", "--agent", "clerk", "--tool", "ledger.keyed", "--args", &call];
    home.scalbotics("dev", &can).exits(0);
    home.scalbotics("dev", &["audit", "verify"]).exits(0);
    home.scalbotics("dev", &["agent", "suspend", "clerk"]).exits(0);
    let refused = home.scalbotics("dev", &["task", "run", "refund it again"]);
    assert!(refused.code != 0 && refused.stderr.contains("AGENT_NOT_ACTIVE"), "{refused:#?}");
    assert_eq!(server.asked().len(), 3, "one question a turn, crash or not");
}

#[test]
fn an_address_and_a_key_are_enough() {
    let key = "sk-first-0123456789abcdef";
    let server = ScriptedServer::choosing(0, |asked| match asked.body["messages"].as_array().unwrap().len() {
        2 => Answer::Call(vec![Wish::new("fs_read", json!({"path": "files/README.md"}))]),
        _ => Answer::Say("It is about bees.".to_owned()),
    })
    .unwrap();
    let home = Home::new();
    let (root, base) = (home.path("box"), server.base_url());
    let variables = [("OPENAI_BASE_URL", base.as_str()), ("OPENAI_API_KEY", key)];
    let daemon = home.dev_with(ports(), &["--persist", root.to_str().unwrap()], &variables);
    let banner = std::fs::read_to_string(home.path("banner")).unwrap();
    assert!(banner.contains(&format!("model      gpt-4o-mini at {base}")) && !banner.contains(key), "{banner}");
    std::fs::write(root.join("files/README.md"), "Bees.\n").unwrap();
    home.scalbotics("dev", &["task", "run", "summarise files/README.md"]).exits(0);
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    for asked in &asked {
        assert_eq!(asked.headers["authorization"], format!("Bearer {key}"));
        assert_eq!(asked.body["model"], "gpt-4o-mini");
    }
    assert!(asked[1].contents().last().unwrap().contains("Bees."));
    // Without a goal for the model, the workflow runs as ever.
    home.scalbotics("dev", &["task", "run", "take stock"]).exits(0);
    assert_eq!(server.asked().len(), 2);
    daemon.kill();
    let mut files = secrets::files(&root);
    files.extend([home.path("log"), home.path("banner")].into_iter().filter(|path| path.is_file()));
    secrets::search(&files, &[("the key", key.to_owned())]);
}
