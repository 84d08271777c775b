//! Text of nothing but control characters by every door of a task, up to a megabyte: taken or refused in words, recorded, proven, and
//! shown to nobody's terminal.

use scalbotics_testkit::model::{Answer as Reply, ScriptedServer, Wish};
use serde_json::{Value, json};

use crate::command::Answer;
use crate::desired::Desired;
use crate::installation::{ANN, Installation, cli, id};
use crate::web::{Web, page};

const MEGABYTE: usize = 1_000_000;

/// Formats of what is printed.
const FORMATS: [&str; 5] = ["table", "wide", "yaml", "json", "jsonl"];
const TWO_FORMATS: [&str; 2] = ["table", "json"];

/// Most memory that the daemon has used, in KiB; a debug build idles at a fifth of it.
const MEMORY_MAX_KIB: u64 = 300 << 10;

/// Control characters without NUL, which no command line holds, and without line feeds, which separate what is printed.
fn controls(len: usize) -> String {
    let kinds = (1..0x20).chain(0x7f..0xa0).chain([0x200b, 0x2028, 0x202e, 0xfeff]).filter(|kind| *kind != 0x0a);
    let (mut text, mut kinds) = (String::with_capacity(len), kinds.filter_map(char::from_u32).cycle());
    while text.len() < len {
        text.extend(kinds.next());
    }
    text
}

/// A tool that prints a file of the ledger's folder, after which it ends like this.
fn prints(id: &str, file: &str, end: &str, desired: &Desired) -> Value {
    json!({
        "id": id, "description": "Prints a file.", "argv": ["/bin/sh", "-c", format!("cat \"$0/{file}\" {end}"), desired.ledger],
        "input": { "type": "object", "properties": {} }, "tier": 0, "effect": "pure", "read_paths": [desired.ledger],
    })
}

/// A workflow that gives what one tool said to another, and answers both.
fn hands_on(id: &str, from: &str) -> Value {
    json!({
        "id": id, "description": "Hands a text on.", "input": { "type": "object", "properties": {} },
        "steps": [
            { "id": "one", "tool": from, "args": {} },
            { "id": "two", "tool": "echoes", "args": { "text": "${steps.one.output.text}" } },
        ],
        "output": { "said": "${steps.two.output}" },
    })
}

fn installation(server: &ScriptedServer, web: &Web) -> Installation {
    Installation::with(|desired| {
        let text = json!({ "type": "object", "required": ["text"], "properties": { "text": { "type": "string" } } });
        let says = |id: &str, tier: u8, script: &str| {
            json!({
                "id": id, "description": "Says it again.", "argv": ["/bin/sh", "-c", script], "input": text, "tier": tier,
                "effect": if tier == 0 { "pure" } else { "opaque" }, "timeout": "3s",
            })
        };
        desired.add_tool("echoes", says("echoes", 0, "cat"));
        desired.add_tool("says", says("says", 2, "cat"));
        desired.add_tool("hangs", says("hangs", 1, "sleep 60"));
        for (id, file, end) in [
            ("raw", "raw", ""),
            ("cries", "raw", ">&2; exit 7"),
            ("small", "small", ""),
            ("middle", "middle", ""),
            ("large", "large", ""),
        ] {
            let manifest = prints(id, file, end, desired);
            desired.add_tool(id, manifest);
        }
        for size in ["small", "middle", "large"] {
            let name = format!("hands-on-{size}");
            desired.add_workflow(&name, &hands_on(&name, size));
        }
        desired.add_destination(
            "notes",
            json!({ "id": "notes", "description": "Notes.", "scheme": "http", "host": "127.0.0.1", "port": web.port, "private": true }),
        );
        let nothing = json!({ "type": "object", "properties": {} });
        for (id, tool, args) in [
            ("fetches", "http.fetch.notes", json!({ "url": web.at("/notes") })),
            ("reads", "fs.read", json!({ "path": "work/raw" })),
        ] {
            desired.add_workflow(
                id,
                &json!({ "id": id, "description": "Reads.", "input": nothing, "steps": [{ "id": "act", "tool": tool, "args": args }],
                         "output": { "read": "${steps.act.output}" } }),
            );
        }
        desired.put("models/small.yaml", json!({
            "id": "small", "base_url": server.base_url(), "model": "scripted", "context_tokens": 200_000, "output_tokens_max": 20_000,
            "timeouts": { "connect": "1s", "first_token": "10s", "idle": "10s", "total": "30s" },
        }));
        desired.drive(&["small"]);
    })
}

/// Files that tools print and read.
fn write(installation: &Installation) {
    let put = |path: &str, bytes: &[u8]| std::fs::write(installation.path(path), bytes).unwrap();
    let raw = format!("\0{}", controls(MEGABYTE));
    put("ledger/raw", raw.as_bytes());
    put("work/raw", raw.as_bytes());
    // As JSON several times as long: within all limits, beyond that of arguments, and cut off at that of what a tool prints.
    for (name, text) in [("small", controls(100_000)), ("middle", controls(500_000)), ("large", "\u{1b}".repeat(MEGABYTE))] {
        put(&format!("ledger/{name}"), json!({ "text": text }).to_string().as_bytes());
    }
}

/// Whether a terminal only shows it.
fn is_harmless(text: &str) -> bool {
    !text.chars().any(|c| (c.is_control() && c != '\n') || matches!(c, '\u{200b}' | '\u{2028}' | '\u{202e}' | '\u{feff}'))
}

impl Installation {
    /// What a command prints in these formats: nothing of it orders a terminal about, JSON is JSON, and an error has its parts.
    fn prints_only_text(&self, asked: &[&str], formats: &[&str]) {
        for format in formats {
            let mut command = self.environment(&cli());
            let answer = Answer::of(command.args(["--context", ANN, "-o", format]).args(asked));
            let what = format!("{asked:?} -o {format}, exit {}: {:.2000?} {:.2000?}", answer.code, answer.stdout, answer.stderr);
            assert!(is_harmless(&answer.stdout) && is_harmless(&answer.stderr), "{what}");
            match (*format, answer.code) {
                ("json", 0) if !asked.contains(&"tail") => drop(answer.json()),
                ("json" | "jsonl", 0) => drop(answer.lines()),
                (_, 0) => assert!(!answer.stdout.is_empty(), "{what}"),
                ("json" | "jsonl", _) => drop(answer.error()),
                (_, code) => assert!(code < 100 && answer.stderr.contains("error: "), "{what}"),
            }
        }
    }

    /// Its evidence verifies, whatever became of it.
    fn is_proven(&self, task: &str) {
        let bundle = crate::evidence::export(self, task, &format!("{task}.evidence"), &[]);
        crate::evidence::verify(&bundle, &self.root.join("trust.json"), &["--open"]).exits(0);
    }
}

fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The files by themselves, as the command line is asked; `-o json` before the noun counts behind it too.
fn verified_offline(installation: &Installation) {
    let (data, trust) = (installation.root.join("data"), installation.root.join("trust.json"));
    let files = ["--data", data.to_str().unwrap(), "--trust", trust.to_str().unwrap()];
    let verified = installation.ann(&[&["audit", "verify", "--offline"], &files[..]].concat()).exits(0).json();
    assert!(verified["tasks"].as_u64().unwrap() >= 13, "{verified:#}");
}

/// One that calls a tool, says a text of a hundred kilobytes and one of a megabyte, and then refuses in as many words.
fn server() -> ScriptedServer {
    let (long, mut turn) = (controls(MEGABYTE), 0);
    let choose = move |_: &_| {
        turn += 1;
        match turn {
            1 => Reply::Call(vec![Wish::new("echoes", json!({ "text": controls(5_000) }))]),
            2 => Reply::SayWhole(controls(100_000)),
            3 => Reply::SayWhole(long.clone()),
            _ => Reply::refuse(400, &long),
        }
    };
    ScriptedServer::choosing(0, choose).unwrap()
}

impl Installation {
    /// Tasks with such a text in input, request id, arguments, settled result, and the reasons of who approves, denies and settles.
    fn said_by_people(&self) -> Vec<String> {
        let (reason, key) = (controls(4_000), controls(127));
        let text = json!({ "text": controls(12_000) }).to_string();
        let run = |workflow: &str, more: &[&str]| {
            let words = ["task", "run", "--agent", "clerk", "--detach", "--workflow", workflow, "--input", &text];
            id(&self.ann(&[&words[..], more].concat()))
        };
        let said = run("says", &["--request-id", &key]);
        assert_eq!(run("says", &["--request-id", &key]), said, "a request id is one, whatever stands in it");
        let denied = run("says", &[]);
        for (task, verb, status) in [(&said, "approve", "COMPLETED"), (&denied, "deny", "FAILED")] {
            let approval = self.approval_of(task);
            self.prints_only_text(&["approval", "show", &approval], &FORMATS);
            self.bob(&["approval", verb, &approval, "--reason", &reason]).exits(0);
            assert_eq!(self.rest(task)["status"], status);
            self.prints_only_text(&["approval", "show", &approval], &TWO_FORMATS);
        }
        let doubted = run("hangs", &[]);
        let effect = self.rest(&doubted)["calls"][0]["name"].as_str().unwrap().to_owned();
        let settle = ["task", "settle", &doubted, &effect, "--landed", "--result", &text, "--reason", &reason];
        self.ann(&settle).exits(0);
        assert_eq!(self.rest(&doubted)["status"], "COMPLETED");
        vec![said, denied, doubted]
    }

    /// Tasks with such a text in what tools print, in a file, in a page, and in what a model says.
    fn said_by_machines(&self) -> Vec<String> {
        let (mut tasks, goal) = (vec![], controls(16_000));
        let wanted = [
            ("raw", "COMPLETED", ""),
            ("cries", "FAILED", "wrote without end"),
            ("hands-on-small", "COMPLETED", ""),
            ("hands-on-middle", "FAILED", "are more than 1048576"),
            ("hands-on-large", "FAILED", "are more than 1048576"),
            ("fetches", "COMPLETED", ""),
            ("reads", "COMPLETED", ""),
        ];
        let driven = [("COMPLETED", ""), ("COMPLETED", ""), ("FAILED", "status 400")].map(|(status, says)| ("", status, says));
        for (workflow, status, says) in wanted.into_iter().chain(driven) {
            let task = if workflow.is_empty() {
                id(&self.ann(&["task", "run", "--agent", "clerk", "--detach", &goal]))
            } else {
                self.run(workflow, &json!({}))
            };
            let shown = self.rest(&task);
            let detail = shown["failure_detail"].as_str().unwrap();
            assert!(shown["status"] == status && detail.contains(says), "{workflow}: {} {detail:?}", shown["status"]);
            assert!(detail.len() < 8 << 10, "{workflow}: {}", detail.len());
            tasks.push(task);
        }
        tasks
    }
}

#[test]
fn issue_4_control_characters_by_every_door_of_a_task() {
    let server = server();
    let web = Web::serve(|_, _| page(200, "text/plain", controls(MEGABYTE)));
    let installation = installation(&server, &web);
    write(&installation);
    let daemon = installation.start();
    let tasks = [installation.said_by_people(), installation.said_by_machines()].concat();
    let (last, reason) = (tasks.last().unwrap(), controls(4_000));
    let hold = installation.ann(&["admin", "hold", "add", "--task", last, "--reason", &reason]).exits(0).json();
    installation.prints_only_text(&["admin", "hold", "list"], &FORMATS);
    installation.ann(&["admin", "hold", "remove", hold["name"].as_str().unwrap(), "--reason", &reason, "--yes"]).exits(0);
    for task in &tasks {
        installation.prints_only_text(&["task", "show", task, "--tree"], &["table"]);
        installation.prints_only_text(&["task", "result", task], &TWO_FORMATS);
        installation.prints_only_text(&["task", "watch", task], &["table"]);
        installation.prints_only_text(&["audit", "query", "--task", task], &TWO_FORMATS);
        installation.is_proven(task);
    }
    for asked in [&["task", "list"][..], &["task", "show", last], &["audit", "tail", "--lines", "500"], &["audit", "show", "20"]]
    {
        installation.prints_only_text(asked, &FORMATS);
    }
    installation.ann(&["admin", "erase", "--task", last, "--reason", &reason, "--yes"]).exits(0);
    installation.verify_audit();
    let peak = peak_kib(daemon.pid());
    println!("the daemon used {peak} KiB");
    assert!(is_harmless(&installation.log_text()), "the log");
    assert!(daemon.stop().0.success());
    verified_offline(&installation);
    assert!(peak < MEMORY_MAX_KIB, "the daemon used {peak} KiB");
}
