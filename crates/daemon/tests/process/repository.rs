//! Bad commits: the last good state stays in force, and `repo status` says what is wrong where.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::Answer;
use crate::installation::{Installation, Times, id, shipped};
use crate::ledger::Class;

/// Longest time in which a bad commit is refused, the command line's own included; a debug build on a busy machine.
const REFUSAL_MAX: Duration = Duration::from_secs(10);

/// A bad file, and what its finding says.
struct Bad {
    path: &'static str,
    text: String,
    says: &'static str,
}

fn bad(path: &'static str, text: impl Into<String>, says: &'static str) -> Bad {
    Bad { path, text: text.into(), says }
}

fn workflow(steps: &Value) -> String {
    json!({ "id": "extra", "description": "Is refused.", "input": { "type": "object", "properties": {} }, "steps": steps })
        .to_string()
}

fn pure(id: &str, entry: &Value) -> Value {
    json!({ "id": id, "tool": "ledger.pure", "args": { "entry": entry, "before_ms": 0, "after_ms": 0 } })
}

/// Each level repeats the one below nine times: nine lines would be 3 GB.
fn anchor_bomb() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    text
}

fn bad_files() -> Vec<Bad> {
    let key = ["AK", "IA", "QWERTYUIOPASDFGH"].concat();
    vec![
        bad("teams/ops.yaml", "id: ops\nid: ops\ndescription: Twice.\nlead: clerk\n", "id"),
        bad("teams/bomb.yaml", anchor_bomb(), ""),
        bad("teams/deep.yaml", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), ""),
        bad("teams/deeper.yaml", "- ".repeat(100_000), ""),
        bad("teams/lost.yaml", "id: lost\ndescription: Led by nobody.\nlead: nobody\n", "nobody"),
        bad("teams/unknown.yaml", "id: unknown\ndescription: x\nlead: clerk\ncolour: red\n", "colour"),
        bad(
            "workflows/extra.yaml",
            workflow(&json!([pure("one", &json!("${steps.two.output.entry}")), pure("two", &json!("x"))])),
            "cycle",
        ),
        bad("workflows/extra.yaml", workflow(&json!([pure("one", &json!(7))])), "string"),
        bad("workflows/extra.yaml", workflow(&json!([{ "id": "one", "tool": "no.such", "args": {} }])), "no.such"),
        bad("policies/extra.cedar", "permit (principal, action, resource", ""),
        bad("policies/extra.cedar", "permit (principal, action == Action::\"fly\", resource);", "fly"),
        bad("workspaces/clerk/SOUL.md", format!("A clerk.\naws_access_key_id = {key}\n"), ""),
        bad("agents/Big.yaml", "id: big\n", "lower case"),
    ]
}

#[test]
fn bad_commits_are_refused_and_the_last_good_one_stays() {
    let installation = Installation::new();
    let mut daemon = installation.start();
    let mut good = installation.ann(&["repo", "status"]).exits(0).json()["commit"].as_str().unwrap().to_owned();
    for (round, Bad { path, text, says }) in bad_files().into_iter().enumerate() {
        let original = std::fs::read_to_string(installation.path("desired").join(path)).ok();
        let commit = installation.commit(&[(path, Some(&text))]);
        let start = Instant::now();
        let applied = installation.ann(&["repo", "apply"]).exits(7);
        assert!(start.elapsed() < REFUSAL_MAX, "{path} took {:?}", start.elapsed());
        assert_eq!(applied.error().code, "DESIRED_STATE_REFUSED");
        let status = installation.ann(&["repo", "status"]).exits(7);
        let shown = status.json();
        assert_eq!((shown["commit"].as_str(), shown["head"].as_str()), (Some(good.as_str()), Some(commit.as_str())), "{shown:#}");
        let findings = shown["findings"].as_array().unwrap();
        let about: Vec<_> = findings.iter().filter(|finding| finding["name"] == path).collect();
        assert!(about.iter().all(|finding| ["what", "why", "next"].iter().all(|part| finding[part] != "")), "{path}: {shown:#}");
        let said = about.iter().any(|finding| format!("{} {}", finding["what"], finding["why"]).contains(says));
        assert!(said, "no finding about {path} says `{says}`: {shown:#}");
        assert!(
            !status.stdout.contains("QWERTYUIOP") && !status.stderr.contains("QWERTYUIOP"),
            "the secret is shown: {status:#?}"
        );
        // What is in force still works.
        let entry = format!("under-{round}");
        let task = id(&installation.submit(Class::Pure, &entry, Times::default()));
        assert_eq!(installation.rest(&task)["commit"].as_str(), Some(good.as_str()));
        installation.ledger.check(Class::Pure, &entry);
        // The daemon looks by itself too, so the mended commit has to be in force before the next bad one comes.
        good = installation.commit(&[(path, original.as_deref())]);
        let mended = installation.ann(&["repo", "apply"]).exits(0).json();
        assert_eq!((&mended["findings"], mended["commit"].as_str()), (&json!([]), Some(good.as_str())));
    }
    assert!(daemon.ended().is_none());
    installation.verify_audit();
}

#[test]
fn a_bad_commit_at_start_leaves_the_last_good_one_in_force() {
    let installation = Installation::new();
    installation.start().kill();
    let commit = installation.commit(&[("teams/ops.yaml", Some("id: [\n"))]);
    let _daemon = installation.start();
    let shown = installation.ann(&["repo", "status"]).exits(7).json();
    assert_eq!(shown["head"].as_str(), Some(commit.as_str()));
    assert_ne!(shown["commit"], shown["head"]);
    let task = id(&installation.submit(Class::Pure, "still", Times::default()));
    assert_eq!(installation.rest(&task)["status"], "COMPLETED");
}

/// What `repo status` says beside the commit that is in force.
fn notes(installation: &Installation) -> Vec<Value> {
    installation.ann(&["repo", "status"]).exits(0).json()["notes"].as_array().unwrap().clone()
}

/// The check of agents that `doctor` makes on the daemon's host.
fn doctor_of_agents(installation: &Installation) -> Value {
    let mut doctor = installation.serve(&shipped());
    let checks = Answer::of(doctor.args(["-o", "json", "doctor", "--offline"])).exits(0).json();
    checks.as_array().unwrap().iter().find(|check| check["name"] == "agents").unwrap().clone()
}

#[test]
fn sem_3_7_a_commit_that_brings_back_who_was_offboarded_brings_back_everything_else() {
    let installation = Installation::new();
    let daemon = installation.start();
    let agent = |name: &str| json!({ "id": name, "team": "ops", "description": "Comes and goes.", "tools": ["ledger.pure"], "workflows": ["pure"] });
    let (walker, other) = (agent("walker").to_string(), agent("other").to_string());
    installation.commit(&[("agents/walker.yaml", Some(&walker))]);
    installation.ann(&["repo", "apply"]).exits(0);
    let run = |agent: &str| {
        let input = json!({ "entry": agent, "before_ms": 0, "after_ms": 0 }).to_string();
        installation.ann(&["task", "run", "--agent", agent, "--workflow", "pure", "--detach", "--input", &input])
    };
    assert_eq!(installation.rest(&id(&run("walker")))["status"], "COMPLETED");
    let token = installation.token_file(&installation.ann(&["agent", "join-token", "walker"]).exits(0));
    installation.enroll("walker", "walker", &token).exits(0);
    installation.commit(&[("agents/walker.yaml", None)]);
    installation.ann(&["--yes", "agent", "offboard", "walker"]).exits(0);
    installation.ann(&["repo", "apply"]).exits(0);
    assert!(notes(&installation).is_empty(), "it is gone from both");
    assert_eq!(doctor_of_agents(&installation)["result"], "ok");
    let uid = installation.ann(&["agent", "show", "walker"]).exits(0).json()["uid"].clone();

    // What a revert does: the file is there again, and whatever else is new is in force.
    let commit = installation.commit(&[("agents/walker.yaml", Some(&walker)), ("agents/other.yaml", Some(&other))]);
    let applied = installation.ann(&["repo", "apply"]).exits(0).json();
    assert_eq!((&applied["commit"], &applied["findings"]), (&json!(commit), &json!([])));
    assert_eq!(installation.rest(&id(&run("other")))["status"], "COMPLETED");
    let back = |installation: &Installation| {
        let notes = notes(installation);
        assert_eq!((notes.len(), &notes[0]["name"]), (1, &json!("agents/walker.yaml")), "{notes:#?}");
        for part in ["what", "why", "next"] {
            assert!(!notes[0][part].as_str().unwrap().is_empty(), "{notes:#?}");
        }
        let check = doctor_of_agents(installation);
        assert!(check["result"] == "warn" && check["detail"].as_str().unwrap().contains("agents/walker.yaml"), "{check:#}");
        // It is nobody: it has neither rights nor certificates, and it is not another one of its name.
        let shown = installation.ann(&["agent", "show", "walker"]).exits(0).json();
        assert_eq!((&shown["standing"], &shown["uid"]), (&json!("offboarded"), &uid));
        assert_eq!(run("walker").exits(7).error().code, "AGENT_NOT_ACTIVE");
        assert_eq!(installation.ann(&["agent", "join-token", "walker"]).exits(7).error().code, "AGENT_NOT_ACTIVE");
        assert_eq!(installation.ann(&["agent", "resume", "walker"]).exits(7).error().code, "NAME_TAKEN");
        assert_ne!(installation.call("walker", "SessionService/WhoAmI", &[]).0, "0");
    };
    back(&installation);
    daemon.kill();
    let _daemon = installation.start();
    back(&installation);
    assert!(installation.log_text().contains("a file of an agent that was offboarded"), "the operator reads it too");
    installation.commit(&[("agents/walker.yaml", None)]);
    installation.ann(&["repo", "apply"]).exits(0);
    assert!(notes(&installation).is_empty());
    installation.verify_audit();
}
