//! Tasks that a model drives, through the shipped programs: a server on loopback says what a test wants it to.

use std::time::{Duration, Instant};

use scalbotics_testkit::model::{Answer, Asked, ScriptedServer, Step, Wish};
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

/// An address on which nobody listens.
fn nobody() -> String {
    ScriptedServer::start([]).unwrap().base_url()
}

#[test]
fn the_next_model_of_the_route_answers_and_who_was_superseded_is_told() {
    let (busy, broken) = (ScriptedServer::choosing(0, |_| Answer::refuse(429, "slow down")).unwrap(), {
        ScriptedServer::choosing(0, |_| Answer::refuse(503, "words of a broken server")).unwrap()
    });
    let good = ScriptedServer::choosing(0, |_| Answer::Say("Done by the last.".to_owned())).unwrap();
    let installation = driven_by(&good, |desired| {
        for (id, url) in [("away", nobody()), ("busy", busy.base_url()), ("broken", broken.base_url())] {
            let mut other = model(&good);
            (other["id"], other["base_url"]) = (json!(id), json!(url));
            desired.put(&format!("models/{id}.yaml"), other);
        }
        desired.drive(&["away", "busy", "broken", "small"]);
    });
    let daemon = installation.start();
    let task = submit(&installation, "do it", &[]);
    let shown = installation.rest(&task);
    assert_eq!(shown["status"], "COMPLETED", "{shown:#}");
    assert_eq!((busy.asked().len(), broken.asked().len(), good.asked().len()), (1, 1, 1));
    let answer = &shown["calls"][0]["answer"];
    let (input, output) = (answer["input_tokens"].as_u64().unwrap(), answer["output_tokens"].as_u64().unwrap());
    assert!(answer["model"] == "small" && input > 0 && output > 0, "{shown:#}");
    let superseded = json!([
        { "model": "away", "miss": "unreachable", "may_have_spent": false },
        { "model": "busy", "miss": "busy", "may_have_spent": false },
        { "model": "broken", "miss": "busy", "may_have_spent": true },
    ]);
    assert_eq!(answer["superseded"], superseded, "{shown:#}");
    // One and two units of the currency for a million tokens.
    assert_eq!(
        (answer["cost_micros"].as_u64(), shown["cost_micros"].as_u64()),
        (Some(input + 2 * output), Some(input + 2 * output))
    );
    assert!(shown["tokens_used"].as_u64().unwrap() > input + output, "the broken one may have spent its hold: {shown:#}");
    let watched = installation.ann(&["task", "watch", &task]).exits(0).lines();
    let landed = watched.iter().find(|event| event["kind"] == "landed").unwrap();
    assert_eq!(&landed["answer"], answer);
    assert!(!watched.iter().any(|event| event.to_string().contains("words of a broken server")), "{watched:#?}");
    let mut people = installation.environment(&crate::installation::cli());
    people.args(["--context", crate::installation::ANN, "task", "show", &task]);
    let people = crate::command::Answer::of(&mut people).exits(0).stdout;
    assert!(people.contains("after away (unreachable), busy (busy), broken (busy)"), "{people}");
    assert!(people.contains(&format!("cost          0.{:06}", input + 2 * output)), "{people}");
    let metrics = daemon.get("/metrics").1;
    for line in [
        "scalbotics_model_answers_total{model=\"small\"} 1".to_owned(),
        "scalbotics_model_misses_total{model=\"broken\"} 1".to_owned(),
        format!("scalbotics_model_output_tokens_total{{model=\"small\"}} {output}"),
        format!("scalbotics_model_cost_micros_total{{model=\"small\"}} {}", input + 2 * output),
    ] {
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    installation.verify_audit();
}

#[test]
fn after_the_first_word_no_other_model_is_asked() {
    let (cut, good) = (ScriptedServer::choosing(0, |_| Answer::CutAfter("I".to_owned())).unwrap(), {
        ScriptedServer::choosing(0, |_| Answer::Say("Never heard.".to_owned())).unwrap()
    });
    let installation = driven_by(&good, |desired| {
        let mut other = model(&good);
        (other["id"], other["base_url"]) = (json!("cut"), json!(cut.base_url()));
        desired.put("models/cut.yaml", other);
        desired.drive(&["cut", "small"]);
    });
    let _daemon = installation.start();
    let shown = installation.rest(&submit(&installation, "do it", &[]));
    assert_eq!((&shown["status"], &shown["failure"]), (&json!("FAILED"), &json!("MODEL_FAILED")), "{shown:#}");
    assert!(shown["failure_detail"].as_str().unwrap().starts_with("cut: "), "{shown:#}");
    assert_eq!((cut.asked().len(), good.asked().len()), (1, 0));
}

#[test]
fn what_the_first_answer_has_to_call_is_told_to_the_server_and_held_against_its_answer() {
    let server = ScriptedServer::choosing(0, |asked| match (turn(asked), asked.contents().join(" ").contains("obey")) {
        (0, true) => read("work/a"),
        _ => Answer::Say("Nothing to read.".to_owned()),
    })
    .unwrap();
    let installation = driven_by(&server, |desired| desired.has_to_call("fs.read"));
    std::fs::write(installation.path("work/a"), "a").unwrap();
    let _daemon = installation.start();
    let shown = installation.rest(&submit(&installation, "obey", &[]));
    assert_eq!(shown["status"], "COMPLETED", "{shown:#}");
    let asked = server.asked();
    assert_eq!(asked[0].body["tool_choice"], json!({ "type": "function", "function": { "name": "fs_read" } }));
    assert!(asked.len() == 2 && asked[1].body.get("tool_choice").is_none(), "from the second turn on it chooses itself");
    // A server that knows no such choice does not turn a forced call into a free one.
    let shown = installation.rest(&submit(&installation, "do as you like", &[]));
    assert_eq!((&shown["status"], &shown["failure"]), (&json!("FAILED"), &json!("MODEL_FAILED")), "{shown:#}");
    assert!(shown["failure_detail"].as_str().unwrap().contains("had to call `fs.read`"), "{shown:#}");
    installation.verify_audit();
}

#[test]
fn a_step_of_a_workflow_sends_its_schema_to_the_server() {
    let schema = json!({ "type": "object", "required": ["good"], "properties": { "good": { "type": "boolean" } } });
    let server = ScriptedServer::choosing(0, |_| Answer::Say("{\"good\": true}".to_owned())).unwrap();
    let answer = schema.clone();
    let installation = driven_by(&server, |desired| {
        let judge = json!({
            "id": "judge", "description": "Judges.", "input": { "type": "object", "properties": {} },
            "steps": [{ "id": "judge", "model": { "prompt": "Is it good?", "output": answer } }],
            "output": { "good": "${steps.judge.output.good}" },
        });
        desired.add_workflow("judge", &judge);
    });
    let _daemon = installation.start();
    let task = installation.run("judge", &json!({}));
    assert_eq!(installation.rest(&task)["status"], "COMPLETED");
    assert_eq!(installation.ann(&["task", "result", &task]).exits(0).json(), json!({ "good": true }));
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    let format = &asked[0].body["response_format"];
    assert_eq!((&format["type"], &format["json_schema"]["schema"]), (&json!("json_schema"), &schema), "{:#}", asked[0].body);
    assert!(asked[0].body.get("tools").is_none(), "a question of a workflow offers no tool");
}

/// A text that comes letter by letter, each in an event of its own, and the bytes of the stream one by one.
fn dripped(text: &str) -> Answer {
    let delta = |delta: Value, finish: Value| json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
    let mut events: Vec<Value> = text.chars().map(|letter| delta(json!({ "content": letter }), Value::Null)).collect();
    events.push(delta(json!({}), json!("stop")));
    events.push(json!({ "choices": [], "usage": { "prompt_tokens": 11, "completion_tokens": 5 } }));
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).chain(["data: [DONE]\n\n".to_owned()]).collect();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n", body.len());
    let (first, rest) = body.split_at(body.len() / 2);
    let begun = [head, first.to_owned()].concat().into_bytes();
    Answer::Steps(vec![
        Step::Send(begun),
        Step::Drip(rest.as_bytes()[..200].to_vec(), 1),
        Step::Send(rest.as_bytes()[200..].to_vec()),
    ])
}

#[test]
fn a_secret_that_comes_in_pieces_is_masked_as_a_whole() {
    let server = ScriptedServer::choosing(0, |_| dripped(&format!("it is{CANARY}!"))).unwrap();
    let installation = driven_by(&server, |_| ());
    let daemon = installation.start();
    installation.secret(crate::installation::ANN, &["put", "other"], CANARY.as_bytes()).exits(0);
    let task = submit(&installation, "say it", &[]);
    let shown = installation.rest(&task);
    assert_eq!(shown["status"], "COMPLETED", "{shown:#}");
    let result = installation.ann(&["task", "result", &task]).exits(0);
    assert!(result.stdout.contains("it is") && !result.stdout.contains(CANARY), "{result:#?}");
    let watched = installation.ann(&["task", "watch", &task]).exits(0);
    assert!(!watched.stdout.contains(CANARY), "{watched:#?}");
    daemon.kill();
    let mut looked_at = secrets::files(&installation.root.join("data"));
    looked_at.push(installation.log());
    secrets::search(&looked_at, &[("the canary", CANARY.to_owned())]);
}

#[test]
fn models_are_listed_with_their_routes_prices_and_whether_they_are_asked() {
    let good = ScriptedServer::choosing(0, |_| Answer::Say("Done.".to_owned())).unwrap();
    let away = ScriptedServer::choosing(0, |_| Answer::Refuse {
        status: 429,
        words: "slow down".to_owned(),
        retry_after: Some("60".to_owned()),
    })
    .unwrap();
    let installation = driven_by(&good, |desired| {
        let mut other = model(&good);
        (other["id"], other["base_url"], other["api_key"]) =
            (json!("away"), json!(away.base_url()), json!("secret://acme/model-key"));
        desired.put("models/away.yaml", other);
        desired.drive(&["away", "small"]);
    });
    let _daemon = installation.start();
    installation.secret(crate::installation::ANN, &["put", "model-key"], b"sk-test-0123456789abcdef").exits(0);
    let list = || installation.ann(&["model", "list"]).exits(0).json();
    let before = list();
    assert_eq!((&before[0]["name"], &before[1]["name"]), (&json!("away"), &json!("small")), "{before:#}");
    assert_eq!(before[0]["places"], json!([{ "agent": "clerk", "place": 1 }]), "{before:#}");
    assert_eq!(before[1]["places"], json!([{ "agent": "clerk", "place": 2 }]), "{before:#}");
    assert_eq!((&before[0]["api_key"], &before[0]["base_url"]), (&json!("secret://acme/model-key"), &json!(away.base_url())));
    let price = json!({ "input_micros": 1_000_000, "output_micros": 2_000_000, "cached_micros": 1_000_000 });
    assert_eq!((&before[0]["breaker"], &before[0]["price"]), (&json!("closed"), &price), "{before:#}");
    assert_eq!(installation.rest(&submit(&installation, "do it", &[]))["status"], "COMPLETED");
    let after = list();
    assert_eq!((&after[0]["breaker"], &after[1]["breaker"]), (&json!("open"), &json!("closed")), "{after:#}");
    assert!(after[0]["left_alone_ms"].as_u64().unwrap() > 1_000, "{after:#}");
    // Looking is no trial: it is left alone nevertheless.
    assert_eq!(installation.rest(&submit(&installation, "do it again", &[]))["status"], "COMPLETED");
    assert_eq!((away.asked().len(), good.asked().len()), (1, 2));
    let mut people = installation.environment(&crate::installation::cli());
    people.args(["--context", crate::installation::ANN, "model", "list"]);
    let people = crate::command::Answer::of(&mut people).exits(0).stdout;
    let row = people.lines().find(|line| line.starts_with("away")).unwrap();
    assert!(row.contains("clerk 1") && row.contains("1.000000") && row.contains("open, "), "{people}");
    assert!(!people.contains("sk-test"), "{people}");
}
