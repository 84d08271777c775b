//! Tasks that a model drives, through the shipped programs: a server on loopback says what a test wants it to.

use std::time::{Duration, Instant};

use scalbotics_testkit::model::{Answer, Asked, ScriptedServer, Wish};
use serde_json::{Value, json};

use crate::desired::Desired;
use crate::installation::{Installation, id, is_at_rest};
use crate::process::until;
use crate::secrets;

/// A value that no server may be told.
const CANARY: &str = "canary-heard-the-5512-bittern";

fn model(server: &ScriptedServer) -> Value {
    json!({
        "id": "small", "base_url": server.base_url(), "model": "scripted", "context_tokens": 100_000, "output_tokens_max": 500,
        "timeouts": { "connect": "1s", "first_token": "3s", "idle": "1s", "total": "10s" },
        "price": { "input": 1_000_000, "output": 2_000_000 },
    })
}

/// An installation whose clerk is driven by this server.
pub(crate) fn driven_by(server: &ScriptedServer, change: impl FnOnce(&mut Desired)) -> Installation {
    Installation::with(|desired| {
        desired.put("models/small.yaml", model(server));
        desired.drive(&["small"]);
        change(desired);
    })
}

/// How many answers the model gave so far, by what it is shown.
fn turn(asked: &Asked) -> usize {
    let messages = asked.body["messages"].as_array().unwrap();
    messages.iter().filter(|message| message["role"] == "assistant").count()
}

fn read(path: &str) -> Answer {
    Answer::Call(vec![Wish::new("fs_read", json!({ "path": path }))])
}

fn submit(installation: &Installation, goal: &str, more: &[&str]) -> String {
    id(&installation.ann(&[&["task", "run", "--agent", "clerk", "--detach", goal], more].concat()))
}

#[test]
fn a_model_drives_a_task_to_its_end() {
    let server = ScriptedServer::choosing(0, |asked| match turn(asked) {
        0 => read("work/order.txt"),
        1 => Answer::Call(vec![Wish::new("ledger_keyed", json!({ "entry": "refund", "before_ms": 0, "after_ms": 0 }))]),
        _ => Answer::Say("Refunded order A-8891.".to_owned()),
    })
    .unwrap();
    let installation = driven_by(&server, |_| ());
    std::fs::write(installation.path("work/order.txt"), "A-8891 arrived damaged").unwrap();
    let _daemon = installation.start();
    installation.ann(&["task", "run", "--agent", "clerk", "refund order A-8891"]).exits(6);
    let task = &last(&installation);
    assert!(!installation.ledger.has("refund", "landed"), "nothing happens before a person said yes");
    installation.approve(&installation.approval_of(task));
    let shown = installation.rest(task);
    assert_eq!(shown["status"], "COMPLETED", "{shown:#}");
    assert_eq!((&shown["path"], &shown["workflow"], &shown["models"]), (&json!("model"), &json!(""), &json!(["small"])));
    let steps: Vec<&str> = shown["calls"].as_array().unwrap().iter().map(|call| call["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["turn-1", "turn-1.call-1", "turn-2", "turn-2.call-1", "turn-3"]);
    assert!(shown["tokens_used"].as_u64().unwrap() > 0 && shown["calls_used"] == 2, "{shown:#}");
    let result = installation.ann(&["task", "result", task]).exits(0).json();
    assert_eq!(result, json!({ "text": "Refunded order A-8891." }));
    assert!(installation.ledger.has("refund", "landed"));
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    let first = asked[0].contents().join("\n");
    assert!(first.contains("A clerk that keeps a ledger.") && first.contains("refund order A-8891"), "{first}");
    assert!(asked[1].contents().last().unwrap().contains("A-8891 arrived damaged"));
    installation.verify_audit();
}

#[test]
fn killed_while_it_waits_for_a_model_and_asked_again() {
    let mut stalled = false;
    let server = ScriptedServer::choosing(0, move |asked| match turn(asked) {
        0 => read("work/a"),
        _ if !std::mem::replace(&mut stalled, true) => Answer::StallBefore,
        _ => Answer::Say("Read.".to_owned()),
    })
    .unwrap();
    let installation = driven_by(&server, |_| ());
    std::fs::write(installation.path("work/a"), "a").unwrap();
    let daemon = installation.start();
    let task = submit(&installation, "read a", &[]);
    until("the model is asked twice", Duration::from_secs(10), || (server.asked().len() == 2).then_some(()));
    daemon.kill();
    let _daemon = installation.start();
    let shown = installation.rest(&task);
    assert_eq!(shown["status"], "COMPLETED", "{shown:#}");
    let attempts: Vec<_> = shown["calls"].as_array().unwrap().iter().map(|call| call["attempts"].as_u64().unwrap()).collect();
    assert_eq!(attempts, [1, 1, 2], "only the question that was lost is asked again");
    assert_eq!(server.asked().len(), 3);
    installation.verify_audit();
}

#[test]
fn cancel_and_suspension_close_the_connection_to_a_model() {
    let server = ScriptedServer::choosing(0, |_| Answer::StallAfter("I think".to_owned())).unwrap();
    let installation = driven_by(&server, |desired| {
        let mut slow = model(&server);
        slow["timeouts"] = json!({ "connect": "1s", "first_token": "60s", "idle": "60s", "total": "60s" });
        desired.put("models/small.yaml", slow);
    });
    let _daemon = installation.start();
    installation.add_carol(&["operators"]);
    let carol_submits = || id(&installation.carol(&["task", "run", "--agent", "clerk", "--detach", "think"]));
    for verb in [["task", "cancel"], ["human", "suspend"], ["agent", "suspend"]] {
        let task = if verb[0] == "human" { carol_submits() } else { submit(&installation, "think", &[]) };
        until("the model is asked", Duration::from_secs(10), || (server.connections().0 == 1).then_some(()));
        let name = match verb[0] {
            "task" => task.as_str(),
            "human" => "carol",
            _ => "clerk",
        };
        installation.ann(&[&verb[..], &[name]].concat()).exits(0);
        let begun = Instant::now();
        until("the connection is closed", Duration::from_secs(5), || (server.connections().0 == 0).then_some(()));
        assert!(begun.elapsed() < Duration::from_secs(1), "{verb:?} took {:?} to close the connection", begun.elapsed());
        let shown = installation.rest(&task);
        assert!(matches!(shown["status"].as_str(), Some("CANCELED" | "FAILED")), "{shown:#}");
    }
}

#[test]
fn whatever_a_server_says_the_task_ends_and_says_why() {
    let hostile: Vec<(Answer, &str)> = vec![
        (Answer::refuse(401, "no such key"), "status 401"),
        (Answer::Redirect("http://127.0.0.1:1/".to_owned()), "307"),
        (Answer::CutAfter("I".to_owned()), "broke off"),
        (Answer::StallAfter("I".to_owned()), "broke off"),
        (Answer::GarbageAfter("I".to_owned()), ""),
        (Answer::SayHalf("half".to_owned()), "cut at its cap"),
        (Answer::Endless("again and ".to_owned()), "too long"),
        (Answer::GiantLine(8 << 20), ""),
        (Answer::GiantCall(1 << 20), ""),
        (Answer::Say("  ".to_owned()), "said nothing"),
    ];
    // A good answer between them, for a model that fails again and again is left alone.
    let with_good = |(answer, _): &(Answer, &str)| [answer.clone(), Answer::Say("Well.".to_owned())];
    let server = ScriptedServer::start(hostile.iter().flat_map(with_good)).unwrap();
    let installation = driven_by(&server, |_| ());
    let daemon = installation.start();
    for (answer, words) in &hostile {
        let task = submit(&installation, "do it", &[]);
        let shown = until("the task ends", Duration::from_secs(30), || Some(installation.task(&task)).filter(is_at_rest));
        assert_eq!((&shown["status"], &shown["failure"]), (&json!("FAILED"), &json!("MODEL_FAILED")), "{answer:?}: {shown:#}");
        assert!(shown["failure_detail"].as_str().unwrap().contains(words), "{answer:?}: {shown:#}");
        assert_eq!(shown["calls_used"], 0);
        assert_eq!(installation.ann(&["task", "watch", &task]).exits(1).error().code, "MODEL_FAILED");
        assert_eq!(installation.rest(&submit(&installation, "be well", &[]))["status"], "COMPLETED", "after {answer:?}");
    }
    assert_eq!(daemon.get("/healthz").0, 200);
    installation.verify_audit();
}

fn last(installation: &Installation) -> String {
    let listed = installation.ann(&["task", "list"]).exits(0).json();
    listed[0]["name"].as_str().unwrap().to_owned()
}

#[test]
fn a_model_gets_its_key_and_no_other_secret() {
    let server = ScriptedServer::choosing(0, |asked| match turn(asked) {
        0 => read("work/notes"),
        _ => Answer::Say(format!("It says {CANARY}.")),
    })
    .unwrap();
    let installation = driven_by(&server, |desired| {
        let mut with_key = model(&server);
        with_key["api_key"] = json!("secret://acme/model-key");
        desired.put("models/small.yaml", with_key);
    });
    std::fs::write(installation.path("work/notes"), format!("the word is {CANARY}")).unwrap();
    let daemon = installation.start();
    for (name, value) in [("model-key", "sk-test-0123456789abcdef"), ("other", CANARY)] {
        installation.secret(crate::installation::ANN, &["put", name], value.as_bytes()).exits(0);
    }
    let task = submit(&installation, &format!("say {CANARY}"), &["--input", &json!({ "word": CANARY }).to_string()]);
    let shown = installation.rest(&task);
    assert_eq!(shown["status"], "COMPLETED", "{shown:#}");
    let result = installation.ann(&["task", "result", &task]).exits(0);
    assert!(!result.stdout.contains(CANARY), "{result:#?}");
    for asked in server.asked() {
        assert_eq!(asked.headers.get("authorization").map(String::as_str), Some("Bearer sk-test-0123456789abcdef"));
        assert!(!asked.body.to_string().contains(CANARY), "{:#}", asked.body);
    }
    daemon.kill();
    let mut looked_at = secrets::files(&installation.root.join("data"));
    looked_at.push(installation.log());
    secrets::search(&looked_at, &[("the canary", CANARY.to_owned()), ("the key", "sk-test-0123456789abcdef".to_owned())]);
}
