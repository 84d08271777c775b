use serde_json::{Value, json};

use super::*;

const PATH: &str = "workspaces/clerk/skills/read-mail/SKILL.md";

fn front(change: &Value) -> String {
    let mut front = json!({"name": "read-mail", "description": "Reads mail; for goals about mail."});
    front.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    format!("---\n{front}\n---\n\nOpen the folder first.\n")
}

fn with(text: &str) -> Result<Snapshot, Vec<Finding>> {
    let mut files = good();
    files.insert(PATH.to_owned(), text.as_bytes().to_vec());
    assemble(files)
}

#[test]
fn a_skill_is_read_recorded_and_grants_nothing() {
    let tools = "scan fs.write  Bash(git:*) Read\tfs.read";
    let text = front(&json!({"license": "MIT", "compatibility": "any", "metadata": {"version": "1"}, "allowed-tools": tools}));
    let snapshot = with(&text).unwrap();
    let clerk = &snapshot.agents[&name("clerk")];
    let skill = &clerk.skills["read-mail"];
    assert_eq!(skill.body, "Open the folder first.");
    assert_eq!(skill.tools, Some(["fs.read", "scan"].map(name).into()), "only what the agent has");
    assert!(!clerk.tools.contains(&name("fs.write")), "the agent got a tool by its skill");
    let digest = crate::digest::Digest::of_bytes(text.as_bytes());
    assert!(clerk.bootstrap_digests().contains(&("skills/read-mail/SKILL.md".to_owned(), digest)));
    assert_eq!(with(&front(&json!({}))).unwrap().agents[&name("clerk")].skills["read-mail"].tools, None);
    let without = format!("\u{feff}{}", front(&json!({})).replace('\n', "\r\n"));
    assert!(with(&without).is_ok(), "a byte order mark and lines of another system");
}

#[test]
fn what_the_public_format_refuses_is_refused() {
    let long = |len: usize| "ä".repeat(len);
    for (text, kind, word) in [
        (front(&json!({"name": "read-mai1"})), FindingKind::Value, "folder"),
        (front(&json!({"name": "Read-mail"})), FindingKind::Value, "a-z"),
        (front(&json!({"name": "-read"})), FindingKind::Value, "a-z"),
        (front(&json!({"name": "a".repeat(65)})), FindingKind::Value, "64"),
        (front(&json!({"name": ""})), FindingKind::Value, "a-z"),
        (front(&json!({"name": 7})), FindingKind::Syntax, "string"),
        (front(&json!({"description": " \n"})), FindingKind::Value, "empty"),
        (front(&json!({"description": long(1_025)})), FindingKind::Value, "1024"),
        (front(&json!({"description": "a\u{1b}[2J"})), FindingKind::Value, "control"),
        (front(&json!({"compatibility": ""})), FindingKind::Value, "empty"),
        (front(&json!({"compatibility": long(501)})), FindingKind::Value, "500"),
        (front(&json!({"metadata": {"a": {"b": "c"}}})), FindingKind::Syntax, "string"),
        (front(&json!({"tools": "fs.read"})), FindingKind::Syntax, "unknown field"),
        (front(&json!({"license": long(9_000)})), FindingKind::Syntax, "16384"),
        ("---\n{\"name\": \"read-mail\"}\n---\n".to_owned(), FindingKind::Syntax, "description"),
        ("---\n{}\n".to_owned(), FindingKind::Syntax, "no end"),
        ("# Mail\n".to_owned(), FindingKind::Syntax, "does not begin"),
        (String::new(), FindingKind::Syntax, "does not begin"),
        ("---\n".repeat(2) + "---\n", FindingKind::Syntax, "EOF"),
        (front(&json!({})) + &"x".repeat(BOOTSTRAP_LEN_MAX), FindingKind::Size, "65536"),
        (front(&json!({})) + &["gh", "p_Zk3vQ9xLm2Rt7Yp4Bn8Wc1Hd6Jf5Gs0aKe2ux"].concat(), FindingKind::Secret, "github-token"),
    ] {
        let findings = with(&text).unwrap_err();
        assert_eq!(findings.len(), 1, "{findings:?}");
        let finding = &findings[0];
        assert_eq!((finding.file.as_str(), finding.kind), (PATH, kind), "{finding}");
        assert!(finding.why.contains(word), "{word}: {finding}");
    }
    for text in [front(&json!({"description": long(1_024)})), front(&json!({"compatibility": long(500)}))] {
        assert!(with(&text).is_ok());
    }
}

#[test]
fn skills_have_an_agent_and_a_limit_together() {
    let many = |agent: &str, count: usize, body: usize| {
        let mut files = good();
        for index in 0..count {
            let text = format!("---\n{{\"name\": \"s{index}\", \"description\": \"d\"}}\n---\n{}", "x".repeat(body));
            files.insert(format!("workspaces/{agent}/skills/s{index}/SKILL.md"), text.into_bytes());
        }
        assemble(files)
    };
    assert_eq!(many("clerk", SKILLS_MAX, 10).unwrap().agents[&name("clerk")].skills.len(), SKILLS_MAX);
    let whats = |found: Result<Snapshot, Vec<Finding>>| found.unwrap_err().into_iter().map(|f| f.what).collect::<Vec<_>>();
    assert_eq!(whats(many("clerk", SKILLS_MAX + 1, 10)), ["33 skills"]);
    assert_eq!(whats(many("ghost", 1, 10)), ["workspace belongs to no agent"]);
    let found = whats(many("clerk", 20, 60_000));
    assert!(found.len() == 1 && found[0].ends_with("bytes of bootstrap files"), "{found:?}");
}

#[test]
fn agents_md_is_another_name_of_agent_md() {
    let with = |files: &[(&str, &str)]| {
        let mut all = good();
        all.extend(files.iter().map(|(file, text)| (format!("workspaces/clerk/{file}"), text.as_bytes().to_vec())));
        assemble(all).map(|snapshot| snapshot.agents[&name("clerk")].bootstrap.keys().cloned().collect::<Vec<_>>())
    };
    assert_eq!(with(&[("AGENTS.md", "a")]).unwrap(), ["AGENTS.md", "MEMORY/notes.md", "SOUL.md"]);
    assert_eq!(with(&[("AGENTS.md", "a"), ("AGENT.md", "a")]).unwrap(), ["AGENT.md", "MEMORY/notes.md", "SOUL.md"]);
    let findings = with(&[("AGENTS.md", "a"), ("AGENT.md", "b")]).unwrap_err();
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].file.as_str(), findings[0].kind), ("workspaces/clerk/AGENTS.md", FindingKind::Value));
}
