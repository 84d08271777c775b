//! Secrets of more than a hundred kinds and personal data, planted at every door: none is in any sink, backups among them.

use std::collections::HashMap;

use scalbotics_testkit::canary::{CONTEXTS, Canary, Maker, SHAPES};
use scalbotics_testkit::model::{Answer, ScriptedServer, Wish};
use serde_json::{Value, json};

use crate::installation::{ANN, Installation, id};
use crate::secrets::{files, forms};
use crate::serving::Daemon;
use crate::web::{Web, page};

/// Of a seed whose canaries all look like secrets; one in a thousand texts of random letters looks like a word.
const SEED: u64 = 5;

/// Bytes of a form of a canary that are looked for.
const NEEDLE_LEN: usize = 8;

/// A value of the secret store, which no detector would find.
const KEPT: &str = "quoth the kept nightjar";

/// Personal data is covered wherever it may be.
const PERSONAL: &str = r#"personal_data = ["logs", "errors", "outputs", "prompts"]"#;

/// Looks for canaries in any form.
struct Search {
    needles: HashMap<[u8; NEEDLE_LEN], (usize, usize)>,
    canaries: Vec<Canary>,
    bytes: usize,
}

impl Search {
    fn new(canaries: Vec<Canary>) -> Self {
        let mut needles = HashMap::new();
        for (number, canary) in canaries.iter().enumerate() {
            for (form, written) in forms(&canary.secret).iter().enumerate() {
                let middle = (written.len() - NEEDLE_LEN) / 2;
                needles.insert(written[middle..middle + NEEDLE_LEN].try_into().unwrap(), (number, form));
            }
        }
        Self { needles, canaries, bytes: 0 }
    }

    /// What is in a text, each kind once.
    fn find(&mut self, text: &[u8]) -> Vec<String> {
        self.bytes += text.len();
        let mut found = vec![];
        // Rooms that were kept and never written are zeroes.
        for window in text.windows(NEEDLE_LEN).filter(|window| window[0] != 0) {
            if let Some((number, form)) = self.needles.get(<&[u8; NEEDLE_LEN]>::try_from(window).unwrap()) {
                found.push(format!("form {form} of `{}`", self.canaries[*number].kind));
            }
        }
        found.dedup();
        found
    }

    fn none_in(&mut self, sink: &str, text: &[u8]) {
        let found = self.find(text);
        assert!(found.is_empty(), "{sink} holds {found:#?}");
    }
}

fn tool(id: &str, script: &str) -> Value {
    json!({
        "id": id, "description": "Says it again.", "argv": ["/bin/sh", "-c", script], "tier": 0, "effect": "pure",
        "input": { "type": "object", "required": ["text"], "properties": { "text": { "type": "string" } } },
    })
}

fn notes(canaries: &[Canary]) -> String {
    canaries.iter().enumerate().map(|(number, canary)| format!("note {number}\n{}\n", canary.text)).collect()
}

fn model(server: &ScriptedServer) -> Value {
    json!({
        "id": "small", "base_url": server.base_url(), "model": "scripted", "context_tokens": 200_000, "output_tokens_max": 20_000,
        "timeouts": { "connect": "1s", "first_token": "3s", "idle": "1s", "total": "10s" },
    })
}

/// One whose tools say what they are given, whose clerk is driven by a server, and that may fetch notes.
fn installation(server: &ScriptedServer, web: &Web) -> Installation {
    Installation::with(|desired| {
        desired.add_tool("says", tool("says", "cat"));
        desired.add_tool("cries", tool("cries", "cat >&2; exit 7"));
        desired.add_destination(
            "notes",
            json!({ "id": "notes", "description": "Notes.", "scheme": "http", "host": "127.0.0.1", "port": web.port, "private": true }),
        );
        let fetch = json!({
            "id": "fetches", "description": "Fetches notes.", "input": { "type": "object", "properties": {} },
            "steps": [{ "id": "act", "tool": "http.fetch.notes", "args": { "url": web.at("/notes") } }],
            "output": { "last": "${steps.act.output}" },
        });
        desired.add_workflow("fetches", &fetch);
        desired.put("models/small.yaml", model(server));
        desired.drive(&["small"]);
    })
}

/// What the log and the files of the daemon hold.
fn none_is_kept(installation: &Installation, search: &mut Search) {
    search.none_in("the log", installation.log_text().as_bytes());
    let mut looked_at = files(&installation.root.join("data"));
    looked_at.extend(files(&installation.root.join("keys")));
    for path in looked_at {
        let content = std::fs::read(&path).unwrap_or_default();
        search.none_in(&path.display().to_string(), &content);
    }
}

/// What was told, and what stays behind a daemon that was killed and the backup before it, holds none.
fn none_is_left(installation: &Installation, daemon: Daemon, told: &[(&str, String)], search: &mut Search) {
    let backup = crate::restore::backup(installation, "backup");
    // Killed, so that the write-ahead log is left as it is.
    daemon.kill();
    for (sink, text) in told {
        search.none_in(sink, text.as_bytes());
        assert!(!text.contains(KEPT), "{sink}: {text}");
    }
    none_is_kept(installation, search);
    assert!(installation.root.join("data/core.db-wal").exists(), "the write-ahead log was looked through too");
    for path in files(&backup) {
        search.none_in(&path.display().to_string(), &std::fs::read(&path).unwrap());
    }
}

#[test]
fn no_canary_of_any_kind_is_in_any_sink() {
    let mut canaries = Maker::new(SEED).each();
    assert!(canaries.len() == SHAPES.len() + CONTEXTS.len() && canaries.len() > 100);
    canaries.extend(Maker::new(SEED).personal());
    let (text, mut search) = (notes(&canaries), Search::new(canaries.clone()));
    assert!(search.find(text.as_bytes()).len() >= canaries.len(), "the search finds what it looks for");

    let said = format!("{text}{KEPT}\n");
    let reply = said.clone();
    let mut turn = 0;
    let server = ScriptedServer::choosing(0, move |_| {
        turn += 1;
        match turn {
            1 => Answer::Call(vec![Wish::new("fs_read", json!({ "path": "work/notes" }))]),
            2 => Answer::Say(reply.clone()),
            _ => Answer::refuse(401, &reply[..1_000]),
        }
    })
    .unwrap();
    let body = said.clone();
    let web = Web::serve(move |_, _| page(200, "text/plain", body.clone()));
    let installation = installation(&server, &web);
    std::fs::write(installation.path("work/notes"), &said).unwrap();
    let settings = std::fs::read_to_string(installation.config()).unwrap();
    std::fs::write(installation.config(), format!("{settings}\n[redaction]\nsecrets_in_results = true\n{PERSONAL}\n")).unwrap();
    let daemon = installation.start();
    installation.secret(ANN, &["put", "kept"], KEPT.as_bytes()).exits(0);

    // Doors: goal, input, workspace and reply of a model; output and errors of tools; a body from the net; fields of the API.
    let mut told = vec![];
    let input = json!({ "text": said }).to_string();
    let driven = id(&installation.ann(&["task", "run", "--agent", "clerk", "--detach", "sum up the notes", "--input", &input]));
    let shown = installation.rest(&driven);
    assert_eq!(shown["status"], "COMPLETED", "{shown:#}");
    let refused = installation.rest(&id(&installation.ann(&["task", "run", "--agent", "clerk", "--detach", "again"])));
    assert_eq!(refused["failure"], "MODEL_FAILED", "{refused:#}");
    told.push(("a failure of a model", refused.to_string()));
    for (workflow, input, status) in [
        ("says", json!({ "text": said }), "COMPLETED"),
        ("cries", json!({ "text": said }), "FAILED"),
        ("fetches", json!({}), "COMPLETED"),
    ] {
        let task = installation.run(workflow, &input);
        let shown = installation.rest(&task);
        assert_eq!(shown["status"], status, "{workflow}: {shown:#}");
        told.push(("a detail of a failure", shown["failure_detail"].to_string()));
        let result = installation.ann(&["task", "result", &task]);
        told.extend([("a result", result.stdout), ("no result", result.stderr)]);
    }
    let result = installation.ann(&["task", "result", &driven]).exits(0);
    assert!(result.stdout.contains("[redacted:github-token]") && result.stdout.contains("***"), "{result:#?}");
    told.push(("the result of a model", result.stdout));
    for asked in server.asked() {
        told.push(("a question to a model", asked.body.to_string()));
    }
    for canary in canaries.iter().filter(|canary| SHAPES.contains(&canary.kind)) {
        let (status, answer) = daemon.get(&format!("/{}", canary.secret));
        assert_eq!(status, 404, "{answer}");
    }
    let shaped = canaries.iter().filter(|canary| SHAPES.contains(&canary.kind)).step_by(10);
    for canary in shaped.chain(canaries.iter().skip(SHAPES.len() + CONTEXTS.len())) {
        let asked = ["policy", "can-i", "--agent", "clerk", "--tool", &canary.text, "--args", "{}", "-o", "json"];
        told.push(("what the API says of a field", installation.ann(&asked).stderr));
    }
    told.push(("the audit log", installation.ann(&["audit", "tail", "--lines", "500", "-o", "jsonl"]).exits(0).stdout));
    told.push(("the metrics", daemon.get("/metrics").1));
    installation.verify_audit();
    none_is_left(&installation, daemon, &told, &mut search);
    println!("{} canaries, {} bytes looked through", canaries.len(), search.bytes);
    assert!(search.bytes > 500_000);
}

/// What one step read is what the next one gets; what models are asked and what the log says is covered all the same.
#[test]
fn results_of_tools_stay_what_they_are_unless_the_configuration_says_otherwise() {
    let mut canaries = Maker::new(SEED).each();
    canaries.truncate(20);
    let said = format!("{}{KEPT}\n", notes(&canaries));
    let mut search = Search::new(canaries);
    let mut turn = 0;
    let server = ScriptedServer::choosing(0, move |_| {
        turn += 1;
        if turn == 1 {
            Answer::Call(vec![Wish::new("fs_read", json!({ "path": "work/notes" }))])
        } else {
            Answer::Say("Read.".to_owned())
        }
    })
    .unwrap();
    let body = said.clone();
    let web = Web::serve(move |_, _| page(200, "text/plain", body.clone()));
    let installation = installation(&server, &web);
    std::fs::write(installation.path("work/notes"), &said).unwrap();
    let _daemon = installation.start();
    installation.secret(ANN, &["put", "kept"], KEPT.as_bytes()).exits(0);
    let task = installation.run("fetches", &json!({}));
    assert_eq!(installation.rest(&task)["status"], "COMPLETED");
    let result = installation.ann(&["task", "result", &task]).exits(0).stdout;
    assert!(!search.find(result.as_bytes()).is_empty() && !result.contains("[redacted:"), "{result}");
    assert!(!result.contains(KEPT), "a value of the secret store is covered always: {result}");
    let driven = id(&installation.ann(&["task", "run", "--agent", "clerk", "--detach", "read the notes"]));
    assert_eq!(installation.rest(&driven)["status"], "COMPLETED");
    assert!(server.asked().len() == 2);
    for asked in server.asked() {
        search.none_in("a question to a model", asked.body.to_string().as_bytes());
    }
    search.none_in("the log", installation.log_text().as_bytes());
}
